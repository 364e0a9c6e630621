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
from campaigns.watches import AGAIN, EXIT, LOOK, Watching, in_words
from events.models import Event
from lib.durations import duration

MAX_AGAIN = 100

# Each as its step has it still: it may have gone on meanwhile. Locked in the order of everybody.
WAKE = """
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(told)s) AS told(id bigint, step_uid text, woken json, again timestamptz,
        begun timestamptz, data jsonb, event_id uuid, event_at timestamptz, hops int, look boolean)
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
    FROM listening l WHERE v.enrollment_id = l.id AND v.left_at IS NULL AND l.look IS NULL
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
    by_row: dict[int, list[Met]] = {}
    for met in found:
        by_row.setdefault(met.row.pk, []).append(met)
    told = {pk: _told(its, now) for pk, its in by_row.items()}
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


def _told(found: Sequence[Met], now: datetime) -> dict[str, Any]:
    """What becomes of one who waits: the first thing they did opens its way; else the last repeat begins the time anew.

    Whoever goes on waits no more, but what happened again before is news of theirs all the same.
    """
    deeds = [met for met in found if met.watching.watch.uid != AGAIN]
    first = min(deeds, key=lambda met: _when(met, now), default=None)
    again = [met for met in found if met not in deeds and (not first or _when(met, now) < _when(first, now))]
    told: dict[str, Any] = {"id": found[0].row.pk, "step_uid": found[0].watching.step_uid}
    if found[0].watching.watch.uid == LOOK:
        return told | {"hops": 0, "look": True}
    told["hops"] = max(met.event.hops if met.event else 0 for met in found)
    if again:
        told |= _begun_anew(max(again, key=lambda met: _when(met, now)), now)
    if first:
        told.pop("again", None)
        event = first.event
        seen = {"event": event.type, "event_id": event.pk, "at": event.occurred_at} if event else {}
        told["woken"] = {"arm": first.watching.watch.uid, **seen}
    return told


def _when(met: Met, now: datetime) -> datetime:
    return met.event.occurred_at if met.event else now


def _begun_anew(met: Met, now: datetime) -> dict[str, Any]:
    step, event = met.document.step(met.watching.step_uid), met.event
    assert step and event
    span: timedelta = duration(step.config["timeout"]["amount"], step.config["timeout"]["unit"])
    begun = min(event.occurred_at, now)
    return {
        "again": begun + span, "begun": begun,
        "data": event.properties, "event_id": event.pk, "event_at": event.occurred_at,
    }  # fmt: skip
