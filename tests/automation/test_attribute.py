# ruff: noqa: E501  the tables read best in rows
"""The step “set an attribute”: typed values, Liquid for each person, and a way for what cannot be worked out."""

from datetime import timedelta

import pytest
from django.db import connection

from automation.advancing import advance
from automation.forms.attribute import AttributeForm
from automation.kinds.attribute import AttributeKind
from automation.models import Enrollment, Visit
from contacts.models import Contact
from events import pipeline
from tests import engine
from tests.automation.flows import flow, happens, mail, queries_to_advance, segment_of, step, ways, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def put(attribute, value="", kind="text", uid="put", then=None):
    return step(uid, "attribute", {"attribute": attribute, "value": value, "kind": kind}, then)


def attributes(user="ann"):
    return Contact.objects.get(identities__value=user).attributes


@pytest.mark.parametrize(
    ("kind", "value", "becomes", "shown"),
    [
        ("text", "pro", "pro", "pro"),
        ("number", " 12.50 ", 12.5, "12.5"),
        ("number", "{{ event.total | times: 2 }}", 160, "160"),
        ("boolean", "yes", True, "yes"),
        ("date", "2026-12-31", "2026-12-31", "31 Dec 2026"),
        ("date", '{{ now | date: "%Y-%m-%d" }}', "2026-03-02", "2 Mar 2026"),
        ("text", "{{ contact.name | default: 'nobody' }}/{{ data.total }}/{{ event.type }}", "nobody/80/order.completed", None),
    ],
)  # fmt: skip
def test_a_value_is_written_as_what_it_is_meant_to_be(track, kind, value, becomes, shown):
    flow(put("level.now", value, kind), event="order.completed")
    track(NOW, "ann", "order.completed", total=80)
    assert attributes()["level"] == {"now": becomes} and type(attributes()["level"]["now"]) is type(becomes)
    assert words("put") == [f"“level.now” was set to “{shown or becomes}”."]


def test_each_person_gets_a_value_of_their_own_and_the_next_step_sees_it(track):
    flow(
        put("greeting", "Dear {{ contact.first_name }}", then="again"),
        put("twice", "{{ contact.greeting }}!", uid="again"),
    )
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up", traits={"first_name": user.title()}, run=False)
    engine.run(NOW)
    assert (attributes("ann")["twice"], attributes("ben")["twice"]) == ("Dear Ann!", "Dear Ben!")


def test_an_attribute_is_removed(track):
    flow(put("plan", kind="nothing"))
    track(NOW, "ann", "users.signed_up", traits={"plan": "pro", "age": 7})
    assert "plan" not in attributes() and attributes()["age"] == 7
    assert words("put") == ["“plan” was removed."]


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        ("{{ contact.first_name }}", "text", '`contact.first_name` has no value for this contact; add | default: "…" or fill it in.'),
        ("{{ contact.words }}", "number", "“many” is not a number; write one such as 18 or 99.50."),
        ("{{ contact.words }}", "boolean", "Write yes or no."),
        ("{{ contact.words }}", "date", "“many” is not a date; write 2026-12-31, or with a time 2026-12-31 18:00."),
        ('{% abort "not them" %}', "text", "It asked not to be written: not them"),
        ("{{ contact.long }}" * 4, "text", "A contact's attributes take at most 32 KB; remove some first."),
    ],
)  # fmt: skip
def test_what_cannot_be_worked_out_leaves_by_its_own_way_and_changes_nothing(track, inbox, value, kind, why):
    flow(put("new", value, kind, then={"failed": "sorry", "done": None}), mail("sorry"))
    track(NOW, "ann", "users.signed_up", traits={"email": "a@b.example", "words": "many", "long": "x" * 20_000})
    assert ways("put") == {"ann": "failed"} and "new" not in attributes()
    [said] = words("put")
    assert said.startswith("“new” was left as it was: ")
    if "KB" not in why:
        assert said == f"“new” was left as it was: {why}"
    assert len(inbox.accepted) == 1


def test_the_fault_of_one_is_not_that_of_the_others(track):
    flow(put("hello", "{{ contact.first_name }}"))
    track(NOW, "ann", "users.signed_up", traits={"first_name": "Ann"}, run=False)
    track(NOW, "ben", "users.signed_up", run=False)
    engine.run(NOW)
    assert ways("put") == {"ann": "done", "ben": "failed"}
    assert set(Enrollment.objects.values_list("state", flat=True)) == {"finished"}


def test_segments_follow(track):
    segment = segment_of("Pros", {"field": "contact.plan", "op": "is", "value": "pro"})
    flow(put("plan", "pro"))
    track(NOW, "ann", "users.signed_up")
    assert segment.memberships.filter(left_at=None).count() == 1


def test_who_is_written_about_by_somebody_else_comes_a_moment_later(transactional_db):
    flow(put("plan", "pro"))
    happens(["ann", "ben"])
    pipeline.drain(NOW)
    ann = Contact.objects.get(identities__value="ann").pk
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM contacts_contact WHERE id = %s FOR UPDATE", [ann])
            advance(NOW)
            assert "plan" not in attributes("ann") and attributes("ben")["plan"] == "pro"
            assert Visit.objects.get(left_at=None).explanation == "Something else is being written about them just now."
            other.rollback()
    finally:
        other.close()
    advance(NOW + timedelta(seconds=1))
    assert attributes("ann")["plan"] == "pro"


def test_the_number_of_queries_does_not_grow_with_the_people():
    flow(put("hello", "{{ contact.email }} {{ contact.tags | join: ',' }} {{ contact.computed.x | default: 1 }}"))
    queries_to_advance(["first"])
    assert queries_to_advance(["second"]) == queries_to_advance([f"u{number}" for number in range(200)])


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Say which attribute: its name, such as plan or subscription.plan."),
        ([], "This step cannot be read; say again which attribute, and what it becomes."),
        ({"attribute": 5}, "This step cannot be read; say again which attribute, and what it becomes."),
        ({"attribute": "a", "value": 5}, "This step cannot be read; say again which attribute, and what it becomes."),
        ({"attribute": "a", "value": "x", "kind": "list"}, "Choose what the value is: a text, a number, yes or no, a date, or nothing."),
        ({"attribute": "a"}, "Write the value; to remove the attribute choose “nothing”."),
        ({"attribute": "email", "value": "x"}, "“email” is not an attribute; send it beside “attributes”, not inside."),
        ({"attribute": "a..b", "value": "x"}, "“a..b” is not an attribute's name; write one such as plan or subscription.plan."),
        ({"attribute": "a\x00", "value": "x"}, "The name of the attribute holds a character that cannot be kept; remove it."),
        ({"attribute": "a", "value": "{{ contact.x"}, None),
        ({"attribute": "a", "value": "{{ contakt.x }}"}, "The value: there is no value “contakt.x”; values begin with contact, event, data, webhook, campaign, site or now."),
        ({"attribute": "a", "value": "abc", "kind": "number"}, "The value: “abc” is not a number; write one such as 18 or 99.50."),
        ({"attribute": "a", "value": "x" * 5_001}, "The value is longer than 5,000 characters; shorten it."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_first_in_one_sentence(config, sentence):
    found = AttributeKind().problems(config)
    assert found[0] == sentence if sentence else found[0].startswith("The value: ")
    assert AttributeKind().describe(config)


def test_it_reads_as_a_person_says_it():
    assert AttributeKind().describe({"attribute": "plan", "value": "pro"}) == "set “plan” to “pro”"
    assert AttributeKind().describe({"attribute": "plan", "kind": "nothing"}) == "remove the attribute “plan”"


def test_the_form_gives_back_what_it_showed():
    config = {"attribute": "plan", "kind": "number", "value": " {{ event.total }}"}
    shown = AttributeForm(initial=AttributeForm.initial_from(config), prefix="s")
    typed = {f"s-{field.name}": field.value() for field in shown}
    form = AttributeForm(typed, prefix="s")
    assert form.is_valid() and form.config() == config
    assert AttributeForm({"attribute": "plan", "kind": "text", "value": " "}).errors["value"]
    gone = AttributeForm({"attribute": "plan", "kind": "nothing", "value": "rest"})
    assert gone.is_valid() and gone.config() == {"attribute": "plan", "kind": "nothing"}
