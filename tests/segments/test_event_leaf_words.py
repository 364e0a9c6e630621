# ruff: noqa: E501  the tables read best in rows
"""The leaf that asks what somebody did, in words: its sentence, what is wrong with it, and what vanished."""

import pytest

from events.models import EventTypeRow
from segments.conditions import reads, sentence, typed, validate, vanished
from tests.segments.behaviour import ORDER, happen
from tests.segments.population import contact
from tests.segments.test_event_leaf import CHEAP, orders, span

pytestmark = pytest.mark.django_db
SENTENCES = [
    (orders(), "they completed an order"),
    ({"event": "email.sent"}, "they were sent an e-mail"),
    ({"event": "wish.made"}, "they did “wish.made”"),
    (orders(op="≥", value=1), "they completed an order"),
    (orders(op="is", value=0, when={"in the last": span(30)}), "they never completed an order in the last 30 days"),
    (orders(op="≥", value=2, when={"in the last": span(30)}, where=CHEAP),
     "they completed an order at least 2 times in the last 30 days (where the event’s total is less than 50)"),
    (orders(op="is", value=1), "they completed an order exactly 1 time"),
    (orders(op="between", value=[2, 5]), "they completed an order between 2 and 5 times"),
    (orders(when={"more than ago": span(1, "weeks")}), "they completed an order more than 7 days ago"),
    (orders(when={"in the last": span(7), "calendar": True}), "they completed an order in the last 7 calendar days"),
    (orders(when={"between ago": [span(7), span(3)]}), "they completed an order between 3 days and 7 days ago"),
    (orders(when={"from": "2026-01-01"}), "they completed an order since 1 January 2026"),
    (orders(measure="sum", property="total", op=">", value=500, when={"to": "2026-01-01"}),
     "the sum of total over “Order completed” until 1 January 2026 is more than 500"),
    (orders(measure="average", property="total", op="≥", value=5), "the average total over “Order completed” is at least 5"),
    (orders(measure="distinct", property="sku", op="≥", value=5), "the number of different values of sku over “Order completed” is at least 5"),
    (orders(measure="first", op="in the last", value=span(7)), "the first time they completed an order is in the last 7 days"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "words"), SENTENCES)
def test_it_is_said_in_plain_words(tree, words):
    assert sentence(tree, "contact") == words


WRONG = [
    ({"event": None}, "event", "Choose what happened"),
    ({"event": 12}, "event", "Choose what happened"),
    ({"event": " "}, "event", "Choose what happened"),
    ({"event": "x" * 121}, "event", "longer than 120"),
    ({"event": "a\x00"}, "event", "The event’s name"),
    (orders(where=[]), "where", "no condition"),
    (orders(where={"all": [{"field": "event.total", "op": ">", "value": "much"}]}), "where.all[0].value", "is not a number"),
    (orders(where={"field": "contact.plan", "op": "is", "value": "pro"}), "where.field", "Only the event itself"),
    (orders(where={"event": ORDER}), "where", "Only the event itself"),
    (orders(measure="median"), "measure", "is no measure"),
    (orders(measure=["sum"]), "measure", "is no measure"),
    (orders(measure="sum", op=">", value=1), "property", "Choose a property"),
    (orders(measure="sum", property="a..b", op=">", value=1), "property", "is not a field"),
    (orders(measure="count", property="total"), "property", "needs no property"),
    (orders(measure="sum", property="total"), "op", "Choose how to compare"),
    (orders(measure="sum", property="total", type="text", op="is", value=1), "type", "Only different values"),
    (orders(value=2), "op", "Choose how to compare the number"),
    (orders(op="contains", value=2), "op", "does not work here"),
    (orders(op={"a": 1}, value=2), "op", "does not work here"),
    (orders(op="≥"), "value", "Fill in a number"),
    (orders(op="≥", value="some"), "value", "is not a number"),
    (orders(op="between", value=[2, 1]), "value", "change their order"),
    (orders(op="between", value=[1, "x"]), "value[1]", "is not a number"),
    (orders(measure="first", op="≥", value=2), "op", "does not work here"),
    (orders(measure="last", op="before", value="soon"), "value", "is not a date"),
    (orders(when="ever"), "when", "This is no time"),
    (orders(when={"lately": 1}), "when", "says nothing about a time"),
    (orders(when={"calendar": True}), "when", "Choose one way"),
    (orders(when={"in the last": span(7), "more than ago": span(2)}), "when", "Choose one way"),
    (orders(when={"in the last": 7}), "when.in the last", "a number and a unit"),
    (orders(when={"in the last": span(1, "months")}), "when.in the last", "The unit must be"),
    (orders(when={"in the last": span(7), "calendar": "yes"}), "when.calendar", "true or false"),
    (orders(when={"in the last": span(7, "hours"), "calendar": True}), "when.in the last", "whole"),
    (orders(when={"between ago": [span(7)]}), "when.between ago", "Write two times"),
    (orders(when={"between ago": [span(7), span(-1)]}), "when.between ago[1]", "above 0"),
    (orders(when={"between ago": [span(7), span(1, "weeks")]}), "when.between ago", "the same"),
    (orders(when={"from": "2026-02-01", "to": "2026-01-01"}), "when.from", "change their order"),
    (orders(when={"from": "yesterday"}), "when.from", "is not a date"),
    (orders(when={"since": "entry"}), "when.since", "Only inside a campaign"),
    (orders(when={"since": "birth"}), "when.since", "Only “entry”"),
    (orders(often=True), "“often”", "says nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "path", "words"), WRONG)
def test_what_is_wrong_is_named_in_a_sentence(tree, path, words):
    problems = validate({"all": [tree]}, "contact")
    assert [problem.path for problem in problems] == [f"all[0].{path}"]
    assert words in problems[0].sentence and problems[0].sentence.endswith(".")


def test_it_reads_its_event_and_keeps_the_types_of_properties():
    assert reads(orders(where=CHEAP), "contact") == {"event:order.completed"}
    stored = typed(orders(where={"field": "event.total", "op": "is", "value": "5"}), "contact")
    assert stored["where"]["type"] == "number"
    assert typed(orders(measure="distinct", property="total", op=">", value=1), "contact")["type"] == "number"


def test_a_type_or_property_that_is_not_there_any_more_is_named():
    assert vanished(orders(where=CHEAP, measure="sum", property="total", op=">", value=1), "contact") == []
    assert vanished({"event": "wish.made"}, "contact") == [
        "The event “wish.made” is not known any more, so nobody matches; choose another."
    ]
    EventTypeRow.objects.create(key="wish.made", label="Wish made")
    wish = {"event": "wish.made", "where": {"field": "event.colour", "op": "is", "value": "red"}}
    assert vanished(wish, "contact") == ["The event “wish.made” has no property “colour” any more; choose another."]
    happen(contact(), "wish.made", colour="red")
    assert vanished(wish, "contact") == []
