"""What several connections have to write at a time is written in one statement, and none suffers from another."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, connections, transaction

from campaigns import announcing, settling
from campaigns.answers import Result, result_of
from campaigns.claiming import claim
from campaigns.compiling import RenderedEmail
from campaigns.delivery import Outcome
from campaigns.models import Campaign, Message, MessageBody
from contacts import consent
from contacts.models import Address
from tests.factories import NOW, CampaignFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def statements(monkeypatch):
    """How many parts each statement wrote."""
    sizes, write = [], settling._together._write
    monkeypatch.setattr(settling._together, "_write", lambda parts: sizes.append(len(parts)) or write(parts))
    return sizes


def claimed(count):
    """Messages as a worker holds them, with the verdict on each."""
    MessageFactory.create_batch(count, campaign=CampaignFactory())
    rows = claim(NOW, count)
    found = consent.verdicts([row.address_id for row in rows], None, False, NOW)
    return [(row, found[row.address_id]) for row in rows]


def mark(row, verdict):
    try:
        return settling.mark_sending(row, verdict, 60)
    finally:
        connections.close_all()


def while_one_waits(first, others):
    """`first` must wait for its address; meanwhile the others come. What each of them said, in order."""
    with ThreadPoolExecutor(len(others) + 1) as pool:
        with transaction.atomic():
            Address.objects.select_for_update().get(pk=first[0].address_id)
            tasks = [pool.submit(mark, *first)]
            await_(lambda: blocked() == 1)
            tasks += [pool.submit(work) for work in others]
            await_(lambda: len(settling._together._waiting) == len(others))
        return [task.exception(10) or task.result() for task in tasks]


def test_who_publishes_holds_the_campaign_and_a_refusal_that_pauses_it_is_not_in_the_way():
    """Campaign before message, for both: the database had to end one of them."""
    [(message, _)] = claimed(1)
    refused = result_of(Outcome(message, "policy", "rcpt", 550, "5.7.1", "blocked"), NOW)

    def settles():
        try:
            return settling.settle([refused], NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Campaign.objects.select_for_update().get(pk=message.campaign_id)
            task = pool.submit(settles)
            await_(lambda: blocked() == 1)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '300ms'")
            Message.objects.filter(pk=message.pk).update(data={"touched": True})
        task.result(10)
    message.refresh_from_db()
    assert (message.state, message.campaign.state) == ("not_sent", "paused")


def await_(holds):
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def blocked():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def test_those_who_come_while_one_writes_are_written_together(statements):
    first, *others = claimed(4)
    assert while_one_waits(first, [lambda one=one: mark(*one) for one in others]) == [True] * 4
    assert statements == [1, 3]
    assert set(Message.objects.values_list("state", flat=True)) == {"sending"}


def test_each_hears_of_its_own_message_alone(statements):
    """One of them unsubscribed after consent had been asked."""
    first, gone, stays = claimed(3)
    consent.unsubscribe(gone[0].address_id, now=NOW, source="test")
    assert while_one_waits(first, [lambda: mark(*gone), lambda: mark(*stays)]) == [True, False, True]
    assert statements == [1, 2]
    assert Message.objects.get(pk=gone[0].pk).state == "leased"


def test_what_the_database_refuses_leaves_the_others_alone(statements):
    first, (bad, _), fine = claimed(3)

    def poisonous():
        said = {bad.pk: RenderedEmail("Hello", "no letter: \x00", "Hello", [])}
        try:
            settling.settle([Result(bad, "sent", "sent", sent_at=NOW)], NOW, said)
        finally:
            connections.close_all()

    said = while_one_waits(first, [poisonous, lambda: mark(*fine)])
    assert (said[0], said[2]) == (True, True) and isinstance(said[1], DatabaseError)
    assert statements == [1, 2, 1, 1]
    assert Message.objects.get(pk=bad.pk).state == "leased" and not MessageBody.objects.exists()


def test_two_messages_to_one_address_are_each_judged_by_their_own_verdict():
    """The first was asked about before the reader unsubscribed, and the second after she had come back."""
    row, before = claimed(1)[0]
    address = row.address_id
    consent.unsubscribe(address, now=NOW, source="test")
    consent.resubscribe(address, now=NOW, source="test")
    second = MessageFactory(contact=row.contact, campaign=row.campaign)
    [later] = claim(NOW, 1)
    assert later.pk == second.pk
    after = consent.verdicts([address], None, False, NOW)[address]
    parts = [settling.Part([settling.Mark(*one, 60).row()], []) for one in ((row, before), (later, after))]
    assert settling._write(parts) == {later.pk}


def test_inside_a_transaction_a_mark_is_part_of_it():
    [(row, verdict)] = claimed(1)
    with transaction.atomic():
        assert settling.mark_sending(row, verdict, 60)
        transaction.set_rollback(True)
    assert Message.objects.get().state == "leased"


def test_a_mail_that_was_settled_just_now_does_not_count_as_late(db):
    Message.objects.filter(pk=MessageFactory(campaign=None).pk).update(state="sent", due_at=None, settled_at=NOW)
    assert announcing.is_due(NOW)
    assert not announcing.is_due(NOW - timedelta(minutes=5)), "else /healthz says that work waits for five minutes"
