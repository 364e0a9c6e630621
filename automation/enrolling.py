"""Rows of enrollment: inserting, refreshing, leaving. Sets, not loops."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import connection
from django.db.models import F

from automation.models import Enrollment, Visit
from campaigns.document import Document
from campaigns.models import Campaign, Message
from events.models import Event

log = structlog.get_logger(__name__)

INSERT = """
INSERT INTO automation_enrollment
    (campaign_id, contact_id, version_id, entry_key, once, arm, state, step_uid, due_at, scheduled_at, data, event_type,
     event_id, event_at, hops, steps_taken, entered_at, left_at, reason, explanation)
SELECT e.campaign_id, e.contact_id, e.version_id, e.entry_key, e.once, e.arm, e.state, e.step_uid, e.due_at,
       e.due_at, e.data, e.event_type, e.event_id, e.event_at, e.hops, 0,
       e.entered_at, e.left_at, e.reason, e.explanation
FROM jsonb_to_recordset(%s::jsonb) AS e(
    campaign_id bigint, contact_id bigint, version_id bigint, entry_key text, once boolean, arm text, state text,
    step_uid text, due_at timestamptz, data jsonb, event_type text, event_id uuid, event_at timestamptz, hops int,
    entered_at timestamptz, left_at timestamptz, reason text, explanation text)
ORDER BY e.contact_id, e.campaign_id
ON CONFLICT DO NOTHING
RETURNING id
"""


@dataclass
class Entry:
    """Somebody about to enter a campaign by an event."""

    campaign: Campaign
    document: Document
    event: Event
    key: str
    restarts: Enrollment | None = None
    held_out: bool = field(default=False)


def insert(entries: Sequence[Entry], now: datetime) -> list[int]:
    """Insert the enrollments, due at once; who is inside already, or was once where that is for ever, is passed by."""
    if not entries:
        return []
    leave([entry.restarts.pk for entry in entries if entry.restarts], "restarted", "The trigger happened again.", now)
    rows = [_row(entry, now) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(rows, default=str)])
        return [pk for (pk,) in cursor.fetchall()]


def _row(entry: Entry, now: datetime) -> dict:
    event, first = entry.event, entry.document.steps[0]
    return {
        "campaign_id": entry.campaign.id,
        "contact_id": event.contact_id,
        "version_id": entry.campaign.live_id,
        "entry_key": entry.key,
        "once": entry.document.reentry.mode == "once",
        "arm": "holdout" if entry.held_out else "",
        "state": Enrollment.State.FINISHED if entry.held_out else Enrollment.State.ACTIVE,
        "step_uid": first.uid,
        "due_at": None if entry.held_out else now,
        "data": event.properties,
        "event_type": event.type,
        "event_id": event.id,
        "event_at": event.occurred_at,
        "hops": event.hops,
        "entered_at": now,
        "left_at": now if entry.held_out else None,
        "reason": "holdout" if entry.held_out else "",
        "explanation": "Held out by chance, to measure what the campaign does." if entry.held_out else "",
    }


def refresh(enrollment: Enrollment, event: Event) -> None:
    """The trigger happened again while inside: take its data."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        data=event.properties, event_id=event.id, event_at=event.occurred_at, hops=event.hops
    )


def leave(enrollment_ids: Sequence[int], reason: str, explanation: str, now: datetime) -> int:
    """They leave the campaign early; what is queued for them is cancelled, what is being handed over is not."""
    if not enrollment_ids:
        return 0
    locked = (
        Enrollment.objects.active()
        .filter(pk__in=enrollment_ids)
        .select_for_update()
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    ids = list(locked)
    _cancel_messages(ids, explanation, now)
    Visit.objects.filter(enrollment_id__in=ids, left_at=None).update(left_at=now, arm="exit", explanation=explanation)
    return Enrollment.objects.filter(pk__in=ids).update(
        state=Enrollment.State.EXITED, due_at=None, listens=False, left_at=now, reason=reason, explanation=explanation
    )


def _cancel_messages(enrollment_ids: list[int], explanation: str, now: datetime) -> None:
    waiting = Visit.objects.filter(enrollment_id__in=enrollment_ids, left_at=None, message__isnull=False)
    Message.objects.filter(pk__in=waiting.values("message_id"), state__in=["queued", "leased", "parked"]).update(
        state=Message.State.NOT_SENT,
        outcome=Message.Outcome.CANCELLED,
        reason=explanation,
        due_at=None,
        lease_until=None,
        settled_at=now,
        fence=F("fence") + 1,
    )
