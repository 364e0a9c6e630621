"""What follows when somebody inside a campaign met what it looks out for: they leave, a goal is noted, a wait ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection

from automation import enrolling, pace
from automation.models import Enrollment, GoalReached
from campaigns.document import Document
from campaigns.watches import AGAIN, EXIT, Watching, in_words
from events.models import Event
from lib.durations import duration

MAX_AGAIN = 100

# Each as its step has it still: it may have gone on meanwhile. Locked in the order of everybody.
WAKE = """
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(told)s) AS told(id bigint, step_uid text, woken json, again timestamptz,
        begun timestamptz, data jsonb, event_id uuid, event_at timestamptz, hops int)
), listening AS MATERIALIZED (
    SELECT told.* FROM automation_enrollment e JOIN told ON told.id = e.id AND told.step_uid = e.step_uid
    JOIN automation_visit v ON v.enrollment_id = e.id AND v.left_at IS NULL
    WHERE e.id = ANY(%(ids)s::bigint[]) AND e.state = 'active' AND e.listens
        AND (told.again IS NULL OR coalesce((v.facts ->> 'again')::int, 0) < %(most)s)
    ORDER BY e.id FOR UPDATE OF e
), noted AS (
    UPDATE automation_visit v SET facts = v.facts || CASE
        WHEN l.again IS NULL THEN jsonb_build_object('woken', l.woken::jsonb)
        ELSE jsonb_build_object('since', l.begun, 'until', l.again,
            'again', coalesce((v.facts ->> 'again')::int, 0) + 1) END
    FROM listening l WHERE v.enrollment_id = l.id AND v.left_at IS NULL
)
UPDATE automation_enrollment e SET due_at = coalesce(l.again, %(now)s), scheduled_at = coalesce(l.again, %(now)s),
    listens = l.again IS NOT NULL, hops = greatest(e.hops, l.hops), data = e.data || coalesce(l.data, '{}'),
    event_id = coalesce(l.event_id, e.event_id), event_at = coalesce(l.event_at, e.event_at)
FROM listening l WHERE e.id = l.id
"""


@dataclass
class Met:
    """One watch that was met: by which enrollment, and by which event (None: a condition holds)."""

    row: Enrollment
    document: Document
    watching: Watching
    event: Event | None = None


def leave(found: Sequence[Met], now: datetime) -> None:
    """They leave early; a few queries a reason."""
    reasons: dict[tuple[str, str], list[int]] = {}
    for met in found:
        words = in_words(met.watching.watch)
        why = f"A reason to leave: {words}." if met.watching.role == EXIT else f"Reached the goal: {words}."
        reasons.setdefault((met.watching.role, why), []).append(met.row.pk)
    for (reason, explanation), ids in sorted(reasons.items()):
        enrolling.leave(sorted(set(ids)), reason, explanation[:400], now)


def reach(found: Sequence[Met], now: datetime) -> None:
    """Goals are noted, each once per enrollment."""
    GoalReached.objects.bulk_create(
        (
            GoalReached(
                enrollment=met.row,
                goal_uid=met.watching.watch.uid,
                event_id=met.event.pk if met.event else None,
                at=met.event.occurred_at if met.event else now,
            )
            for met in found
        ),
        ignore_conflicts=True,
    )


def wake(found: Sequence[Met], now: datetime) -> None:
    """They go on by the arm of what came first; or their time begins anew. One query."""
    told: dict[int, dict[str, Any]] = {}
    for met in sorted(found, key=lambda met: _order(met, now)):
        told.setdefault(met.row.pk, _told(met, now))
    if told:
        values: dict[str, Any] = {
            "told": msgspec.json.encode(list(told.values())).decode(),
            "ids": sorted(told),
            "now": now,
            "most": MAX_AGAIN,
        }
        with connection.cursor() as cursor:
            cursor.execute(WAKE, values)
    if again := {pk: one["again"] - one["begun"] for pk, one in told.items() if "again" in one}:
        pace.begin_again(again, now)


def _order(met: Met, now: datetime) -> tuple[datetime, bool]:
    """What came first; what it waits for before the trigger that is the same event."""
    return met.event.occurred_at if met.event else now, met.watching.watch.uid == AGAIN


def _told(met: Met, now: datetime) -> dict[str, Any]:
    event = met.event
    told: dict[str, Any] = {"id": met.row.pk, "step_uid": met.watching.step_uid, "hops": event.hops if event else 0}
    if met.watching.watch.uid == AGAIN and event:
        step = met.document.step(met.watching.step_uid)
        assert step
        span: timedelta = duration(step.config["timeout"]["amount"], step.config["timeout"]["unit"])
        begun = min(event.occurred_at, now)
        return told | {
            "again": begun + span, "begun": begun,
            "data": event.properties, "event_id": event.pk, "event_at": event.occurred_at,
        }  # fmt: skip
    seen = {"event": event.type, "event_id": event.pk, "at": event.occurred_at} if event else {}
    return told | {"woken": {"arm": met.watching.watch.uid, **seen}}
