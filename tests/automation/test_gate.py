# ruff: noqa: E501  the tables read best in rows
"""The step “pass through a gate”: never more inside than places, first come first served, nobody forgotten."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import enrolling, gates
from automation.engine import release
from automation.forms.gate import GateForm
from automation.gate_models import Gate, Place
from automation.kinds.gate import GateKind
from automation.models import Enrollment, Visit
from campaigns import checking, lifecycle
from campaigns.document import Document, Trigger, to_json
from contacts.merging import merge
from contacts.models import Contact
from tests import engine
from tests.automation.flows import changed, flow, happens, queries_to_advance, step, words
from tests.campaigns.test_canvas_pages import panel
from tests.campaigns.typing_in import browser
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
# Whoever passed the gate, is in the campaign still, and has not come to the step that ends the section.
INSIDE = """
SELECT count(*) FROM automation_enrollment e WHERE e.left_at IS NULL
AND EXISTS (SELECT FROM automation_visit v WHERE v.enrollment_id = e.id AND v.step_uid = 'gate' AND v.arm = 'done')
AND NOT EXISTS (SELECT FROM automation_visit v WHERE v.enrollment_id = e.id AND v.step_uid = 'bye')
"""


def gate(places, until="", then="inside"):
    return step("gate", "gate", {"places": places} | ({"until": until} if until else {}), then)


def rest(uid, minutes, then=None):
    return step(uid, "wait", {"amount": minutes, "unit": "minutes"}, then)


def section(places, **more):
    """A gate, ten minutes inside, then a day outside."""
    return flow(gate(places, "bye"), rest("inside", 10, "bye"), rest("bye", 1440), **more)


def inside():
    with connection.cursor() as cursor:
        cursor.execute(INSIDE)
        return cursor.fetchone()[0]


def at(uid):
    """Who stands in a step, by user id."""
    rows = Enrollment.objects.active().filter(step_uid=uid, contact__identities__kind="user")
    return sorted(rows.values_list("contact__identities__value", flat=True))


def row(user):
    return Enrollment.objects.get(contact__identities__value=user)


def test_as_many_as_there_are_places_go_in_and_the_next_when_one_comes_out(track):
    section(2)
    for number, user in enumerate(("ann", "ben", "cleo", "dan")):
        track(NOW + number * MINUTE, user, "users.signed_up")
    assert (at("inside"), at("gate")) == (["ann", "ben"], ["cleo", "dan"])
    assert words("gate")[:3] == [
        "Got a place at once.",
        "Got a place at once.",
        "Waits for a place: 2 people may be inside at once.",
    ]
    assert row("cleo").state == Enrollment.State.HELD and row("cleo").due_at is None
    engine.run(NOW + 10 * MINUTE)
    assert (at("inside"), at("gate"), at("bye")) == (["ben", "cleo"], ["dan"], ["ann"])
    assert words("gate")[2] == "Got a place after 8 minutes."
    engine.run(NOW + 11 * MINUTE)
    assert (at("inside"), at("gate")) == (["cleo", "dan"], [])


def test_a_wait_inside_begins_when_they_get_in(track):
    section(1)
    track(NOW, "ann", "users.signed_up")
    track(NOW, "ben", "users.signed_up")
    engine.run(NOW + 10 * MINUTE)
    assert row("ben").due_at == NOW + 20 * MINUTE


def test_without_an_end_the_section_lasts_as_long_as_the_campaign(track):
    flow(gate(1), rest("inside", 10))
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    assert at("gate") == ["ben"]
    engine.run(NOW + 10 * MINUTE)
    assert row("ann").state == "finished" and at("inside") == ["ben"]


def leave(user, now):
    enrolling.leave([row(user).pk], "test", "Somebody took them out.", now)


def test_who_leaves_early_gives_the_place_to_the_next(track):
    section(1)
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    leave("ann", NOW)
    engine.run(NOW)
    assert at("inside") == ["ben"]


def test_who_leaves_the_queue_is_passed_by(track):
    section(1)
    for user in ("ann", "ben", "cleo"):
        track(NOW, user, "users.signed_up")
    leave("ben", NOW)
    engine.run(NOW + 10 * MINUTE)
    assert at("inside") == ["cleo"] and not at("gate")
    assert set(Place.objects.filter(enrollment=row("ben")).values_list("state", flat=True)) == {"left"}


def test_who_is_parked_inside_keeps_the_place_until_a_person_decides(track):
    section(1)
    for user in ("ann", "ben", "cleo"):
        track(NOW, user, "users.signed_up")
    Enrollment.objects.filter(pk=row("ann").pk).update(state="parked", due_at=None)
    engine.run(NOW + 30 * MINUTE)
    assert at("gate") == ["ben", "cleo"], "else one more would be inside when ann goes on"
    release(row("ann"), NOW + 30 * MINUTE)
    engine.run(NOW + 30 * MINUTE)
    assert (at("bye"), at("inside")) == (["ann"], ["ben"])
    Enrollment.objects.filter(pk=row("ben").pk).update(state="parked", due_at=None)
    leave("ben", NOW + 31 * MINUTE)
    engine.run(NOW + 31 * MINUTE)
    assert at("inside") == ["cleo"]


def test_a_merge_that_takes_somebody_out_lets_the_next_in(track):
    section(1)
    for user in ("ann", "ben", "cleo"):
        track(NOW, user, "users.signed_up")
    ann, ben = (Contact.objects.get(identities__value=user).pk for user in ("ann", "ben"))
    merge([(ann, ben)], NOW)  # ben's younger enrollment, in the queue, leaves
    engine.run(NOW)
    assert Enrollment.objects.get(reason="merged").step_uid == "gate"
    engine.run(NOW + 10 * MINUTE)
    assert at("inside") == ["cleo"]


def test_a_contact_that_is_erased_takes_nobodys_place_with_it(track):
    section(1)
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    Contact.objects.get(identities__value="ann").delete()
    engine.run(NOW)
    assert at("inside") == ["ben"]


def test_nobody_is_let_in_while_the_campaign_is_paused_and_nothing_is_left_when_it_is_archived(track):
    campaign = section(1)
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    lifecycle.pause(campaign, None, NOW)
    leave("ann", NOW)
    engine.run(NOW + MINUTE)
    assert at("gate") == ["ben"] and not gates.is_due(NOW + MINUTE)
    lifecycle.resume(campaign, None, NOW + 2 * MINUTE)
    engine.run(NOW + 2 * MINUTE)
    assert at("inside") == ["ben"]
    lifecycle.archive(campaign, None, NOW + 3 * MINUTE)
    engine.run(NOW + 3 * MINUTE)
    assert not Enrollment.objects.active().exists() and not gates.is_due(NOW + 3 * MINUTE)


def test_a_wider_gate_lets_more_in_as_soon_as_it_is_published(track):
    campaign = section(1)
    for user in ("ann", "ben", "cleo", "dan"):
        track(NOW, user, "users.signed_up")
    changed(campaign, gate(3, "bye"), rest("inside", 10, "bye"), rest("bye", 1440))
    engine.run(NOW)
    assert (at("inside"), at("gate")) == (["ann", "ben", "cleo"], ["dan"])
    changed(campaign, gate(1, "bye"), rest("inside", 10, "bye"), rest("bye", 1440))
    leave("ann", NOW)
    engine.run(NOW)
    assert at("gate") == ["dan"], "two are inside, and one is too many already"


def test_who_comes_back_to_the_gate_queues_again(track):
    flow(gate(1, then="inside"), rest("inside", 10, "gate"))
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    for round_ in range(1, 4):
        engine.run(NOW + round_ * 10 * MINUTE)
        assert inside() <= 1 + 1 and len(at("inside")) == 1
        assert at("inside") == [["ben"], ["ann"]][(round_ + 1) % 2]


def test_waking_somebody_by_hand_does_not_widen_the_gate(track):
    section(1)
    for user in ("ann", "ben"):
        track(NOW, user, "users.signed_up")
    Enrollment.objects.filter(pk=row("ben").pk).update(state="active", due_at=NOW)
    engine.run(NOW)
    assert at("gate") == ["ben"] and row("ben").state == "held"


def test_two_thousand_at_once_pass_in_order_and_never_more_inside_than_places():
    places, people = 200, [f"u{number:04}" for number in range(2_000)]
    section(places)
    happens(people)
    engine.run(NOW)
    assert inside() == places and len(at("gate")) == 2_000 - places
    order = list(Enrollment.objects.order_by("pk").values_list("pk", flat=True))
    for round_ in range(1, 11):
        engine.run(NOW + round_ * 10 * MINUTE)
        assert inside() == (places if round_ < 10 else 0)
        assert (
            list(Enrollment.objects.filter(step_uid="bye").order_by("pk").values_list("pk", flat=True))
            == order[: places * round_]
        )
    assert set(Place.objects.values_list("state", flat=True)) <= {"inside", "left"}
    assert Place.objects.count() == 2_000 == Visit.objects.filter(step_uid="gate", arm="done").count()


def test_the_number_of_queries_does_not_grow_with_the_people():
    section(100)
    queries_to_advance(["first"])
    assert queries_to_advance(["second"]) == queries_to_advance([f"u{number}" for number in range(200)])
    with CaptureQueriesContext(connection) as many:
        assert gates.admit(NOW) == 100
    Enrollment.objects.filter(step_uid="gate", due_at=NOW).update(left_at=NOW, due_at=None, state="exited")
    Gate.objects.update(places=1)
    with CaptureQueriesContext(connection) as one:
        assert gates.admit(NOW) == 1
    assert len(one) == len(many)


# --- its definition ---


@pytest.mark.parametrize("config", [
    {}, [], None, {"places": "five"}, {"places": 0}, {"places": -1}, {"places": 1_001}, {"places": 2.5}, {"places": True},
    {"places": float("nan")}, {"places": 10**40}, {"places": None},
])  # fmt: skip
def test_a_gate_without_a_number_of_places_is_refused(config):
    assert GateKind().problems(config) == ["Say how many people may be inside at once: a whole number from 1 to 1,000."]
    assert GateKind().describe(config).startswith("pass through a gate")


def test_the_end_of_its_section_must_be_there(track):
    assert GateKind().problems({"places": 5, "until": "x" * 41}) == [
        "Choose again up to which step people count as inside."
    ]
    document = Document(name="Gate", triggers=[Trigger(event="users.signed_up")], steps=[gate(5, "gone", None)])
    [problem] = checking.problems(document)
    assert problem.sentence == "It names a step “gone” that does not exist."
    assert problem.place == "steps[gate].config"


def test_it_reads_as_a_person_says_it():
    assert GateKind().describe({"places": 1}) == "pass through a gate: 1 person inside at once"
    assert GateKind().describe({"places": 1000}) == "pass through a gate: 1,000 people inside at once"


def test_the_form_offers_the_steps_of_the_campaign():
    steps = [("inside", "Wait 10 minutes"), ("bye", "Tour")]
    form = GateForm({"places": "5", "until": "bye"}, steps=steps)
    assert form.is_valid() and form.config() == {"places": 5, "until": "bye"}
    assert [label for _, label in form.fields["until"].choices] == [
        "they leave the campaign", "they come to “Wait 10 minutes”", "they come to “Tour”",
    ]  # fmt: skip
    assert GateForm({"places": "5", "until": ""}).is_valid()
    assert not GateForm({"places": "5", "until": "gone"}, steps=steps).is_valid()
    kept = GateForm({"places": "5", "until": "gone"}, initial={"until": "gone"}, steps=steps)
    assert kept.is_valid()
    assert GateForm({"places": "0", "until": ""}).errors["places"] == [
        "People inside at once: write a whole number from 1 to 1,000."
    ]


def test_the_panel_of_the_canvas_offers_the_steps_beside_it():
    document = to_json(Document(name="Gate", steps=[gate(5), rest("inside", 10, "bye"), rest("bye", 60)]))
    html = panel(browser("Marketer"), document, "step", "gate")["html"]
    assert "they come to “wait 10 minutes”" in html and "they come to “wait 1 hour”" in html
