# ruff: noqa: E501  the tables read best in rows
"""The step “add to a list”: in, out and from one to another, by the verbs of segments."""

import pytest

from automation.forms.list import ListForm
from automation.kinds.list import ListKind
from campaigns.document import Trigger
from campaigns.models import Reference
from campaigns.segment_uses import places
from events.models import Event
from segments.models import Membership, Segment
from tests import engine
from tests.automation.flows import flow, happens, queries_to_advance, step, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def lists():
    return [
        Segment.objects.create(name=name, kind=Segment.Kind.STATIC, created_at=NOW) for name in ("Leads", "Clients")
    ]


def change(effect, segment, to=None, uid="list", then=None):
    config = {"effect": effect, "segment": segment.pk} | ({"to": {"segment": to.pk}} if to else {})
    return step(uid, "list", config, then)


def inside(segment):
    rows = Membership.objects.current().filter(segment=segment, contact__identities__kind="user")
    return sorted(rows.values_list("contact__identities__value", flat=True))


def test_people_are_put_in_taken_out_and_moved(track, lists):
    leads, clients = lists
    flow(change("add", leads), event="users.signed_up", name="in")
    flow(change("move", leads, clients, uid="move"), event="order.completed", name="move")
    flow(change("remove", clients, uid="out"), event="users.logged_in", name="out")
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    assert inside(leads) == ["ann", "ben"]
    for user in ("ann", "cleo"):
        track(NOW, user, "order.completed")
    assert (inside(leads), inside(clients)) == (["ben"], ["ann"]), "cleo was in no list to be moved from"
    track(NOW, "ann", "users.logged_in")
    assert inside(clients) == []
    assert words("list")[0] == "Put into the list “Leads”."
    assert words("move")[0] == "Moved from the list “Leads” to the list “Clients”, if they were in it."
    assert words("out") == ["Taken out of the list “Clients”."]


def test_the_membership_says_that_a_campaign_did_it_and_the_event_counts_its_hop(track, lists):
    flow(change("add", lists[0]))
    track(NOW, "ann", "users.signed_up")
    row = Membership.objects.get()
    assert (row.entered_by, row.by) == ("step", None)
    event = Event.objects.get(type="segment.entered")
    assert (event.properties["cause"], event.hops) == ("step", 1)


def test_two_campaigns_that_move_somebody_to_and_fro_come_to_an_end(track, lists):
    leads, clients = lists
    for here, there in ((leads, clients), (clients, leads)):
        entered = {"field": "event.segment", "op": "is", "value": here.pk}
        trigger = Trigger(event="segment.entered", filter=entered)
        flow(change("move", here, there), name=here.name, triggers=[trigger], reentry={"mode": "every_time"})
    flow(change("add", leads))
    track(NOW, "ann", "users.signed_up")
    hops = Event.objects.filter(type="segment.entered").order_by("hops").values_list("hops", flat=True)
    assert list(hops) == list(range(1, 11))


def test_a_list_that_is_gone_is_no_failure(track, lists):
    flow(change("add", lists[0]))
    Segment.objects.all().delete()
    track(NOW, "ann", "users.signed_up")
    assert words("list")[0].startswith("Nothing was changed: There is no list ")


def test_the_number_of_queries_does_not_grow_with_the_people(lists):
    flow(change("add", lists[0], then="on"), change("move", *lists, uid="on"))
    queries_to_advance(["first"])
    assert queries_to_advance(["second"]) == queries_to_advance([f"u{number}" for number in range(200)])
    assert Membership.objects.current().filter(segment=lists[1]).count() == 202


def test_the_campaign_counts_as_a_use_of_the_lists(lists):
    flow(change("move", *lists), name="Mover")
    assert Reference.objects.filter(kind="segment").count() == 2
    assert [[what for what, _ in places([one.pk]).get(one.pk, [])] for one in lists] == [["the campaign “Mover”"]] * 2


def test_who_is_in_the_campaign_twice_is_put_in_once(lists):
    flow(change("add", lists[0]), event="order.completed", entry_key="order", reentry={"mode": "every_time"})
    for order in "ab":
        happens(["ann"], "order.completed", order=order)
    engine.run(NOW)
    assert Membership.objects.count() == 1 and len(words("list")) == 2


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Choose the list."),
        ("", "This step cannot be read; choose the list and what is done with it again."),
        ({"segment": "Leads"}, "This step cannot be read; choose the list and what is done with it again."),
        ({"segment": True}, "This step cannot be read; choose the list and what is done with it again."),
        ({"segment": 10**30}, "There is no list 10000000000000000000 any more; choose another one."),
        ({"segment": -1}, "There is no list -1 any more; choose another one."),
        ({"effect": "drop"}, "Choose what is done: put into a list, taken out, or moved."),
        ({"effect": "move", "segment": -1, "to": 5}, "This step cannot be read; choose the list and what is done with it again."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(config, sentence):
    assert ListKind().problems(config)[0] == sentence
    assert ListKind().describe(config)


def test_a_segment_that_goes_by_rules_is_refused(lists):
    rules = Segment.objects.create(name="Rules", created_at=NOW)
    assert ListKind().problems({"segment": rules.pk}) == [
        "“Rules” fills itself by its rules; choose a segment that is a fixed list."
    ]
    same = {"effect": "move", "segment": lists[0].pk, "to": {"segment": lists[0].pk}}
    assert ListKind().problems(same) == ["They are moved from a list to the same list; choose another one."]
    assert [pk for pk, _ in ListForm().fields["segment"].choices] == ["", lists[1].pk, lists[0].pk]


def test_the_form_gives_back_what_it_showed(lists):
    config = {"effect": "move", "segment": lists[0].pk, "to": {"segment": lists[1].pk}}
    assert ListKind().problems(config) == []
    assert ListKind().describe(config) == "move from the list “Leads” to the list “Clients”"
    shown = ListForm(initial=ListForm.initial_from(config))
    form = ListForm({field.name: field.value() for field in shown})
    assert form.is_valid(), form.errors
    assert form.config() == config
    assert ListForm({"effect": "move", "segment": lists[0].pk}).errors["to"]
    assert ListForm({"effect": "add", "segment": 99999}).errors["segment"]
