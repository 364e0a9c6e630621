"""Several requests at once: one contact an identity, every event once, no request left over."""

import random
import threading

import pytest
from django.db import connection

from contacts.models import Address, Company, Contact, Identity
from events import recording
from events.items import Item
from events.models import Event
from ops.models import Source
from tests.events.conftest import identify, track

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*batches, now):
    """Record all batches at the same moment, each from a thread and connection of its own."""
    source = Source.objects.get_or_create(name="Web shop")[0]
    start, faults, done = threading.Barrier(len(batches)), [], []

    def record(batch):
        try:
            start.wait()
            done.append(recording.record(source, [Item(**item) for item in batch], now))
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=record, args=[batch]) for batch in batches]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert not faults
    return done


def test_the_same_batch_from_four_clients_counts_once(now):
    batch = [track(user_id=f"u{n}", message_id=f"m{n}") for n in range(50)]
    done = at_once(batch, batch[::-1], batch, batch[::-1], now=now)
    assert sum(each.accepted for each in done) == 50
    assert sum(each.duplicates for each in done) == 150
    assert Event.objects.count() == Contact.objects.count() == 50


def test_a_new_identity_ends_in_one_contact_and_none_is_left_over(now):
    for attempt in range(5):
        people = [f"{attempt}-{n}" for n in range(40)]
        batches = [[identify(who, plan=f"p{n}", email=f"{who}@e.com") for who in people] for n in range(4)]
        for batch in batches:
            random.shuffle(batch)
        at_once(*batches, now=now)
        assert Identity.objects.count() == Contact.objects.count() == Address.objects.count() == 40 * (attempt + 1)


def test_one_visitor_claimed_by_two_users_at_once_belongs_to_one(now):
    for attempt in range(8):
        visitor = f"a{attempt}"
        at_once([track(user_id=None, anonymous_id=visitor)], now=now)
        at_once(*([track(user_id=f"{name}{attempt}", anonymous_id=visitor)] for name in "xyz"), now=now)
        owners = [Identity.objects.get(kind="user", value=f"{name}{attempt}").contact_id for name in "xyz"]
        assert len(set(owners)) == 3
        assert Identity.objects.get(value=visitor).contact_id in owners


def test_requests_that_touch_the_same_people_in_any_order_all_get_through(now):
    """Merges, traits, companies and events over the same forty people, six requests at a time."""
    dice = random.Random(7)
    for attempt in range(4):
        people = [f"{attempt}-{n}" for n in range(40)]
        at_once([track(user_id=None, anonymous_id=f"a-{who}") for who in people], now=now)
        batches = []
        for n in range(6):
            dice.shuffle(people)
            batches.append(
                [
                    call
                    for who in people
                    for call in (
                        track(user_id=who, anonymous_id=f"a-{who}", message_id=f"{n}-{who}"),
                        identify(who, **{f"k{n}": n}),
                        {"kind": "group", "user_id": who, "group_id": f"c{dice.randrange(5)}", "traits": {f"k{n}": n}},
                    )
                ]
            )
        at_once(*batches, now=now)
        owners = {row.value: row.contact_id for row in Identity.objects.all()}
        assert all(owners[who] == owners[f"a-{who}"] for who in people)
        for row in Identity.objects.filter(kind="user", value__in=people).select_related("contact"):
            assert row.contact.attributes == {f"k{n}": n for n in range(6)}, "a trait got lost"
    assert Event.objects.filter(contact__merged_into=None).count() == 4 * (40 + 240)
    assert all(set(company.attributes) == {f"k{n}" for n in range(6)} for company in Company.objects.all())
