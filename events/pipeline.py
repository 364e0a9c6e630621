"""The pipeline: what was written about contacts, lane by lane, passes every stage of EVENT_PIPELINE.

A lane is contact mod 256. A worker locks lanes for the length of one transaction, so one contact's
changes are never worked on twice at a time and keep their order. The changes are deleted in the
transaction that carries their consequences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from contacts.models import LANES, Change
from events.models import Event
from lib.due import Question, work_off

LOCK_CLASS = 7301
LANES_AT_ONCE = LANES // 2
BATCH = 1000

LOCK_LANES = """
WITH waiting AS MATERIALIZED (
    SELECT lane FROM generate_series(0, %s) AS lane
    WHERE EXISTS (SELECT 1 FROM contacts_change c WHERE c.lane = lane.lane AND c.due_at IS NOT NULL)
)
SELECT lane FROM waiting WHERE pg_try_advisory_xact_lock(%s, lane) LIMIT %s
"""

# Joined through the change, so that each event is sought in its own partition only.
READ_EVENTS = """
SELECT e.* FROM contacts_change c
JOIN events_event e ON e.id = c.event_id AND e.received_at = c.event_at
WHERE c.id = ANY(%s) ORDER BY c.id
"""

# A merge re-points unread changes at once and history later: the events that are read now must not lag behind.
FOLLOW_MERGES = """
UPDATE events_event e SET contact_id = c.contact_id FROM contacts_change c
WHERE c.id = ANY(%s) AND e.id = c.event_id AND e.received_at = c.event_at AND e.contact_id <> c.contact_id
"""

FORGET = "DELETE FROM contacts_change WHERE id = ANY(%s::bigint[])"


@dataclass
class Batch:
    """Changes of some lanes, in order, with what they are about."""

    now: datetime
    changes: Sequence[Change]
    events: list[Event] = field(default_factory=list)
    """The events among the changes, in order; `event.triggers` says whether they may start anything."""
    written: dict[str, set[int]] = field(default_factory=dict)
    """What the stages before wrote about whom, for those after them: token (segments.reading) → contacts."""

    @property
    def triggering(self) -> list[Event]:
        return [event for event in self.events if event.triggers]  # type: ignore[attr-defined]


is_due = Question(lambda now: Change.objects.filter(due_at__lte=now))


def drain(now: datetime) -> int:
    """Work off one batch of changes; returns how many (0: nothing due, or other workers have it)."""
    with transaction.atomic():
        lanes = _lock_lanes()
        if not lanes:
            return 0
        changes = list(Change.objects.filter(lane__in=lanes, due_at__isnull=False).order_by("id")[:BATCH])
        work_off(changes, lambda rows: _carry(rows, now), _park)
    return len(changes)


def _lock_lanes() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LANES, [LANES - 1, LOCK_CLASS, LANES_AT_ONCE])
        return [lane for (lane,) in cursor.fetchall()]


def _carry(changes: Sequence[Change], now: datetime) -> None:
    batch = Batch(now, changes, _events(changes))
    for name in settings.EVENT_PIPELINE:
        import_string(name)(batch)
    with connection.cursor() as cursor:  # a thousand parameters would cost more than the deed
        cursor.execute(FORGET, [f"{{{','.join(str(change.id) for change in changes)}}}"])


def _events(changes: Sequence[Change]) -> list[Event]:
    ids = [change.id for change in changes if change.event_id]
    if not ids:
        return []
    about = {change.event_id: change for change in changes if change.event_id}
    events = list(Event.objects.raw(READ_EVENTS, [ids]))
    if any(event.contact_id != about[event.id].contact_id for event in events):
        with connection.cursor() as cursor:
            cursor.execute(FOLLOW_MERGES, [ids])
    for event in events:
        event.contact_id = about[event.id].contact_id
        event.triggers = about[event.id].triggers  # type: ignore[attr-defined]
    return events


def _park(change: Change, fault: Exception) -> None:
    Change.objects.filter(id=change.id).update(due_at=None, parked_because=f"{type(fault).__name__}: {fault}"[:1000])
