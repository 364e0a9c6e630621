"""Monthly partitions of the event table, made ahead; and the end of old duplicate keys."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from events.models import EventKey

KEYS_KEPT = timedelta(days=30)
AHEAD = range(-1, 4)  # from the previous month, for late commits, to three months from now
LOCK = 0x6472_6970  # one process at a time makes partitions

# A plain table first, so that rows which went astray can be moved before it becomes a partition. The index
# on (type, occurred_at) is index-only while the visibility map is fresh: vacuum by inserts, not by deaths.
MAKE = """
CREATE TABLE {name} (LIKE events_event INCLUDING ALL)
    WITH (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
WITH moved AS (
    DELETE FROM events_event_other WHERE received_at >= '{start}' AND received_at < '{end}' RETURNING *
) INSERT INTO {name} SELECT * FROM moved;
ALTER TABLE events_event ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}');
"""


def ensure(now: datetime) -> list[str]:
    """Make the missing partitions of the previous month and the next three; returns their names."""
    months = [_month(now, ahead) for ahead in AHEAD]
    if not _missing(months):
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")  # rather try again than make events wait
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        missing = _missing(months)
        if missing:
            cursor.execute("LOCK TABLE events_event_other IN ACCESS EXCLUSIVE MODE")
        for start in missing:
            cursor.execute(MAKE.format(name=_name(start), start=start, end=_month(start, 1)))
    return [_name(start) for start in missing]


def drop_old_keys(now: datetime) -> int:
    """Forget which message ids arrived more than 30 days ago; returns how many."""
    return EventKey.objects.filter(received_at__lt=now - KEYS_KEPT).delete()[0]


def _month(day: datetime, ahead: int) -> datetime:
    months = day.astimezone(UTC).year * 12 + day.astimezone(UTC).month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _name(start: datetime) -> str:
    return f"events_event_y{start:%Ym%m}"


def _missing(months: list[datetime]) -> list[datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
            " WHERE inhparent = 'events_event'::regclass"
        )
        there = {name for (name,) in cursor.fetchall()}
    return [start for start in months if _name(start) not in there]
