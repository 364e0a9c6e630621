"""A database that goes away in mid-batch, and a slow mail server: nothing waits for its lease, nothing is unknown."""

import threading
import time
from collections import Counter

import pytest
from django.db import OperationalError, connection, transaction

from campaigns import claiming, doors, lifecycle, sending
from campaigns.models import Message
from lib import outages
from tests.connections import OTHERS, cut_others
from tests.factories import NOW, CampaignFactory, MessageFactory
from tests.smtp_server import FaultySmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings):
    settings.MAIL_CONNECTIONS = 3
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        yield server
    for pool in sending._pools.values():
        pool.shutdown()
    sending._pools.clear()
    cut_others()  # those of the pool's threads, or the test database could not be dropped


def states():
    return Counter(Message.objects.values_list("state", flat=True))


@pytest.mark.parametrize("verb", ["BODY", "DOT"])
def test_what_a_cut_connection_interrupts_is_ready_at_once_and_nothing_is_unknown(server, verb):
    """Before the dot it was not begun; after it the outcome is known, and told as soon as the database listens."""
    messages = MessageFactory.create_batch(30, campaign=CampaignFactory())
    sending.send_due(NOW)
    messages += MessageFactory.create_batch(30, campaign=messages[0].campaign)
    cut, own = threading.Event(), connection.connection.info.backend_pid

    def once(n, line):
        if n > 30 + 6 and not cut.is_set():
            cut.set()
            threading.Thread(target=cut_all_but, args=[own]).start()
        return True

    server.on(verb, when=once, delay=0.2)
    with pytest.raises(OperationalError):
        sending.send_due(NOW)
    assert cut.is_set() and states()["queued"] > 0 and set(states()) == {"sent", "queued"}
    assert states()["sent"] == len(server.accepted)
    while sending.send_due(NOW):
        pass
    assert Counter(mail.recipient for mail in server.accepted) == {message.address.email: 1 for message in messages}
    assert states() == {"sent": 60}
    assert not Message.objects.filter(alone=True).exists(), "nobody's fault: they need not be claimed alone"


def cut_all_but(pid):
    """The connections of the pool's threads; the test keeps its own."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND pid <> %s", [pid])
    connection.close()


def test_a_fault_of_the_mail_itself_is_not_taken_for_an_outage(server):
    """Its lease runs out, so that it is found by claiming each alone."""
    MessageFactory(campaign=CampaignFactory(), template__compiled={})
    with pytest.raises(Exception) as fault:  # noqa: PT011  whatever it is, it is not the database's
        sending.send_due(NOW)
    assert not outages.is_outage(fault.value) and states() == {"leased": 1}


def test_a_statement_that_the_database_refuses_is_not_taken_for_an_outage():
    with pytest.raises(Exception) as fault, connection.cursor() as cursor:  # noqa: PT011
        cursor.execute("SELECT 1/0")
    assert not outages.is_outage(fault.value)


def test_a_batch_on_a_slow_server_ends_in_time_and_gives_back_what_it_has_not_begun(server, monkeypatch):
    monkeypatch.setattr(sending, "MOST_SECONDS", 0.3)
    server.on("DOT", delay=0.15)
    messages = MessageFactory.create_batch(45, campaign=CampaignFactory())
    assert sending.send_due(NOW) == 45
    assert 3 <= states()["sent"] <= 15 and set(states()) == {"sent", "queued"}, "the rest is anybody's"
    server.rules.clear()
    monkeypatch.undo()
    sending.send_due(NOW)
    assert states() == {"sent": 45} and len(server.accepted) == len(messages)


def test_only_what_we_still_hold_is_given_back():
    mine, lost = MessageFactory.create_batch(2, campaign=CampaignFactory())
    claimed = claiming.claim(NOW, 2)
    Message.objects.filter(pk=lost.pk).update(fence=9)  # another worker has it by now
    assert claiming.give_back(claimed) == 1
    assert dict(Message.objects.values_list("pk", "state")) == {mine.pk: "queued", lost.pk: "leased"}
    assert claiming.give_back(claimed) == 0, "nor twice"


def test_archiving_is_done_anew_where_it_stood_in_the_way_of_a_sender(monkeypatch):
    """It holds the first mail and wants the second; a sender holds the second and wants the first."""
    campaign = CampaignFactory()
    first, second = MessageFactory.create_batch(2, campaign=campaign)
    met, tries = threading.Barrier(2), []

    def sender():
        with transaction.atomic():
            Message.objects.filter(pk=second.pk).update(reason="held")
            met.wait(10)
            time.sleep(0.3)  # PostgreSQL looks after a second's wait, and ends the one that has waited so long
            Message.objects.filter(pk=first.pk).update(reason="held")
        connection.close()

    def cancelling(archived, now):
        tries.append(now)
        Message.objects.filter(pk=first.pk).update(state="not_sent", settled_at=now, due_at=None)
        if len(tries) == 1:
            met.wait(10)
        Message.objects.filter(pk=second.pk).update(state="not_sent", settled_at=now, due_at=None)

    monkeypatch.setitem(doors.on_archived._items, "test", cancelling)
    monkeypatch.delitem(doors.on_archived._items, "exit")
    other = threading.Thread(target=sender)
    other.start()
    lifecycle.archive(campaign, None, NOW)
    other.join()
    campaign.refresh_from_db()
    assert (campaign.state, len(tries)) == ("archived", 2) and states() == {"not_sent": 2}
