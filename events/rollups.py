"""How often and when a contact did something, ever: the first stage of the pipeline."""

from typing import TYPE_CHECKING

import msgspec
from django.db import connection

if TYPE_CHECKING:
    from events.pipeline import Batch

_COUNT = """
INSERT INTO events_eventrollup AS rollup (contact_id, type, count, first_at, last_at)
SELECT contact, type, count(*), min(at), max(at)
FROM json_to_recordset(%s) AS event (contact bigint, type text, at timestamptz)
GROUP BY contact, type ORDER BY contact, type
ON CONFLICT (contact_id, type) DO UPDATE SET
    count = rollup.count + excluded.count,
    first_at = least(rollup.first_at, excluded.first_at),
    last_at = greatest(rollup.last_at, excluded.last_at)
"""


def count(batch: "Batch") -> None:
    """Add the batch's events to the roll-up of their contact and type; one query."""
    rows = [{"contact": event.contact_id, "type": event.type, "at": event.occurred_at} for event in batch.events]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, [msgspec.json.encode(rows).decode()])
