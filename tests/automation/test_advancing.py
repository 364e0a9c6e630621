"""How enrollments move: waits, conditions, outcomes, faults, versions, pauses."""

from datetime import timedelta

import pytest

from automation import engine as verbs
from automation import returning
from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle, publishing, sending
from campaigns.linear import Row, from_rows
from campaigns.models import Message
from campaigns.step_kinds import STEP_KINDS
from contacts.models import Contact
from events import pipeline
from tests import engine
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def three_mails():
    """A campaign of three mails, a day apart."""
    names = [TemplateFactory(subject=subject).pk for subject in ("first", "second", "third")]
    rows = [
        Row(uid=f"mail{n}", wait_uid=f"wait{n}" if n else "", wait_amount=n and 1, template=pk)
        for n, pk in enumerate(names)
    ]
    return CampaignFactory(event="users.signed_up", rows=rows)


def subjects(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


def edited(campaign, rows):
    document = lifecycle.parse(campaign.draft)
    document.steps = from_rows(rows)
    campaign.refresh_from_db()
    return lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)


def test_waits_end_on_time_and_mails_go_out_in_order(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    assert subjects(inbox) == ["first"]
    engine.run(NOW + DAY - timedelta(seconds=1))
    assert subjects(inbox) == ["first"]
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first", "second"]
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["first", "second", "third"]
    row = Enrollment.objects.get()
    assert row.state == Enrollment.State.FINISHED and row.due_at is None
    engine.run(NOW + 30 * DAY)
    assert len(inbox.accepted) == 3


def sent_but_unheard_of(track, at=NOW):
    """The first mail is out, and the engine has not heard of it yet."""
    track(at, "ann", "users.signed_up", traits={"email": "ann@example.com"}, run=False)
    pipeline.drain(at), advance(at), sending.send_due(at)
    assert Message.objects.get().state == "sent" and Enrollment.objects.get().state == "held"


def test_a_wait_counts_from_the_mail_however_late_the_engine_hears_of_it(inbox, track, three_mails):
    """As in a burst: thousands of others came first."""
    sent_but_unheard_of(track)
    assert engine.run(NOW + timedelta(seconds=8)) > 0
    engine.run(NOW + DAY - timedelta(seconds=1))
    assert subjects(inbox) == ["first"]
    engine.run(NOW + DAY)
    assert subjects(inbox) == ["first", "second"]


def test_a_wait_that_begins_after_a_pause_is_as_long_as_ever(inbox, track, three_mails):
    sent_but_unheard_of(track)
    lifecycle.pause(three_mails, None, NOW)
    engine.run(NOW + HOUR)
    lifecycle.resume(three_mails, None, NOW + HOUR)
    engine.run(NOW + HOUR)
    engine.run(NOW + HOUR + DAY - timedelta(seconds=1))
    assert subjects(inbox) == ["first"]
    engine.run(NOW + HOUR + DAY)
    assert subjects(inbox) == ["first", "second"]


def test_a_slow_server_s_mail_is_dated_when_it_went(inbox, track, three_mails):
    inbox.on("DOT", delay=1.2)
    sent_but_unheard_of(track)
    engine.run(NOW + timedelta(seconds=5))
    assert NOW < Message.objects.get().sent_at <= NOW + timedelta(seconds=5)
    assert Enrollment.objects.get().due_at == Message.objects.get().sent_at + DAY


def test_every_visit_says_in_a_sentence_what_was_decided(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "timezone": "Europe/Paris"})
    first, wait = Visit.objects.order_by("id")
    assert first.explanation.endswith("was sent to ann@example.com.") and first.arm == "sent"
    assert wait.explanation == "Waits 1 day, until Tue 3 Mar 2026, 10:00 (Europe/Paris)."


def test_a_condition_on_a_step_skips_only_that_step(inbox, track):
    condition = {"field": "contact.plan", "op": "is", "value": "pro"}
    rows = [
        Row(template=TemplateFactory(subject="for pros").pk, only_if=condition),
        Row(template=TemplateFactory(subject="for all").pk),
    ]
    CampaignFactory(event="users.signed_up", rows=rows)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "plan": "pro"})
    track(NOW, "bob", "users.signed_up", traits={"email": "bob@example.com"})
    got = sorted((mail.recipient, mail.message["Subject"]) for mail in inbox.accepted)
    assert got == [("ann@example.com", "for all"), ("ann@example.com", "for pros"), ("bob@example.com", "for all")]
    skipped = Visit.objects.get(arm="skipped")
    assert skipped.explanation == "Skipped: it is done only if their plan is “pro”."


def test_who_has_no_address_goes_on_and_the_visit_says_so(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up")
    assert Message.objects.get().outcome == Message.Outcome.NO_ADDRESS
    engine.run(NOW + 2 * DAY)
    engine.run(NOW + 3 * DAY)
    assert inbox.accepted == []
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED


def test_a_leave_step_ends_it_early(inbox, track):
    rows = [
        Row(action="leave", only_if={"field": "contact.plan", "op": "is", "value": "pro"}),
        Row(template=TemplateFactory().pk),
    ]
    CampaignFactory(event="users.signed_up", rows=rows)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "plan": "pro"})
    track(NOW, "bob", "users.signed_up", traits={"email": "bob@example.com"})
    assert [mail.recipient for mail in inbox.accepted] == ["bob@example.com"]
    assert sorted(Enrollment.objects.values_list("state", "reason")) == [("exited", "step"), ("finished", "")]


def test_a_mail_that_would_be_too_late_is_stale_and_the_sequence_goes_on(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    engine.run(NOW + 3 * DAY)
    assert subjects(inbox) == ["first"]
    stale = Message.objects.get(outcome="stale")
    assert stale.reason == "It was due 2 days earlier, which is more than the limit of 1 day."
    engine.run(NOW + 4 * DAY)
    assert subjects(inbox) == ["first", "third"]


def test_pausing_stops_everything_and_resuming_goes_on(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    lifecycle.pause(three_mails, None, NOW + HOUR)
    engine.run(NOW + DAY + HOUR)
    assert subjects(inbox) == ["first"]
    lifecycle.resume(three_mails, None, NOW + DAY + 2 * HOUR)
    engine.run(NOW + DAY + 2 * HOUR)
    assert subjects(inbox) == ["first", "second"]


def test_after_a_long_pause_many_are_spread_and_late_mails_are_still_too_late(inbox, track, three_mails, monkeypatch):
    for number in range(6):
        track(NOW, f"u{number}", "users.signed_up", traits={"email": f"u{number}@example.com"}, run=number == 5)
    monkeypatch.setattr(returning, "AT_ONCE", 3)
    lifecycle.pause(three_mails, None, NOW + HOUR)
    engine.run(NOW + 9 * DAY)  # it was running all the time
    lifecycle.resume(three_mails, None, NOW + 9 * DAY)
    assert len(set(Enrollment.objects.values_list("due_at", flat=True))) > 3
    engine.run(NOW + 9 * DAY + timedelta(minutes=16))
    assert Message.objects.filter(outcome="stale").count() == 6
    assert subjects(inbox) == ["first"] * 6


def test_archiving_makes_everybody_leave_and_cancels_what_is_queued(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"}, run=False)
    from events.pipeline import drain

    while drain(NOW):
        pass
    advance(NOW)
    assert Message.objects.get().state == Message.State.QUEUED
    lifecycle.archive(three_mails, None, NOW)
    engine.run(NOW)
    assert inbox.accepted == []
    row = Enrollment.objects.get()
    assert (row.state, row.reason) == ("exited", "archived")
    assert Message.objects.get().outcome == Message.Outcome.CANCELLED


def test_publishing_keeps_due_times_and_people_follow_the_new_version(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    due = Enrollment.objects.get().due_at
    rows = lifecycle_rows(three_mails)
    rows[1].wait_amount = 5
    rows.append(Row(template=TemplateFactory(subject="fourth").pk))
    campaign = edited(three_mails, rows)
    publishing.publish(campaign, None, NOW + HOUR)
    row = Enrollment.objects.get()
    assert row.due_at == due and row.version.number == 2
    engine.run(NOW + DAY)
    engine.run(NOW + 2 * DAY)
    assert subjects(inbox) == ["first", "second", "third", "fourth"]


def lifecycle_rows(campaign):
    from campaigns.linear import rows

    return rows(lifecycle.parse(campaign.draft))


def test_removing_an_occupied_step_is_refused_and_an_empty_one_is_not(inbox, track, three_mails):
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    rows = lifecycle_rows(three_mails)
    campaign = edited(three_mails, [rows[0], rows[2]])
    with pytest.raises(publishing.Refused) as refusal:
        publishing.publish(campaign, None, NOW)
    assert refusal.value.sentences == [
        "1 person waits in the step “wait 1 day”, which is removed: choose what becomes of them."
    ]
    campaign = edited(three_mails, rows[:2])
    assert publishing.publish(campaign, None, NOW).number == 2


def test_a_poisonous_enrollment_is_parked_and_the_others_go_on(inbox, track, three_mails, monkeypatch):
    for name in ("ann", "bob", "cy"):
        track(NOW, name, "users.signed_up", traits={"email": f"{name}@example.com"})
    bad = Enrollment.objects.get(contact__address__email="bob@example.com")
    email = STEP_KINDS["email"]
    original = type(email)._message

    def failing(self, visit, *args):
        if visit.enrollment.pk == bad.pk:
            raise RuntimeError("boom")
        return original(self, visit, *args)

    monkeypatch.setattr(type(email), "_message", failing)
    engine.run(NOW + DAY)
    assert subjects(inbox).count("second") == 2
    bad.refresh_from_db()
    assert bad.state == Enrollment.State.PARKED and "boom" in bad.explanation
    monkeypatch.undo()
    verbs.release(bad, NOW + DAY)
    engine.run(NOW + DAY)
    assert subjects(inbox).count("second") == 3


def test_advancing_takes_as_many_queries_for_sixty_people_as_for_six(inbox, track, three_mails):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for size in (6, 60):
        for number in range(size):
            traits = {"email": f"{size}-{number}@example.com"}
            track(NOW, f"{size}-{number}", "users.signed_up", traits=traits, run=number == size - 1)
        with CaptureQueriesContext(connection) as captured:
            assert advance(NOW + DAY + size * HOUR / 60) == size
        counts.append(len(captured))
        engine.run(NOW + 10 * DAY)
    assert counts[0] == counts[1]


def test_a_merge_lets_the_older_enrollment_survive(inbox, track, three_mails):
    from contacts import merging

    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    track(NOW + HOUR, "anna", "users.signed_up", traits={"email": "anna@example.com"})
    ann, anna = Contact.objects.order_by("id")
    merging.merge([(anna.pk, ann.pk)], NOW + 2 * HOUR)
    engine.run(NOW + 2 * HOUR)
    rows = Enrollment.objects.order_by("entered_at")
    assert [(row.contact_id, row.state, row.reason) for row in rows] == [
        (anna.pk, "active", ""),
        (anna.pk, "exited", "merged"),
    ]
    engine.run(NOW + DAY + HOUR)
    assert subjects(inbox) == ["first", "first", "second"]
    track(NOW + 2 * DAY, "ann", "users.signed_up")
    assert Enrollment.objects.count() == 2


def test_a_merge_sends_nobody_again_through_a_campaign_of_once(inbox, track, three_mails):
    from contacts import merging

    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    for day in range(10):
        engine.run(NOW + day * DAY)
    track(NOW + 10 * DAY, "anna", "users.signed_up", traits={"email": "anna@example.com"})
    ann, anna = Contact.objects.order_by("id")
    merging.merge([(ann.pk, anna.pk)], NOW + 10 * DAY + HOUR)
    for day in range(10, 20):
        engine.run(NOW + day * DAY + HOUR)
    states = Enrollment.objects.order_by("entered_at").values_list("contact_id", "state", "reason")
    assert list(states) == [(ann.pk, "finished", ""), (ann.pk, "exited", "merged")]
    assert subjects(inbox) == ["first", "second", "third", "first"], "the last one to anna, before it was known"
