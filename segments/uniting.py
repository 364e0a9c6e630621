"""Merge: what one of two contacts was in, the one who is left is in; the rules are asked again afterwards."""

from datetime import datetime
from typing import Any

from django.db import connection

from contacts.models import Change

# The older stay is kept; what the other one was in as well ends as merged.
_END = """
WITH gone AS (
    UPDATE segments_membership m SET left_at = %(now)s, left_by = 'merged'
    WHERE m.contact_id = %(loser)s AND m.left_at IS NULL AND EXISTS (
        SELECT FROM segments_membership w
        WHERE w.contact_id = %(winner)s AND w.segment_id = m.segment_id AND w.left_at IS NULL
    )
    RETURNING segment_id
)
INSERT INTO segments_flow (segment_id, day, entered, gone) SELECT segment_id, %(day)s, 0, count(*) FROM gone GROUP BY 1
"""
_MOVE = "UPDATE segments_membership SET contact_id = %(winner)s WHERE contact_id = %(loser)s"


def unite(winner_id: int, loser_id: int, now: datetime) -> None:
    """A merge step: memberships of the loser become the winner's."""
    values: dict[str, Any] = {"winner": winner_id, "loser": loser_id, "now": now, "day": now.date()}
    with connection.cursor() as cursor:
        cursor.execute(_END, values)
        cursor.execute(_MOVE, values)
    # What the loser did counts as the winner's from now on, so the rules are asked again.
    Change.objects.create(contact_id=winner_id, kind=Change.Kind.MERGED, due_at=now, triggers=False)
