"""Mistakes that draws at random, and reading with them in mind, have found: a test each, so that they stay away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import sleep

import pytest
from django.db import connections, transaction

from automation import by_hand
from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle, releasing
from campaigns.document import Reentry, Trigger, Watch
from campaigns.models import Campaign, FrequencyCap, Message
from campaigns.resuming import Resumption
from events import pipeline
from tests import engine
from tests.automation.flows import flow, mail, step, wait
from tests.automation.publishing_again import edit, publish
from tests.connections import others_waiting_for_a_row
from tests.factories import NOW, TemplateFactory

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATELY = {"event": "product.viewed", "when": {"in the last": {"amount": 2, "unit": "days"}}}


def row() -> Enrollment:
    return Enrollment.objects.get(left_at=None)


def enter(track, at=NOW, user="ann", event="users.signed_up", **more):
    track(at, user, event, traits={"email": f"{user}@example.com"}, **more)


def test_looking_again_every_quarter_of_an_hour_is_no_circle(track, inbox):
    """Whoever waits a year for what time may turn is looked at 35,000 times."""
    arms = [{"uid": "lately", "condition": LATELY}]
    config = {"arms": arms, "timeout": {"amount": 1, "unit": "hours"}}
    flow(step("w", "wait_for", config, {"lately": None, "timeout": "m"}), mail("m"))
    enter(track)
    for quarter in range(1, 4):
        engine.run(NOW + quarter * HOUR / 4)
    assert row().steps_taken == 0
    engine.run(NOW + HOUR)
    assert [mail.message["Subject"] for mail in inbox.accepted] == ["m"]


def test_who_goes_on_when_due_in_a_step_that_became_another_kind_begins_it_then(track, inbox):
    campaign = flow(wait("a", 1, "b"), mail("b"))
    enter(track)
    told = mail("x").config | {"event": "order.completed", "amount": 2, "unit": "days"}
    edit(campaign, [step("a", "digest", told, "b"), mail("b")])
    publish(campaign, NOW + HOUR, removed={"a": ("due", "a")})
    engine.run(NOW + DAY)
    assert list(Visit.objects.filter(step_uid="a").order_by("pk").values_list("kind", "arm")) == [
        ("wait", "moved"), ("digest", ""),
    ]  # fmt: skip
    assert row().due_at == NOW + 3 * DAY


def test_a_pause_by_which_all_is_shifted_shifts_what_is_waited_for(track, inbox):
    config = {"arms": [{"uid": "lately", "condition": LATELY}], "timeout": {"amount": 10, "unit": "hours"}}
    campaign = flow(step("w", "wait_for", config, {"lately": None, "timeout": "m"}), mail("m"))
    enter(track)
    lifecycle.pause(campaign, None, NOW + HOUR)
    lifecycle.resume(campaign, None, NOW + 6 * HOUR, Resumption("shift"))
    engine.run(NOW + 12 * HOUR)
    assert not inbox.accepted, "of its ten hours seven have passed"
    for quarter in range(4 * 3 + 1):
        engine.run(NOW + 12 * HOUR + quarter * HOUR / 4)
    assert len(inbox.accepted) == 1 and Visit.objects.get(step_uid="w").left_at == NOW + 15 * HOUR


def test_a_mail_that_waits_for_its_campaign_keeps_its_place_within_the_limit(track, inbox):
    FrequencyCap.objects.create(most=1, amount=1, unit="hours")
    first = flow(mail("m", "First"), name="First")
    flow(mail("m", "Second"), name="Second", event="cart.abandoned")
    enter(track, run=False)
    pipeline.drain(NOW)
    assert advance(NOW) == 1 and Message.objects.get().state == "queued"
    lifecycle.pause(first, None, NOW)
    enter(track, NOW + 2 * HOUR, event="cart.abandoned")
    lifecycle.resume(first, None, NOW + 2 * HOUR + HOUR / 2)
    engine.run(NOW + 2 * HOUR + HOUR / 2)
    assert len(inbox.accepted) == 1
    engine.run(NOW + 4 * HOUR)
    assert sorted(mail.message["Subject"] for mail in inbox.accepted) == ["First", "Second"]


def test_a_campaign_that_would_start_itself_does_not(track, inbox):
    campaign = flow(
        wait("w", 1), triggers=[Trigger(event="users.signed_up"), Trigger(kind="campaign")],
        reentry=Reentry(mode="every_time"), on_repeat="restart",
    )  # fmt: skip
    edit(campaign, [wait("w", 1, "again"), step("again", "start", {"campaign": campaign.pk}, "m"), mail("m")])
    publish(campaign, NOW)
    enter(track)
    engine.run(NOW + DAY)
    assert list(Enrollment.objects.values_list("state", flat=True)) == ["finished"]
    assert Visit.objects.get(step_uid="again").arm == "refused"
    assert len(inbox.accepted) == 1


def test_a_person_ends_a_wait_for_something_too(track, inbox):
    arms = [{"uid": "bought", "event": "order.completed"}]
    config = {"arms": arms, "timeout": {"amount": 9, "unit": "days"}}
    flow(step("w", "wait_for", config, {"bought": None, "timeout": "m"}), mail("m"))
    enter(track)
    by_hand.wake(row(), None, NOW + HOUR)
    engine.run(NOW + HOUR)
    assert [mail.message["Subject"] for mail in inbox.accepted] == ["m"]
    visit = Visit.objects.get(step_uid="w")
    assert (visit.arm, visit.explanation) == (
        "timeout",
        "A person ended the wait on Mon 2 Mar 2026, 10:00 (UTC), before the time was up.",
    )


def test_a_receipt_of_which_nobody_knows_is_sent_again_when_a_person_says_so(track, inbox):
    """By then its reader has gone on: whoever waited for the answer took the way “unknown”."""
    receipt = step("m", "email", {"template": TemplateFactory(subject="Receipt", transactional=True).pk}, "w")
    flow(receipt, wait("w", 9))
    inbox.on("DOT", drop=True, accept=False, times=2)
    enter(track)
    engine.run(NOW + HOUR)
    assert (Message.objects.get().state, row().step_uid) == ("unknown", "w")
    assert releasing.resend(Message.objects.all(), None, NOW + HOUR) == 1
    engine.run(NOW + HOUR)
    assert [mail.message["Subject"] for mail in inbox.accepted] == ["Receipt"]
    assert (Message.objects.get().state, row().step_uid) == ("sent", "w")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_whoever_publishes_and_news_that_let_somebody_out_do_not_wait_for_each_other(track):
    """The same event lets ann out and in again, while somebody holds the campaign and goes on to its people."""
    campaign = flow(wait("w", 9), event="order.completed", reentry=Reentry(mode="every_time"),
                    exits=[Watch(uid="x", event="order.completed")])  # fmt: skip
    enter(track, event="order.completed")
    enter(track, NOW + HOUR, event="order.completed", run=False)

    def news():
        try:
            pipeline.drain(NOW + HOUR)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as worker:
        with transaction.atomic():
            Campaign.objects.select_for_update().get(pk=campaign.pk)
            going = worker.submit(news)
            while not others_waiting_for_a_row():
                assert not going.done()
                sleep(0.02)
            assert Enrollment.objects.active().select_for_update(nowait=True).get(), "free for whoever publishes"
        going.result(30)
    assert sorted(Enrollment.objects.values_list("state", flat=True)) == ["active", "exited"]
