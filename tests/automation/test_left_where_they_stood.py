"""Published and paused while people wait for anything: a time, a person, their turn at a gate. Nobody loses that."""

from datetime import datetime, timedelta

import pytest

from automation import by_hand
from automation.gate_models import Gate, Place
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, to_json
from campaigns.flow import Flow
from campaigns.flow_edits import Deed, do
from campaigns.resuming import Resumption
from campaigns.ways import next_kept
from tests import engine
from tests.automation.flows import changed, flow, step
from tests.automation.publishing_again import DAY, HOUR, edit, mails, now_rows, publish, subjects
from tests.automation.test_gate import at, gate, inside, rest, row
from tests.factories import NOW, CampaignFactory

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
GOING = [rest("inside", 10, "bye"), rest("bye", 1440)]


def come(track, *names, at=NOW):
    for number, name in enumerate(names):
        traits = {"email": f"{name}@example.com"}
        track(at + number * MINUTE, name, "users.signed_up", traits=traits)


# --- what a pause adds ---


def shifted(campaign, hours: int):
    """Paused an hour after they came, for so long; everything is later by that."""
    lifecycle.pause(campaign, None, NOW + HOUR)
    engine.run(NOW + HOUR + hours * HOUR)
    lifecycle.resume(campaign, None, NOW + HOUR + hours * HOUR, Resumption("shift", None, False))


def test_time_in_a_pause_is_not_time_waited(inbox, track):
    campaign = CampaignFactory(event="users.signed_up", rows=mails("first", "second"))
    come(track, "ann")
    shifted(campaign, 10)
    assert Enrollment.objects.get().due_at == NOW + DAY + 10 * HOUR
    rows = now_rows(campaign)
    rows[1].wait_amount = 2
    edit(campaign, rows)
    publish(campaign, NOW + 12 * HOUR, waits={"wait1": "recompute"})
    assert Enrollment.objects.get().due_at == NOW + 2 * DAY + 10 * HOUR
    facts = Visit.objects.get(left_at=None).facts
    assert datetime.fromisoformat(facts["since"]) == NOW + 10 * HOUR
    rows[1].wait_amount = 3
    edit(campaign, rows)
    shifted(campaign, 5)
    publish(campaign, NOW + 20 * HOUR, waits={"wait1": "recompute"})
    assert Enrollment.objects.get().due_at == NOW + 3 * DAY + 15 * HOUR, "two pauses"


def test_whoever_waits_for_something_has_as_long_for_it_after_a_pause(track):
    late = {"field": "contact.created_at", "op": "before", "value": "2001-01-01"}
    turning = {"arms": [{"uid": "old", "name": "Old", "condition": late}], "timeout": {"amount": 6, "unit": "hours"}}
    campaign = flow(step("hope", "wait_for", turning, "bye"), rest("bye", 60))
    come(track, "ann")
    assert row("ann").step_uid == "hope"
    shifted(campaign, 10)
    engine.run(NOW + 12 * HOUR)
    assert row("ann").step_uid == "hope", "five hours of six were left"
    engine.run(NOW + 16 * HOUR + 15 * MINUTE)
    assert row("ann").step_uid == "bye"


# --- when due: for whom no time is due ---


def test_who_is_parked_in_a_removed_step_stays_parked_and_goes_elsewhere_when_a_person_releases_them(inbox, track):
    campaign = CampaignFactory(event="users.signed_up", rows=mails("first", "second", "third"))
    come(track, "ann")
    Enrollment.objects.update(state="parked", due_at=None, reason="fault", explanation="boom")
    rows = now_rows(campaign)
    rows[1].wait_uid = ""
    edit(campaign, rows)
    publish(campaign, NOW + HOUR, removed={"wait1": ("due", "mail2")})
    engine.run(NOW + HOUR)
    assert (row("ann").state, row("ann").reason, row("ann").explanation) == ("parked", "fault", "boom")
    assert "when a person releases it: They go on with “send" in Visit.objects.get(left_at=None).explanation
    by_hand.retry(row("ann"), None, NOW + 2 * HOUR)
    engine.run(NOW + 2 * HOUR)
    assert subjects(inbox) == ["first", "third"]


@pytest.fixture
def queue(track):
    """One place: ann is inside, ben and cleo wait for hers."""
    campaign = flow(gate(1, "bye"), *GOING)
    come(track, "ann", "ben", "cleo")
    return campaign


def test_who_queues_at_a_removed_gate_keeps_the_turn_and_goes_elsewhere_when_it_comes(queue):
    edit(queue, GOING)
    publish(queue, NOW + 3 * MINUTE, removed={"gate": ("due", "bye")})
    engine.run(NOW + 3 * MINUTE)
    assert {one.state for one in (row("ben"), row("cleo"))} == {"held"}
    assert "when there is a place" in Visit.objects.filter(kind="gate", left_at=None).first().explanation
    engine.run(NOW + 10 * MINUTE)
    assert (row("ben").state, row("ben").step_uid, at("bye")) == ("active", "bye", ["ann", "ben", "cleo"])
    visits = Visit.objects.filter(enrollment=row("ben")).values_list("step_uid", "arm")
    assert list(visits) == [("gate", "moved"), ("bye", "")]


def test_who_is_to_start_over_in_a_step_that_became_another_kind_of_step_makes_a_visit_of_its_own(inbox, track):
    campaign = CampaignFactory(event="users.signed_up", rows=mails("first", "second"))
    come(track, "ann")
    steps = lifecycle.parse(campaign.draft).steps
    steps[1].kind, steps[1].config = "tag", {"add": ["waited"], "remove": []}
    edit(campaign, steps)
    publish(campaign, NOW + HOUR, removed={"wait1": ("due", "wait1")})
    engine.run(NOW + DAY)
    visits = Visit.objects.filter(step_uid="wait1").order_by("pk").values_list("kind", "arm", "occurrence")
    assert list(visits) == [("wait", "moved", 1), ("tag", "done", 2)]
    assert subjects(inbox) == ["first", "second"]


# --- gates of those who drain ---


def test_a_drained_section_keeps_its_places_and_the_new_one_has_its_own(queue, track):
    edit(queue, [gate(3, "bye"), *GOING])
    publish(queue, NOW + 3 * MINUTE, people="drain")
    engine.run(NOW + 3 * MINUTE)
    assert (at("inside"), at("gate")) == (["ann"], ["ben", "cleo"]), "theirs is as narrow as before"
    come(track, "dan", "eve", at=NOW + 4 * MINUTE)
    assert (at("inside"), at("gate")) == (["ann", "dan", "eve"], ["ben", "cleo"])
    assert dict(Gate.objects.values_list("up_to", "places")) == {1: 1, None: 3}
    engine.run(NOW + 10 * MINUTE)
    assert at("inside") == ["ben", "dan", "eve"] and at("gate") == ["cleo"]


def test_a_gate_that_is_the_same_in_both_versions_stays_one(queue, track):
    edit(queue, [gate(1, "bye"), rest("inside", 20, "bye"), rest("bye", 1440)])
    publish(queue, NOW + 3 * MINUTE, people="drain")
    come(track, "dan", at=NOW + 4 * MINUTE)
    assert Gate.objects.count() == 1 and (at("inside"), at("gate")) == (["ann"], ["ben", "cleo", "dan"])


def test_those_who_follow_later_queue_at_the_gate_that_is_live_then(queue, track):
    edit(queue, [gate(3, "bye"), *GOING])
    publish(queue, NOW + 3 * MINUTE, people="drain")
    edit(queue, [gate(2, "bye"), *GOING])
    publish(queue, NOW + 4 * MINUTE)
    engine.run(NOW + 4 * MINUTE)
    gate_ = Gate.objects.get()
    assert (gate_.up_to, gate_.places) == (None, 2)
    assert (at("inside"), at("gate")) == (["ann", "ben"], ["cleo"]) and inside() == 2
    assert Place.objects.filter(gate=gate_).count() == 3
    changed(queue, gate(3, "bye"), *GOING)
    engine.run(NOW + 5 * MINUTE)
    assert at("gate") == []


# --- the next step: as the canvas shows it ---


def wait(uid, *to):
    return StepDoc(uid=uid, kind="wait", config={"amount": 1, "unit": "days"}, next={"done": to[0] if to else None})


def fork(uid, yes, no):
    arm = {"uid": "yes", "name": "Yes", "event": "order.completed"}
    config = {"arms": [arm], "timeout": {"amount": 1, "unit": "days"}}
    return StepDoc(uid=uid, kind="wait_for", config=config, next={"yes": yes, "timeout": no})


FORKED = Document(
    name="Forked",
    steps=[wait("a", "f"), fork("f", "y1", "n1"), wait("y1", "y2"), wait("y2", "z"), wait("n1", "z"), wait("z", None)],
)


@pytest.mark.parametrize("keep", [None, "yes", "timeout", "done"])
@pytest.mark.parametrize("uid", ["a", "f", "y1", "y2", "n1", "z"])
def test_next_is_where_the_canvas_shows_that_they_go_after_it_was_removed(uid, keep):
    old = lifecycle.parse(to_json(FORKED))
    [above, *_] = Flow(old).into(uid)
    new, _ = do(old, Deed(do="remove", uid=uid, keep=keep))
    drawn = Flow(new).way(above.source, above.arm)
    assert next_kept(old, new, uid) == (drawn.target if drawn else None)


def test_several_removed_in_a_row_lead_where_the_first_of_them_leads_now():
    new, _ = do(FORKED, Deed(do="remove", uid="f", keep="yes"))
    new, _ = do(new, Deed(do="remove", uid="y1"))
    assert [next_kept(FORKED, new, uid) for uid in ("f", "y1")] == ["y2", "y2"]
    assert next_kept(FORKED, new, "n1") == "z", "not over to the other branch"
    new, _ = do(new, Deed(do="insert", kind="wait", at={"from": "a", "arm": "done"}))
    assert next_kept(FORKED, new, "f") == new.steps[1].uid, "what stands in its place now"


def test_nobody_is_led_back():
    new = lifecycle.parse(to_json(FORKED))
    new.steps = [one for one in new.steps if one.uid != "y2"]
    new.step("y1").next = {"done": "a"}
    assert next_kept(FORKED, new, "y2") == "z"
