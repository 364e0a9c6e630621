"""Messages that wait for a person: what each decision leads to, up to the mail server and the contact's timeline."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry

from campaigns import announcing, releasing, sending
from campaigns.models import Campaign, Message
from events.models import Event
from tests.factories import NOW, CampaignFactory, MessageFactory, UserFactory
from tests.smtp_server import FaultySmtpServer

pytestmark = pytest.mark.django_db
LATER = NOW + dt.timedelta(minutes=10)


@pytest.fixture
def server(settings):
    settings.MAIL_CONNECTIONS = 1
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        yield server


@pytest.fixture
def boss(db):
    return UserFactory()


def parked(**more) -> Message:
    return _become(MessageFactory(**more), state="parked", attempts=3, alone=True, reason="Three attempts.")


def unknown(**more) -> Message:
    settled = {"settled_at": NOW, "announced": True, "message_id": "<first@acme.example>"}
    return _become(MessageFactory(**more), state="unknown", outcome="unknown", resent=True, **settled)


def receipt(**more) -> Message:
    return unknown(template__transactional=True, template__html="<p>Your receipt</p>", **more)


def _become(message: Message, **fields) -> Message:
    Message.objects.filter(pk=message.pk).update(due_at=None, **fields)
    message.refresh_from_db()
    return message


def work(now):
    sending.send_due(now)
    announcing.announce(now)


def every():
    return Message.objects.all()


def test_a_released_mail_is_sent_and_counts_its_attempts_anew(server, boss):
    message = parked()
    work(NOW)
    assert not server.accepted
    assert releasing.release(every(), boss, NOW) == 1
    message.refresh_from_db()
    assert (message.attempts, message.alone, message.fence) == (0, True, 1)
    work(NOW)
    message.refresh_from_db()
    assert message.state == "sent" and len(server.accepted) == 1
    assert LogEntry.objects.get(user=boss).change_message == "Let it be sent after all."


def test_a_released_mail_that_is_too_late_by_now_is_not_sent(server, boss):
    message = parked()
    Message.objects.update(stale_after=NOW)
    releasing.release(every(), boss, LATER)
    work(LATER)
    message.refresh_from_db()
    assert message.outcome == "stale" and not server.accepted


def test_a_discarded_mail_is_never_sent_and_the_engine_hears_of_it(server, boss):
    message = parked()
    assert releasing.discard(every(), boss, NOW) == 1
    work(LATER)
    message.refresh_from_db()
    assert (message.state, message.outcome, message.announced) == ("not_sent", "cancelled", True)
    assert not server.accepted and not Event.objects.filter(type="email.sent").exists()


def test_an_unknown_mail_that_arrived_is_told_once_and_of_when_it_was_handed_over(server, boss):
    message = unknown()
    assert releasing.arrived(every(), boss, LATER) == 1
    assert releasing.arrived(every(), boss, LATER) == 0
    work(LATER)
    message.refresh_from_db()
    assert (message.state, message.outcome, message.sent_at) == ("sent", "sent", NOW)
    assert Event.objects.get(type="email.sent").occurred_at == NOW and not server.accepted


def test_an_unknown_marketing_mail_is_only_settled(server, boss):
    message = unknown()
    assert releasing.resend(every(), boss, LATER) == 0
    assert releasing.did_not_arrive(every(), boss, LATER) == 1
    work(LATER)
    message.refresh_from_db()
    assert message.state == "not_sent" and "did not arrive" in message.reason and not server.accepted


def test_an_unknown_transactional_mail_goes_out_again_under_its_message_id(server, boss):
    message = receipt()
    assert releasing.resend(every(), boss, LATER) == 1
    work(LATER)
    message.refresh_from_db()
    assert message.state == "sent" and message.announced and Event.objects.filter(type="email.sent").count() == 1
    assert server.accepted[0].message["Message-ID"] == "<first@acme.example>"


def test_nothing_of_an_archived_campaign_is_sent_again(boss):
    receipt(campaign=CampaignFactory())
    Campaign.objects.update(state="archived")
    assert releasing.resend(every(), boss, LATER) == 0
    receipt(campaign=None)
    assert releasing.resend(every(), boss, LATER) == 1


def test_no_decision_touches_a_message_in_another_state(boss):
    message = MessageFactory()
    verbs = [releasing.release, releasing.discard, releasing.arrived, releasing.did_not_arrive, releasing.resend]
    assert [verb(every(), boss, NOW) for verb in verbs] == [0] * 5
    message.refresh_from_db()
    assert (message.state, message.fence) == ("queued", 0)
