"""Leases, fences and workers that die: whose a message is at every moment."""

import datetime as dt
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction
from django.db.models.functions import Now

from campaigns import claiming, sending, settling
from campaigns.answers import Result
from campaigns.claiming import claim, take_back
from campaigns.models import Message
from contacts import consent
from tests.connections import cut_others
from tests.factories import NOW, CampaignFactory, MessageFactory
from tests.smtp_server import FaultySmtpServer

SECOND, HOUR = dt.timedelta(seconds=1), dt.timedelta(hours=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    settings.MAIL_CONNECTIONS = 1
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        yield server


def expire():
    """As if the workers had died a minute ago."""
    Message.objects.filter(lease_until__isnull=False).update(lease_until=Now() - dt.timedelta(seconds=1))


def states():
    return Counter(Message.objects.values_list("state", flat=True))


def marked(message):
    """Claimed and marked as being sent, by a worker that goes no further."""
    [row] = claim(NOW, 1)
    row.message_id = f"<{row.pk.hex}@acme.example>"
    assert settling.mark_sending(row, verdict(row), 60)
    return row


def verdict(message):
    return consent.verdicts([message.address_id], None, False, NOW)[message.address_id]


def test_a_claim_takes_what_is_due_oldest_first_and_nothing_twice():
    campaign = CampaignFactory()
    late, later = (MessageFactory(campaign=campaign, now=NOW + n * HOUR) for n in (1, 2))
    early = MessageFactory(campaign=None, now=NOW)
    assert [row.pk for row in claim(NOW + HOUR, 10)] == [early.pk, late.pk]
    assert claim(NOW + HOUR, 10) == []
    assert [row.pk for row in claim(NOW + 3 * HOUR, 10)] == [later.pk]


@pytest.mark.parametrize("state", ["paused", "draft"])
def test_campaigns_that_do_not_run_are_passed_by(state):
    message = MessageFactory()
    type(message.campaign).objects.filter(pk=message.campaign_id).update(state=state)
    assert claim(NOW, 10) == [] and not claiming.is_due(NOW)


def test_draining_campaigns_go_on_sending():
    message = MessageFactory()
    type(message.campaign).objects.filter(pk=message.campaign_id).update(state="draining")
    assert claiming.is_due(NOW) and len(claim(NOW, 10)) == 1


def test_a_lease_that_still_runs_is_left_alone():
    MessageFactory()
    claim(NOW, 1)
    assert take_back(NOW) == 0 and states() == {"leased": 1}


def test_a_lost_lease_is_claimed_alone_and_never_holds_up_the_others():
    lost = MessageFactory.create_batch(2, campaign=CampaignFactory())
    claim(NOW, 10)
    expire()
    assert take_back(NOW) == 2
    other = MessageFactory()
    assert [row.pk for row in claim(NOW, 10)] == [other.pk]
    first, second = claim(NOW, 10), claim(NOW, 10)
    assert (len(first), len(second)) == (1, 1) and {first[0].pk, second[0].pk} == {row.pk for row in lost}


def test_three_lone_attempts_park_a_message_where_a_person_sees_it():
    message = MessageFactory()
    for attempts in (0, 1, 2):  # the first loss was in company: it does not count
        assert [row.pk for row in claim(NOW, 10)] == [message.pk]
        expire(), take_back(NOW)
        message.refresh_from_db()
        assert (message.state, message.attempts) == ("queued", attempts)
    claim(NOW, 10)
    expire(), take_back(NOW)
    message.refresh_from_db()
    assert (message.state, message.attempts, message.due_at) == ("parked", 3, None) and message.reason
    assert claim(NOW + HOUR, 10) == []


def test_a_marketing_mail_lost_behind_its_mark_is_unknown_for_good():
    message = MessageFactory()
    marked(message)
    expire(), take_back(NOW + HOUR)
    message.refresh_from_db()
    assert (message.state, message.outcome, message.settled_at) == ("unknown", "unknown", NOW + HOUR)
    assert "may or may not" in message.reason and claim(NOW + 2 * HOUR, 1) == []


def test_a_transactional_mail_lost_behind_its_mark_goes_out_once_more_under_its_id(server):
    message = MessageFactory(template__transactional=True)
    row = marked(message)
    expire(), take_back(NOW)
    sending.send_due(NOW)
    message.refresh_from_db()
    assert message.state == "sent" and server.accepted[0].message["Message-ID"] == row.message_id
    again = MessageFactory(template__transactional=True)
    marked(again), expire(), take_back(NOW)
    marked(again), expire(), take_back(NOW)
    again.refresh_from_db()
    assert again.state == "unknown", "once more, not for ever"


def test_a_worker_that_comes_back_from_the_dead_changes_nothing(server):
    message = MessageFactory()
    [stale] = claim(NOW, 1)
    expire(), take_back(NOW)
    assert not settling.mark_sending(stale, verdict(stale), 60)
    settling.settle([Result(stale, "sent", "sent", sent_at=NOW)], NOW)
    message.refresh_from_db()
    assert message.state == "queued"
    sending.send_due(NOW)
    bounce = Result(stale, "not_sent", "bounced")
    bounce.follow_up.append(lambda at: consent.suppress(reason="bounce", now=at, address_id=stale.address_id))
    settling.settle([bounce], NOW)
    message.refresh_from_db()
    assert message.state == "sent" and verdict(message).allowed


def test_a_batch_whose_leases_ran_out_meanwhile_sends_nothing_twice(server):
    """Its worker slept too long; the messages are another's by now."""
    MessageFactory.create_batch(3, campaign=CampaignFactory())
    slow = sending.Batch(claim(NOW, 10), sending.transport_from(server.url), NOW)
    expire(), take_back(NOW)
    while sending.send_due(NOW):
        pass
    slow.send()
    assert len(server.accepted) == 3 and states() == {"sent": 3}


def test_a_poisonous_message_is_parked_and_the_others_arrive(server):
    """Its template was never compiled, so that every worker that touches it fails."""
    campaign = CampaignFactory()
    MessageFactory.create_batch(4, campaign=campaign)
    poison = MessageFactory(campaign=campaign, template__compiled={})
    for _ in range(20):
        try:
            if not sending.send_due(NOW):
                break
        except Exception:  # noqa: BLE001  whatever it is, it ends the worker's task
            expire(), take_back(NOW)
    poison.refresh_from_db()
    assert poison.state == "parked" and states() == {"parked": 1, "sent": 4}
    assert len(server.accepted) == len({mail.recipient for mail in server.accepted}) == 4


def in_thread(work):
    try:
        return work()
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_send_everything_once(server):
    messages = MessageFactory.create_batch(120, campaign=CampaignFactory())
    start = threading.Barrier(3)

    def work():
        start.wait()
        return sum(iter(lambda: sending.send_due(NOW), 0))

    with ThreadPoolExecutor(3) as pool:
        handled = [task.result(60) for task in [pool.submit(in_thread, work) for _ in range(3)]]
    assert sum(handled) == len(messages)
    assert Counter(mail.recipient for mail in server.accepted) == {message.address.email: 1 for message in messages}
    assert states() == {"sent": 120} and server.violations == []


@pytest.fixture
def three_connections(server, settings):
    settings.MAIL_CONNECTIONS = 3
    yield
    for pool in sending._pools.values():
        pool.shutdown()
    sending._pools.clear()
    cut_others()  # those of the pool's threads, or the test database could not be dropped


@pytest.mark.django_db(transaction=True)
def test_one_worker_sends_over_several_connections(server, three_connections):
    messages = MessageFactory.create_batch(60, campaign=CampaignFactory())
    assert sending.send_due(NOW) == 60
    assert Counter(mail.recipient for mail in server.accepted) == {message.address.email: 1 for message in messages}
    assert server.connections == 3 and states() == {"sent": 60}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hung_up_between_two_batches_is_connected_anew(server, three_connections):
    campaign = CampaignFactory()
    MessageFactory.create_batch(60, campaign=campaign)
    sending.send_due(NOW)
    assert cut_others() >= 3
    MessageFactory.create_batch(60, campaign=campaign)
    assert sending.send_due(NOW) == 60 and states() == {"sent": 120}


@pytest.mark.django_db(transaction=True)
def test_a_mark_waits_for_an_unsubscription_that_is_about_to_commit(server):
    message = MessageFactory()
    batch = sending.Batch(claim(NOW, 1), sending.transport_from(server.url), NOW)
    said, commit = threading.Event(), threading.Event()

    def leave():
        with transaction.atomic():
            consent.unsubscribe(message.address_id, now=NOW, source="test")
            said.set()
            assert commit.wait(10)

    server.on("BODY", when=lambda n, line: threading.Timer(0.3, commit.set).start())  # the mark comes right after it
    checked = batch._settle_what_may_not_go
    with ThreadPoolExecutor(1) as pool:
        leaving = None

        def checked_then_leave():
            nonlocal leaving
            checked()
            leaving = pool.submit(in_thread, leave)
            assert said.wait(10)

        batch._settle_what_may_not_go = checked_then_leave
        batch.send()
        leaving.result(10)
    message.refresh_from_db()
    assert (message.state, message.outcome) == ("not_sent", "unsubscribed")
    assert server.accepted == [] and server.seen["BODY"] == 1


@pytest.mark.django_db(transaction=True)
def test_no_mark_commits_after_an_unsubscription(server):
    """P5, under fire: people unsubscribe while their mails go out."""
    messages = MessageFactory.create_batch(60, campaign=CampaignFactory())
    server.on("DOT", delay=0.005)
    done = {}

    def leave():
        for message in messages[::2]:
            consent.unsubscribe(message.address_id, now=NOW, source="test")
            done[message.address.email] = Message.objects.get(pk=message.pk).state

    with ThreadPoolExecutor(1) as pool:
        leaving = pool.submit(in_thread, leave)
        while sending.send_due(NOW):
            pass
        leaving.result(60)
    arrived = {mail.recipient for mail in server.accepted}
    for message in messages[::2]:
        message.refresh_from_db()
        email = message.address.email
        if done[email] in ("queued", "leased", "not_sent"):
            assert email not in arrived and message.outcome == "unsubscribed"
        else:
            assert email in arrived and message.state == "sent"
    assert states()["sent"] == len(arrived)
