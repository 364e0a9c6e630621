"""What a merge does to events: they and their roll-ups go to the winner."""

from datetime import datetime

from django.db import connection

BATCH = 5_000

_EVENTS = """
UPDATE events_event SET contact_id = %s
WHERE (id, received_at) IN (SELECT id, received_at FROM events_event WHERE contact_id = %s LIMIT %s)
"""
_ROLLUPS = """
WITH moved AS (DELETE FROM events_eventrollup WHERE contact_id = %s RETURNING type, count, first_at, last_at)
INSERT INTO events_eventrollup AS kept (contact_id, type, count, first_at, last_at)
SELECT %s, type, count, first_at, last_at FROM moved ORDER BY type
ON CONFLICT (contact_id, type) DO UPDATE SET
    count = kept.count + excluded.count,
    first_at = least(kept.first_at, excluded.first_at),
    last_at = greatest(kept.last_at, excluded.last_at)
"""


def move(winner_id: int, loser_id: int, now: datetime) -> bool:
    """Move a batch of the loser's events and all of its roll-ups; True when more events are left."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [winner_id, loser_id, BATCH])
        moved = cursor.rowcount
        cursor.execute(_ROLLUPS, [loser_id, winner_id])
    return moved == BATCH
