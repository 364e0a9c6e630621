"""How the size of segments went: batches become days, days become a line."""

from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Sum

from segments.models import Flow, Segment

_COMPACT = """
WITH many AS (
    SELECT segment_id, day FROM segments_flow GROUP BY segment_id, day HAVING count(*) > 1
), old AS (
    DELETE FROM segments_flow f USING many WHERE f.segment_id = many.segment_id AND f.day = many.day
    RETURNING f.segment_id, f.day, f.entered, f.gone
)
INSERT INTO segments_flow (segment_id, day, entered, gone)
SELECT segment_id, day, sum(entered), sum(gone) FROM old GROUP BY segment_id, day
"""
_LOCK = "SELECT pg_try_advisory_xact_lock(7302)"


@transaction.atomic
def compact(now: datetime) -> None:
    """One row a segment and day; one worker at a time, those who only add rows do not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if cursor.fetchone()[0]:
            cursor.execute(_COMPACT)


def sizes(segment: Segment, since: date, until: date) -> list[tuple[date, int]]:
    """How many were in it at the end of each day."""
    net = F("entered") - F("gone")
    rows = Flow.objects.filter(segment=segment).order_by()
    size = rows.filter(day__lt=since).aggregate(size=Sum(net))["size"] or 0
    days = dict(rows.filter(day__range=(since, until)).values("day").annotate(net=Sum(net)).values_list("day", "net"))
    found = []
    for number in range((until - since).days + 1):
        day = since + timedelta(days=number)
        size += days.get(day, 0)
        found.append((day, size))
    return found


def moves(segment: Segment, since: date, until: date) -> list[tuple[date, int, int]]:
    """How many entered and how many left on each day."""
    rows = Flow.objects.filter(segment=segment, day__range=(since, until)).order_by().values("day")
    by_day = {row["day"]: row for row in rows.annotate(came=Sum("entered"), went=Sum("gone"))}
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    return [(day, by_day[day]["came"], by_day[day]["went"]) if day in by_day else (day, 0, 0) for day in days]
