from datetime import timedelta
from types import SimpleNamespace

import pytest

from contacts.models import Contact
from events import rollups
from events.models import Event, EventRollup


def batch(*events):
    return SimpleNamespace(events=[Event(contact=who, type=type_, occurred_at=at) for who, type_, at in events])


@pytest.mark.django_db
def test_counts_and_the_first_and_last_time_add_up_over_batches(now, django_assert_num_queries):
    ann, bob = Contact.objects.create(), Contact.objects.create()
    day = timedelta(days=1)
    with django_assert_num_queries(1):
        rollups.count(batch((bob, "a", now), (ann, "a", now), (ann, "a", now - day), (ann, "b", now)))
    with django_assert_num_queries(1):
        rollups.count(batch((ann, "a", now - 5 * day), (ann, "a", now + day)))
    rows = {(row.contact_id, row.type): row for row in EventRollup.objects.all()}
    assert {key: row.count for key, row in rows.items()} == {(ann.pk, "a"): 4, (ann.pk, "b"): 1, (bob.pk, "a"): 1}
    assert (rows[ann.pk, "a"].first_at, rows[ann.pk, "a"].last_at) == (now - 5 * day, now + day)


@pytest.mark.django_db
def test_a_batch_without_events_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        rollups.count(batch())
