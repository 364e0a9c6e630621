# ruff: noqa: E501  the tables read best in rows
"""The leaf that asks for one thing and then another."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from segments.conditions import compiled, matching, reads, sentence, validate, vanished
from tests.segments.behaviour import ORDER, VIEW, Deed, happen, record
from tests.segments.population import NOW, contact

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def then(verb="did", first=VIEW, second=ORDER, within=(3, "days"), **more):
    parts = [part if isinstance(part, dict) else {"event": part} for part in (first, second)]
    return {"sequence": parts, "then": verb, "within": {"amount": within[0], "unit": within[1]}, **more}


def those(tree, now=NOW):
    found = list(matching(Contact.objects.order_by("pk"), tree, now))
    others = list(matching(Contact.objects.order_by("pk"), {"not": tree}, now))
    everyone = list(Contact.objects.order_by("pk"))
    assert sorted([*found, *others], key=lambda one: one.pk) == everyone
    asked = [one.pk for one in everyone[::2]]
    some = Contact.objects.order_by("pk").filter(compiled(tree, "contact", now, only=asked), pk__in=asked)
    assert list(some) == [one for one in found if one.pk in asked]
    return found


def test_did_and_then_did_or_did_not():
    bought, late, never, before, fresh, only = (contact() for _ in range(6))
    for who in (bought, late, never, before):
        happen(who, VIEW, ago=10 * DAY)
    happen(bought, ago=7 * DAY)  # exactly three days later
    happen(late, ago=7 * DAY - timedelta(microseconds=1))
    happen(before, ago=11 * DAY)
    happen(fresh, VIEW, ago=2 * DAY)
    happen(only, ago=2 * DAY)
    assert those(then()) == [bought]
    assert those(then("did not")) == [late, never, before]
    assert those(then("did not"), NOW + 2 * DAY) == [late, never, before, fresh]


def test_one_pair_among_many_is_enough():
    ann = contact()
    for ago in (40, 20, 1):
        happen(ann, VIEW, ago=ago * DAY)
    happen(ann, ago=19 * DAY)
    assert those(then()) == those(then("did not")) == [ann]
    assert those(then("did not", when={"in the last": {"amount": 30, "unit": "days"}})) == []
    assert those(then(when={"more than ago": {"amount": 30, "unit": "days"}})) == []


def test_of_two_at_the_same_time_the_later_recorded_one_comes_after():
    forward, backward, twice, once = (contact() for _ in range(4))
    at = NOW - 5 * DAY
    record([Deed(forward.pk, VIEW, at), Deed(forward.pk, ORDER, at)])
    record([Deed(backward.pk, ORDER, at), Deed(backward.pk, VIEW, at)])
    record([Deed(twice.pk, ORDER, at), Deed(twice.pk, ORDER, at), Deed(once.pk, ORDER, at)])
    assert those(then()) == [forward]
    assert those(then("did not")) == [backward]
    assert those(then(first=ORDER)) == [twice]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("a1", "A1", True), (18, "18", True), (18.0, "18", True), (18, 18.5, False), ("007", 7, False), ("Äpfel", "äPFEL", True),
        (True, "true", True), (None, None, False), ("", "", False), (["a"], ["a"], False), (1e300, 1e300, True),
    ],
)  # fmt: skip
def test_the_same_property_is_compared_as_a_text(first, second, same):
    ann = contact()
    happen(ann, VIEW, ago=5 * DAY, sku=first)
    happen(ann, ORDER, ago=5 * DAY - HOUR, item=second)
    assert those(then(same=["sku", "item"])) == ([ann] if same else [])
    assert those(then("did not", same=["sku", "item"])) == ([] if same else [ann])


def test_filters_stand_at_either_event():
    ann, bob = contact(), contact()
    for who, price in ((ann, 100), (bob, 5)):
        happen(who, VIEW, ago=5 * DAY, price=price)
        happen(who, ORDER, ago=4 * DAY, total=price)
    dear = {"event": VIEW, "where": {"field": "event.price", "op": ">", "value": 50}}
    cheap = {"event": ORDER, "where": {"field": "event.total", "op": "<", "value": 50}}
    assert those(then(first=dear)) == [ann]
    assert those(then(second=cheap)) == [bob]
    assert those(then("did not", second=cheap)) == [ann]
    assert those(then(first=dear, second=cheap)) == []


SENTENCES = [
    (then(), "they viewed a product and then completed an order within 3 days of it"),
    (then("did not"), "they viewed a product and then never completed an order within 3 days of it"),
    (then(same=["sku", "sku"], when={"in the last": {"amount": 30, "unit": "days"}}),
     "they viewed a product in the last 30 days and then completed an order within 3 days of it with the same sku"),
    (then(same=["sku", "item"]), "they viewed a product and then completed an order within 3 days of it with a item that is the first one’s sku"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "words"), SENTENCES)
def test_it_is_said_in_plain_words(tree, words):
    assert sentence(tree, "contact") == words


WRONG = [
    ({**then(), "sequence": "x"}, "sequence", "Write two events"),
    ({**then(), "sequence": [{"event": VIEW}]}, "sequence", "Write two events"),
    ({**then(), "sequence": [VIEW, {"event": ORDER}]}, "sequence[0]", "Choose what happened"),
    (then(second={"event": ""}), "sequence[1].event", "Choose what happened"),
    (then(second={"event": ORDER, "op": ">"}), "sequence[1].“op”", "says nothing"),
    (then(second={"event": ORDER, "where": {"field": "event.total", "op": ">", "value": ""}}), "sequence[1].where.value", "Fill in"),
    (then("might"), "then", "“did not”"),
    (then(within=(0, "days")), "within", "above 0"),
    ({key: value for key, value in then().items() if key != "within"}, "within", "a number and a unit"),
    (then(same="sku"), "same", "Write two properties"),
    (then(same=["sku", 3]), "same[1]", "Choose a property"),
    (then(when=7), "when", "This is no time"),
    (then(op="is"), "“op”", "says nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "path", "words"), WRONG)
def test_what_is_wrong_is_named_in_a_sentence(tree, path, words):
    problems = validate(tree, "contact")
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].sentence


def test_it_reads_both_events_and_names_what_vanished():
    assert reads(then(), "contact") == {f"event:{VIEW}", f"event:{ORDER}"}
    assert vanished(then(same=["sku", "order_id"]), "contact") == []
    assert vanished(then(second="wish.made"), "contact") == [
        "The event “wish.made” is not known any more, so nobody matches; choose another."
    ]
    assert vanished(then(same=["sku", "colour"]), "contact") == [
        "The event “Order completed” has no property “colour” any more; choose another."
    ]
