"""Going on after an outage, of our own engine or of the mail server: what people did meanwhile comes first."""

import pytest

from automation import returning
from automation.models import Enrollment, Pulse
from campaigns import lifecycle
from campaigns.document import Goal
from campaigns.models import Message
from events import pipeline
from tests import engine
from tests.automation.publishing_again import DAY, HOUR, edit, mails, now_rows, publish, subjects
from tests.automation.test_returning import MINUTE, come, resume, two_mails
from tests.factories import NOW, CampaignFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(inbox):
    return two_mails()


@pytest.fixture
def alive(two):
    """The engine has run at NOW."""
    engine.run(NOW)
    assert Pulse.objects.get().at == NOW
    return two


def overdue_says(campaign, word: str) -> None:
    edit(campaign, now_rows(campaign), overdue=word)
    publish(campaign, NOW)


@pytest.mark.parametrize(
    ("word", "got", "reason"),
    [("send", ["first"], ""), ("shift", ["first"], ""), ("exit", ["first"], "overdue")],
)
def test_after_an_outage_each_campaign_does_what_it_says(inbox, track, alive, word, got, reason):
    overdue_says(alive, word)
    come(track, "ann")
    engine.run(NOW + 3 * DAY)
    assert subjects(inbox) == got and Enrollment.objects.get().reason == reason
    if word == "shift":
        engine.run(NOW + 4 * DAY)
        assert subjects(inbox) == ["first", "second"], "as many days later as it was away"
    if word == "send":
        assert Message.objects.filter(outcome="stale").count() == 1


def test_what_people_did_during_an_outage_is_read_before_anybody_is_mailed_however_long_it_was(inbox, track):
    """They bought on the first of five days; another one came then. The news are a task of their own, and slower."""
    rows = mails("first", "Come back")
    rows[1].wait_amount, rows[1].lateness_hours = 4, 720
    bought = Goal(uid="bought", event="order.completed")
    CampaignFactory(event="users.signed_up", rows=rows, goals=[bought], exit_on_goal=True)
    come(track, "ann")
    track(NOW + HOUR, "ann", "order.completed", run=False)
    track(NOW + HOUR, "bob", "users.signed_up", traits={"email": "bob@example.com"}, run=False)
    assert returning.advance(NOW + 5 * DAY) == 0, "their news wait"
    while pipeline.drain(NOW + 5 * DAY):
        pass
    engine.run(NOW + 5 * DAY)
    assert [mail.recipient for mail in inbox.accepted] == ["ann@example.com", "bob@example.com"]
    assert subjects(inbox) == ["first", "first"], "nobody is reminded of what they did"
    assert list(Enrollment.objects.order_by("pk").values_list("state", "reason")) == [
        ("exited", "goal"),
        ("active", ""),
    ]


def test_a_mail_server_that_is_down_for_days_makes_mails_stale_and_their_readers_go_on(inbox, track, two):
    inbox.on("MAIL", reply="421 4.3.2 closing")
    come(track, "ann")
    for hour in range(0, 60, 4):
        engine.run(NOW + hour * HOUR)
    first, second = Message.objects.order_by("created_at")
    assert (first.outcome, second.outcome) == ("stale", "stale") and "too late" in first.reason
    assert Enrollment.objects.get().state == "finished"
    inbox.rules.clear()
    come(track, "bob", at=NOW + 3 * DAY)
    assert [mail.recipient for mail in inbox.accepted] == ["bob@example.com"]


def test_an_engine_that_lives_takes_no_work_for_an_outage(inbox, track, alive):
    overdue_says(alive, "exit")
    come(track, "ann")
    for quarter in range(1, 4 * 24 + 1):
        returning.notice(NOW + quarter * 15 * MINUTE)
    engine.run(NOW + DAY + 10 * MINUTE)
    assert subjects(inbox) == ["first", "second"]


def test_an_outage_concerns_no_campaign_that_was_paused_and_nobody_who_is_just_due(inbox, track, alive):
    overdue_says(alive, "exit")
    come(track, "ann")
    lifecycle.pause(alive, None, NOW)
    engine.run(NOW + 3 * DAY)
    assert Enrollment.objects.get().state == "active"
    resume(alive, NOW + 3 * DAY, "shift")
    engine.run(NOW + 4 * DAY + MINUTE)
    assert subjects(inbox) == ["first", "second"]


def test_a_clock_that_is_set_back_stops_nothing(inbox, track, alive):
    Pulse.objects.update(at=NOW + 9 * DAY)
    come(track, "ann")
    assert subjects(inbox) == ["first"]
    assert Pulse.objects.get().at == NOW
