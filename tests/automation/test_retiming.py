# ruff: noqa: E501  the tables read best in rows
"""Waits that are worked out anew when a campaign is published: what the page says before is what happens, to everybody."""

from datetime import UTC, datetime

import pytest

from automation import by_hand, retiming
from automation.models import Enrollment, Visit
from campaigns import doors, lifecycle
from campaigns.document import parse
from campaigns.models import Campaign
from campaigns.resuming import Resumption
from campaigns.verb_forms import PublishForm
from contacts.models import Contact
from tests import engine
from tests.automation.flows import flow, step
from tests.automation.publishing_again import DAY, HOUR, edit, publish
from tests.automation.test_digest import digest, subjects
from tests.factories import NOW

pytestmark = pytest.mark.django_db
BOUGHT = {"uid": "buys", "event": "order.completed"}
LATE = {"uid": "old", "condition": {"field": "contact.created_at", "op": "before", "value": "2001-01-01"}}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def set_step(campaign: Campaign, **changed) -> None:
    """Its first step is set otherwise, in the draft."""
    steps = parse(Campaign.objects.get(pk=campaign.pk).draft).steps
    steps[0].config = {**steps[0].config, **changed}
    edit(campaign, steps)


def shown(campaign: Campaign, now: datetime) -> dict[str, doors.Waiting]:
    return doors.anew(campaign, parse(Campaign.objects.get(pk=campaign.pk).draft), now)


def come(track, *names, at=NOW, event="cart.abandoned", **more):
    for name in names:
        track(at, name, event, traits={"email": f"{name}@example.com", **more}, item="hat")


# --- a digest whose period becomes another one ---


@pytest.mark.parametrize(("days", "after_hours"), [(3, 72), (0.75, 18), (0.25, 12)])
def test_a_digest_collects_for_as_long_as_is_said_now_and_loses_nothing(track, inbox, days, after_hours):
    campaign = flow(digest(), event="cart.abandoned")
    come(track, "ann")
    track(NOW + HOUR, "ann", "cart.abandoned", item="coat")
    set_step(campaign, amount=days)
    publish(campaign, NOW + 12 * HOUR, waits={"digest": "recompute"})
    ends = NOW + after_hours * HOUR
    visit = Visit.objects.get(left_at=None)
    assert visit.enrollment.due_at == visit.enrollment.scheduled_at == visit.until == ends
    assert visit.explanation.startswith("Collects “Cart abandoned” until ") and "version 2" in visit.explanation
    if ends > NOW + 13 * HOUR:
        track(ends - HOUR, "ann", "cart.abandoned", item="shoe")
        assert not inbox.accepted
    engine.run(ends)
    [(_, subject)] = subjects(inbox)
    assert "[hat]" in subject and "[coat]" in subject and ("[shoe]" in subject) == (after_hours > 13)


def test_a_digest_keeps_its_period_unless_that_is_chosen(track, inbox):
    campaign = flow(digest(), event="cart.abandoned")
    come(track, "ann")
    set_step(campaign, amount=9)
    publish(campaign, NOW + HOUR)
    engine.run(NOW + DAY)
    assert len(inbox.accepted) == 1


def test_whose_digest_is_held_back_has_collected_already(track, inbox):
    """Ann’s waits for the window, ben is collecting still, cleo has not begun."""
    window = {"from": "20:00", "to": "21:00"}
    campaign = flow(digest(window=window), event="cart.abandoned", reentry={"mode": "every_time"})
    come(track, "ann")
    come(track, "ben", at=NOW + 20 * HOUR)
    engine.run(NOW + DAY)
    assert "Held until" in Visit.objects.get(enrollment=row("ann")).explanation
    before = row("ann").due_at
    set_step(campaign, amount=5)
    said = shown(campaign, NOW + 25 * HOUR)["digest"]
    ends = NOW + 20 * HOUR + 5 * DAY
    assert (said.count, said.due_from, said.due_to) == (1, ends, ends)
    publish(campaign, NOW + 25 * HOUR, waits={"digest": "recompute"})
    assert (row("ann").due_at, row("ben").due_at) == (before, ends)


def test_a_pause_is_no_time_of_collecting(track, inbox):
    campaign = flow(digest(), event="cart.abandoned")
    come(track, "ann")
    lifecycle.pause(campaign, None, NOW + HOUR)
    lifecycle.resume(campaign, None, NOW + 11 * HOUR, Resumption("shift", None, False))
    set_step(campaign, amount=2)
    publish(campaign, NOW + 12 * HOUR, waits={"digest": "recompute"})
    assert row("ann").due_at == NOW + 2 * DAY + 10 * HOUR


def test_only_another_period_is_another_time(track, inbox):
    campaign = flow(digest(), event="cart.abandoned")
    come(track, "ann")
    set_step(campaign, amount=24, unit="hours", lateness_hours=3, event="order.completed")
    assert shown(campaign, NOW) == {}


def row(name: str) -> Enrollment:
    return Enrollment.objects.get(contact__identities__value=name, left_at=None)


# --- whatever waits: the plan is what happens, person by person ---

SETTINGS = {
    "a length": ("wait", {"amount": 5, "unit": "days"}, {"amount": 2}),
    "days at a time": ("wait", {"amount": 1, "unit": "days", "at": "02:30"}, {"amount": 27}),
    "a weekday": ("wait", {"mode": "weekday", "days": ["mon"], "at": "02:30"}, {"days": ["sun"]}),
    "a date": ("wait", {"mode": "date", "date": "2026-06-01"}, {"date": "2026-03-29", "at": "02:30"}),
    "chance": ("wait", {"mode": "random", "amount": 1, "unit": "days", "to_amount": 3, "to_unit": "days"}, {"to_amount": 9}),
    "an event": ("wait_for", {"arms": [BOUGHT], "timeout": {"amount": 5, "unit": "days"}}, {"timeout": {"amount": 2, "unit": "days"}}),
    "a condition": ("wait_for", {"arms": [LATE], "timeout": {"amount": 5, "unit": "days"}}, {"timeout": {"amount": 2, "unit": "days"}}),
}  # fmt: skip
ZONES = {"ann": "Europe/Berlin", "ben": "America/New_York", "cleo": "Asia/Kathmandu", "dan": "Australia/Lord_Howe",
         "eve": "Mars/Olympus"}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_page_says_is_what_happens_to_each(track, inbox, name):
    kind, before, changed = SETTINGS[name]
    campaign = flow(step("here", kind, before))
    for person, zone in ZONES.items():
        come(track, person, event="users.signed_up", timezone=zone)
    come(track, "woken", event="users.signed_up")
    by_hand.wake(row("woken"), None, NOW)
    set_step(campaign, **changed)
    now = NOW + 36 * HOUR
    new = parse(Campaign.objects.get(pk=campaign.pk).draft)
    planned = retiming.anew(campaign, {campaign.live_id: parse(campaign.live.document)}, new, now, ["here"])
    ends = {visit.enrollment.pk: datetime.fromisoformat(wait.facts["until"]) for visit, wait in planned["here"]}
    assert ends.keys() == {row(person).pk for person in ZONES}
    form = PublishForm(Campaign.objects.get(pk=campaign.pk))
    assert form.impact.steps[0].anew.count == len(ZONES)
    publish(campaign, now, waits={"here": "recompute"})
    assert {pk: Visit.objects.get(enrollment=pk, left_at=None).until for pk in ends} == ends
    for end in sorted(set(ends.values())):
        engine.run(end)
        inside = set(Enrollment.objects.filter(left_at=None).values_list("pk", flat=True))
        assert inside == {pk for pk, its in ends.items() if its > end}


@pytest.mark.parametrize(
    ("begun", "ends"),
    [
        # Clocks are put forward, and 02:30 is left out …
        ("2026-03-27 12:00", {"Europe/Berlin": "2026-03-29 01:00", "Asia/Kathmandu": "2026-03-28 20:45"}),
        ("2026-03-06 12:00", {"America/New_York": "2026-03-08 07:00", "Asia/Kathmandu": "2026-03-07 20:45"}),
        ("2026-10-02 12:00", {"Australia/Lord_Howe": "2026-10-03 15:30", "Europe/Berlin": "2026-10-04 00:30"}),
        # … and back: it comes twice, and the first counts; on Lord Howe by half an hour, so once.
        ("2026-10-23 12:00", {"Europe/Berlin": "2026-10-25 00:30", "America/New_York": "2026-10-25 06:30"}),
        ("2026-04-03 12:00", {"Australia/Lord_Howe": "2026-04-04 16:00", "Europe/Berlin": "2026-04-05 00:30"}),
    ],
)
def test_a_wait_for_a_local_time_is_worked_out_anew_by_the_clocks_there(track, inbox, begun, ends):
    """And a digest beside it collects for 48 hours, whatever the clocks do."""
    start = utc(begun)
    local = flow(step("here", "wait", {"amount": 9, "unit": "days", "at": "02:30"}))
    collecting = flow(digest(amount=9), name="Digest")
    for zone in ends:
        come(track, zone, at=start, event="users.signed_up", timezone=zone)
    for campaign, uid in ((local, "here"), (collecting, "digest")):
        set_step(campaign, amount=2)
        publish(campaign, start + HOUR, waits={uid: "recompute"})
    due = Enrollment.objects.filter(campaign=local).values_list("contact__timezone", "due_at")
    assert dict(due) == {zone: utc(end) for zone, end in ends.items()}
    assert set(Enrollment.objects.filter(campaign=collecting).values_list("due_at", flat=True)) == {start + 48 * HOUR}


def test_who_keeps_their_time_is_not_told_of_another_one(track, inbox):
    campaign = flow(step("here", "wait", {"amount": 2, "unit": "days"}))
    come(track, "ann", event="users.signed_up")
    set_step(campaign, amount=9)
    publish(campaign, NOW + HOUR)
    engine.run(NOW + 2 * DAY)
    assert Visit.objects.get().explanation == "Waited until Wed 4 Mar 2026, 09:00 (UTC)."


def test_who_keeps_their_time_does_not_wait_for_the_date_of_another_field(track, inbox):
    config = {"mode": "field", "field": "contact.trial_ends_at"}
    campaign = flow(step("here", "wait", config))
    come(track, "ann", event="users.signed_up", trial_ends_at="2026-03-10", renews_at="2026-05-10")
    due = row("ann").due_at
    set_step(campaign, field="contact.renews_at")
    publish(campaign, NOW + HOUR)
    engine.run(due)
    assert Visit.objects.get().left_at == due


def test_those_who_have_gone_are_not_asked_about(track, inbox):
    campaign = flow(step("here", "wait", {"amount": 2, "unit": "days"}))
    come(track, "ann", event="users.signed_up")
    by_hand.wake(row("ann"), None, NOW)
    set_step(campaign, amount=9)
    form = PublishForm(Campaign.objects.get(pk=campaign.pk))
    assert "wait_here" not in form.fields and Contact.objects.count() == 1


def test_who_ends_somebodys_collecting_is_told_that_they_go_on(track, inbox):
    flow(digest(), event="cart.abandoned")
    come(track, "ann")
    said = by_hand.wake(row("ann"), None, NOW + HOUR)
    assert said.endswith("goes on now.")
    engine.run(NOW + HOUR)
    assert subjects(inbox) == [("ann@example.com", "News [hat] 1")]
