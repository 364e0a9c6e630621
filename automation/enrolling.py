"""Rows of enrollment: inserting, refreshing, leaving. Sets, not loops."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import structlog
from django.db import connection
from django.db.models import F, JSONField, QuerySet, Value

from automation.models import Enrollment, Visit
from automation.webhooks import queueing
from campaigns.document import Document
from campaigns.models import Campaign, Message
from events.models import Event
from lib.registry import Registry
from segments.sql import Json

log = structlog.get_logger(__name__)

# The trigger's new data take the place of its old; what webhooks have answered stays.
KEEP_ANSWERS = """{new} || CASE WHEN {old} -> 'webhook' IS NULL THEN '{}'::jsonb
    ELSE jsonb_build_object('webhook', {old} -> 'webhook') END"""
SPREAD_PARTS = 997
# What apps above have queued for people: `cancel(enrollment_ids, explanation, now)`, the enrollments locked.
CANCELS: Registry[Callable[[list[int], str, datetime], object]] = Registry("canceller of what is queued")

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
RETURNING id, contact_id
"""


# Stands before a query about enrollments, and gives it rows that are none yet.
AS_IF_INSERTED = """
WITH automation_enrollment AS (SELECT * FROM jsonb_populate_recordset(NULL::automation_enrollment, %s::jsonb))
"""


@dataclass(frozen=True)
class Start:
    """What lets a contact in: an event, or what nobody did, such as a date that has come.

    `id` names it: that of the event, or one made of what it is (`occasion`). Nobody enters twice for the same one.
    `received_at`: when an event reached us; however long the engine was down after that, it was not late.
    `told_as`: for several starts of one name it is said only once why somebody does not enter.
    """

    contact_id: int
    occurred_at: datetime
    id: UUID
    type: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    hops: int = 0
    received_at: datetime | None = None
    told_as: UUID | None = None

    @classmethod
    def of(cls, event: Event) -> "Start":
        its = (event.contact_id, event.occurred_at, event.id, event.type, event.properties, event.hops)
        return cls(*its, received_at=event.received_at)


def occasion(*names: object) -> UUID:
    """The id of a start that is no event: the same names, the same id."""
    return uuid5(NAMESPACE_OID, "|".join(map(str, names)))


@dataclass
class Entry:
    """Somebody about to enter a campaign; `held_out` says in a sentence why they get no marketing there."""

    campaign: Campaign
    document: Document
    start: Start
    key: str
    restarts: Enrollment | None = None
    again: bool = False  # they have been in it before
    held_out: str = ""
    goes_through: bool = False  # held out, too: the campaign's transactional mail is for everybody


def insert(entries: Sequence[Entry], now: datetime, spread: timedelta = timedelta()) -> dict[int, int]:
    """Insert the enrollments, due at once or spread over a while; returns contact → enrollment.

    Who is inside already, or was once where that is for ever, is passed by.
    """
    if not entries:
        return {}
    leave([entry.restarts.pk for entry in entries if entry.restarts], "restarted", "The trigger happened again.", now)
    rows = [_row(entry, now, spread) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(rows, default=str)])
        return {contact: pk for pk, contact in cursor.fetchall()}


def asked_before(entries: Sequence[Entry], queries: Sequence[QuerySet], now: datetime) -> list[tuple[Any, ...]]:
    """What queries about enrollments would answer if these were inserted: the nth (from 0) has the id -n - 1.

    All are asked at once, or nothing where there are none.
    """
    if not queries:
        return []
    rows = [{"id": -place - 1, **_row(entry, now, timedelta())} for place, entry in enumerate(entries)]
    sql, params = queries[0].union(*queries[1:], all=True).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(AS_IF_INSERTED + sql, [json.dumps(rows, default=str), *params])
        return cursor.fetchall()


def _row(entry: Entry, now: datetime, spread: timedelta) -> dict:
    start, first = entry.start, entry.document.steps[0]
    over = bool(entry.held_out) and not entry.goes_through
    later = spread * (start.contact_id % SPREAD_PARTS) / SPREAD_PARTS
    return {
        "campaign_id": entry.campaign.id,
        "contact_id": start.contact_id,
        "version_id": entry.campaign.live_id,
        "entry_key": entry.key,
        "once": entry.document.reentry.mode == "once",
        "arm": "holdout" if entry.held_out else "",
        "state": Enrollment.State.FINISHED if over else Enrollment.State.ACTIVE,
        "step_uid": first.uid,
        "due_at": None if over else now + later,
        "data": start.properties,
        "event_type": start.type,
        "event_id": start.id,
        "event_at": start.occurred_at,
        "hops": start.hops,
        "entered_at": now,
        "left_at": now if over else None,
        "reason": "holdout" if over else "",
        "explanation": entry.held_out,
    }


def refresh(enrollment: Enrollment, start: Start) -> None:
    """The trigger happened again while inside: take its data."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        data=Json(KEEP_ANSWERS, new=Value(dict(start.properties), JSONField()), old=F("data")),
        event_id=start.id,
        event_at=start.occurred_at,
        hops=start.hops,
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
    cancel(ids, explanation, now)
    Visit.objects.filter(enrollment_id__in=ids, left_at=None).update(left_at=now, arm="exit", explanation=explanation)
    return Enrollment.objects.filter(pk__in=ids).update(
        state=Enrollment.State.EXITED, due_at=None, listens=False, left_at=now, reason=reason, explanation=explanation
    )


def cancel(enrollment_ids: list[int], explanation: str, now: datetime) -> None:
    """What is queued for them, mails and calls, is cancelled; what is being handed over is not."""
    _cancel_messages(enrollment_ids, explanation, now)
    queueing.cancel(enrollment_ids, explanation, now)
    for cancel_theirs in CANCELS:
        cancel_theirs(enrollment_ids, explanation, now)


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
