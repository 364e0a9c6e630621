"""Going on after a pause or an outage: what becomes of the overdue, of late mails, of who came meanwhile; draining."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation import returning
from automation.advancing import advance
from automation.models import Enrollment, Refusal
from campaigns import doors, lifecycle
from campaigns.document import Reentry, parse
from campaigns.models import Campaign, Message
from campaigns.resuming import Resumption
from contacts.models import Contact
from ops.models import Job
from tests import engine
from tests.automation.publishing_again import DAY, HOUR, edit, mails, now_rows, publish, subjects
from tests.campaigns.typing_in import browser
from tests.factories import NOW, CampaignFactory

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def two(inbox):
    return two_mails()


def two_mails():
    """A day apart; the second may be an hour late."""
    rows = mails("first", "second")
    rows[1].lateness_hours = 1
    return CampaignFactory(event="users.signed_up", rows=rows)


def come(track, *names, at=NOW):
    for name in names:
        track(at, name, "users.signed_up", traits={"email": f"{name}@example.com"}, run=name == names[-1])


def paused(track, campaign, *names, until):
    """They wait for the second mail; it is paused from an hour after they came, and the engine goes on living."""
    come(track, *(names or ["ann"]))
    lifecycle.pause(campaign, None, NOW + HOUR)
    engine.run(until)


def resume(campaign, now, late="send", minutes=None, enter=False):
    return lifecycle.resume(campaign, None, now, Resumption(late, minutes, enter))


# --- late mails ---


def test_a_mail_within_its_limit_is_sent_after_the_pause(inbox, track, two):
    paused(track, two, until=NOW + DAY + 30 * MINUTE)
    resume(two, NOW + DAY + 30 * MINUTE)
    engine.run(NOW + DAY + 30 * MINUTE)
    assert subjects(inbox) == ["first", "second"]


def test_a_mail_later_than_its_limit_is_not_sent_and_its_reader_goes_on(inbox, track, two):
    paused(track, two, until=NOW + 3 * DAY)
    resume(two, NOW + 3 * DAY)
    engine.run(NOW + 3 * DAY)
    assert subjects(inbox) == ["first"] and Message.objects.filter(outcome="stale").count() == 1
    assert Enrollment.objects.get().state == "finished"


def test_shifting_moves_everything_by_the_length_of_the_pause(inbox, track, two):
    paused(track, two, until=NOW + 3 * DAY)
    resume(two, NOW + 3 * DAY, "shift")
    row = Enrollment.objects.get()
    assert row.due_at == row.scheduled_at == NOW + DAY + (3 * DAY - HOUR)
    assert "later: the campaign was paused" in row.visits.get(left_at=None).explanation
    engine.run(row.due_at - MINUTE)
    assert subjects(inbox) == ["first"]
    engine.run(row.due_at)
    assert subjects(inbox) == ["first", "second"]


def test_shifting_gives_a_mail_that_was_already_written_its_time_back(inbox, track, two):
    come(track, "ann")
    engine.run(NOW + DAY - MINUTE)
    advance(NOW + DAY)
    lifecycle.pause(two, None, NOW + DAY)
    engine.run(NOW + 3 * DAY)
    resume(two, NOW + 3 * DAY, "shift")
    engine.run(NOW + 3 * DAY)
    assert subjects(inbox) == ["first", "second"]


def test_who_is_overdue_may_be_let_go_and_who_is_not_stays(inbox, track, two):
    come(track, "ann")
    come(track, "bob", at=NOW + 50 * MINUTE)
    paused(track, two, "cy", until=NOW + DAY + 10 * MINUTE)
    resume(two, NOW + DAY + 10 * MINUTE, "exit")
    states = Enrollment.objects.order_by("pk").values_list("state", "reason")
    assert list(states) == [("exited", "overdue"), ("active", ""), ("exited", "overdue")]
    assert "while the campaign was paused" in Enrollment.objects.first().explanation
    engine.run(NOW + DAY + HOUR)
    assert subjects(inbox).count("second") == 1


def test_without_a_choice_the_campaign_s_own_word_counts(inbox, track, two):
    edit(two, now_rows(two), overdue="exit")
    publish(two, NOW)
    paused(track, two, until=NOW + 3 * DAY)
    lifecycle.resume(two, None, NOW + 3 * DAY)
    assert Enrollment.objects.get().reason == "overdue"


def test_who_waits_for_a_mail_in_the_queue_is_counted_and_may_leave_too(inbox, track, two):
    for name in ("ann", "bob"):
        come(track, name)
    engine.run(NOW + DAY - MINUTE)
    advance(NOW + DAY)
    lifecycle.pause(two, None, NOW + DAY)
    two.refresh_from_db()
    for later, too_late in ((30 * MINUTE, 0), (2 * HOUR, 2)):
        [found] = [read(two, NOW + DAY + later) for read in doors.overdue]
        assert (found.count, found.too_late, found.since) == (2, too_late, NOW + DAY)
    resume(two, NOW + DAY + 30 * MINUTE, "exit")
    engine.run(NOW + DAY + 30 * MINUTE)
    assert subjects(inbox) == ["first"] * 2
    assert list(Enrollment.objects.values_list("reason", flat=True)) == ["overdue"] * 2


# --- spreading ---


def crowd(campaign, count: int, due) -> None:
    contacts = Contact.objects.bulk_create(Contact(created_at=NOW, updated_at=NOW) for _ in range(count))
    Enrollment.objects.bulk_create(
        Enrollment(campaign=campaign, contact=contact, version=campaign.live, step_uid="wait1", due_at=due,
                   scheduled_at=due, entered_at=NOW)
        for contact in contacts
    )  # fmt: skip


def test_many_are_spread_over_as_long_as_was_chosen_and_none_becomes_later_by_it(two):
    crowd(two, 100, NOW + DAY)
    lifecycle.pause(two, None, NOW)
    resume(two, NOW + DAY + HOUR, minutes=240)
    due = list(Enrollment.objects.order_by("due_at").values_list("due_at", "scheduled_at"))
    assert due[0][0] == NOW + DAY + HOUR and due[-1][0] - due[0][0] > 230 * MINUTE
    assert len({at for at, _ in due}) == 100
    assert {at - scheduled for at, scheduled in due} == {HOUR}, "as late as they were when it was resumed"


def test_five_thousand_are_resumed_in_as_many_statements_as_five(inbox):
    for late in ("send", "shift", "exit"):
        counts = []
        for size in (5, 5000):
            campaign = CampaignFactory(rows=mails("a", "b"))
            crowd(campaign, size, NOW + HOUR)
            lifecycle.pause(campaign, None, NOW)
            with CaptureQueriesContext(connection) as captured:
                resume(campaign, NOW + 2 * HOUR, late, minutes=15)
            counts.append(len(captured))
        assert counts[0] == counts[1] < 25, late


# --- who came meanwhile ---


def test_who_came_during_a_pause_is_let_in_once(inbox, track, two):
    lifecycle.pause(two, None, NOW)
    come(track, "ann", "bob")
    assert Refusal.objects.filter(reason="paused").count() == 2 and not Enrollment.objects.exists()
    two.refresh_from_db()
    assert [read(two, NOW + HOUR).missed for read in doors.overdue] == [2]
    resume(two, NOW + 9 * DAY, enter=True)
    engine.run(NOW + 9 * DAY)
    assert Job.objects.get().state == "done"
    assert sorted(mail.recipient for mail in inbox.accepted) == ["ann@example.com", "bob@example.com"]
    assert not Refusal.objects.exists(), "however late, they had come in time"
    lifecycle.pause(two, None, NOW + 9 * DAY)
    resume(two, NOW + 9 * DAY, enter=True)
    engine.run(NOW + 9 * DAY)
    assert len(inbox.accepted) == 2


def test_many_who_came_during_a_pause_begin_spread(track, two, monkeypatch):
    monkeypatch.setattr(returning, "AT_ONCE", 4)
    lifecycle.pause(two, None, NOW)
    come(track, *(f"u{number}" for number in range(9)))
    resume(two, NOW + HOUR, enter=True)
    engine.run(NOW + HOUR)
    due = list(Enrollment.objects.exclude(due_at=None).order_by("due_at").values_list("due_at", flat=True))
    assert len(due) > 4 and due[-1] < NOW + HOUR + 15 * MINUTE


def test_letting_in_twice_at_once_lets_in_once_and_audience_and_reentry_are_asked(inbox, track):
    from automation import entering

    campaign = CampaignFactory(
        event="users.signed_up", rows=mails("first"), reentry=Reentry(mode="every_time"),
        audience={"field": "contact.plan", "op": "is", "value": "pro"},
    )  # fmt: skip
    lifecycle.pause(campaign, None, NOW)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "plan": "pro"})
    track(NOW, "bob", "users.signed_up", traits={"email": "bob@example.com"})
    campaign = lifecycle.resume(campaign, None, NOW + HOUR)
    refusals = list(Refusal.objects.filter(reason="paused"))
    for _ in range(2):
        entering.enter_again(campaign, refusals, NOW + HOUR)
    engine.run(NOW + HOUR)
    assert [mail.recipient for mail in inbox.accepted] == ["ann@example.com"]
    assert set(Refusal.objects.values_list("reason", flat=True)) == {"audience"}


def test_who_came_is_let_in_only_where_that_was_chosen(inbox, track, two):
    lifecycle.pause(two, None, NOW)
    come(track, "ann")
    resume(two, NOW + HOUR)
    engine.run(NOW + HOUR)
    assert not Enrollment.objects.exists() and inbox.accepted == []


# --- the page ---


def test_the_page_counts_before_and_does_what_was_chosen(inbox, track, two):
    paused(track, two, "ann", "bob", until=NOW + 3 * DAY)
    come(track, "cy", at=NOW + 3 * DAY)
    two.refresh_from_db()
    address = reverse("admin:campaigns_campaign_resume", args=[two.pk])
    client = browser("Publisher")
    page = client.get(address)
    found = page.context["form"].overdue
    assert (found.count, found.too_late, found.missed) == (2, 2, 1)
    html = page.content.decode()
    assert "Mails too late by now" in html and "1 person did meanwhile what lets people in" in html
    said = client.post(address, {"late": "", "minutes": ""}).content.decode()
    assert "Choose what becomes of those" in said
    assert "Select a valid choice" in client.post(address, {"late": "send", "minutes": "7"}).content.decode()
    client.post(address, {"late": "shift", "minutes": "60", "enter": "on"})
    two.refresh_from_db()
    assert two.state == "active" and Job.objects.get().kind == returning.MISSED
    assert not Enrollment.objects.filter(due_at__lte=NOW + 3 * DAY).exists()


# --- draining ---


def test_a_campaign_that_drains_lets_nobody_in_and_ends_with_the_last_who_is_inside(inbox, track, two):
    come(track, "ann")
    lifecycle.drain(two, None, NOW + HOUR)
    come(track, "bob", at=NOW + HOUR)
    lifecycle.end_drained(NOW + HOUR)
    two.refresh_from_db()
    assert two.state == "draining" and Enrollment.objects.count() == 1
    engine.run(NOW + DAY)
    lifecycle.end_drained(NOW + DAY)
    two.refresh_from_db()
    assert (two.state, two.stopped_because) == ("archived", "Everybody who was inside has finished.")
    assert subjects(inbox) == ["first", "second"]


def test_a_campaign_that_drains_goes_on_draining_after_a_pause_and_can_be_opened_again(track, two):
    come(track, "ann")
    lifecycle.drain(two, None, NOW)
    lifecycle.pause(two, None, NOW)
    come(track, "bob", at=NOW + MINUTE)
    assert resume(two, NOW + HOUR, enter=True).state == "draining"
    assert not Job.objects.exists(), "nobody enters it"
    assert lifecycle.reopen(two, None, NOW + HOUR).state == "active"
    come(track, "cy", at=NOW + HOUR)
    assert Enrollment.objects.count() == 2


def test_the_definition_keeps_what_the_form_does_not_show(two):
    edit(two, now_rows(two), overdue="shift")
    assert parse(Campaign.objects.get(pk=two.pk).draft).overdue == "shift"
