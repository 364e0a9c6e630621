import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from events import partitions
from events.models import Event, EventKey

LATER = datetime(2031, 12, 15, tzinfo=UTC)
MONTHS = ["y2031m11", "y2031m12", "y2032m01", "y2032m02", "y2032m03"]


def lies_in(event_id) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM events_event WHERE id = %s", [event_id])
        return cursor.fetchone()[0]


def event_at(moment):
    return Event.objects.create(
        id=uuid4(), type="order.completed", contact_id=1, source_id=1, occurred_at=moment, received_at=moment
    ).id


@pytest.mark.django_db
def test_the_months_around_now_are_there_after_migrate(now):
    partitions.ensure(now)
    assert lies_in(event_at(now)) == "events_event_y2026m11"


@pytest.mark.django_db
def test_missing_months_are_made_and_astray_rows_moved_into_them():
    astray = event_at(LATER)
    assert lies_in(astray) == "events_event_other"
    assert partitions.ensure(LATER) == [f"events_event_{month}" for month in MONTHS]
    assert lies_in(astray) == "events_event_y2031m12"
    assert lies_in(event_at(datetime(2032, 3, 31, 23, 59, tzinfo=UTC))) == "events_event_y2032m03"
    assert partitions.ensure(LATER) == []


@pytest.mark.django_db
def test_partitions_are_vacuumed_by_inserts_and_have_the_indexes():
    partitions.ensure(LATER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'events_event_y2031m12'")
        assert set(cursor.fetchone()[0]) == {
            "autovacuum_vacuum_insert_scale_factor=0",
            "autovacuum_vacuum_insert_threshold=100000",
        }
        cursor.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
            " WHERE indrelid = 'events_event_y2031m12'::regclass"
        )
        assert cursor.fetchone()[0] == 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_may_make_them_at_once():
    made, faults = [], []

    def ensure():
        try:
            made.extend(partitions.ensure(LATER))
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=ensure) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with connection.cursor() as cursor:
        for month in MONTHS:
            cursor.execute(f"DROP TABLE events_event_{month}")
    assert not faults
    assert sorted(made) == [f"events_event_{month}" for month in MONTHS]


@pytest.mark.django_db
def test_keys_are_forgotten_after_thirty_days(now):
    EventKey.objects.create(key=uuid4(), received_at=now - timedelta(days=30, seconds=1))
    kept = EventKey.objects.create(key=uuid4(), received_at=now - timedelta(days=29))
    assert partitions.drop_old_keys(now) == 1
    assert EventKey.objects.get() == kept
