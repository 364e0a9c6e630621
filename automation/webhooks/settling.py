"""What came of calls, written in sets: the calls, the log, the receivers, and whoever waited goes on.

Every write to a call is guarded by the fence of its claim. Enrollments are locked before calls, as by those who leave.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from django.db import connection, transaction

from automation.call_models import Attempt, Call
from automation.models import Enrollment
from automation.webhooks.judging import Result
from automation.webhooks.writing import Written

FINAL = (Call.State.DONE, Call.State.FAILED)

# What is sent is written down before it is sent: a second attempt says the same, also from another worker.
BEGIN = """
UPDATE automation_call c SET url = n.url, body = n.body
FROM jsonb_to_recordset(%s::jsonb) AS n(id uuid, fence int, url text, body text)
WHERE c.id = n.id AND c.fence = n.fence AND c.state = 'leased'
RETURNING c.id
"""
SETTLE = """
UPDATE automation_call c SET state = n.state, due_at = n.due_at, lease_until = NULL, fence = c.fence + 1,
    tries = c.tries + n.made::int, status = coalesce(n.status, c.status), reason = n.sentence,
    settled_at = n.settled_at, alone = false, losses = 0
FROM jsonb_to_recordset(%s::jsonb) AS n(id uuid, fence int, state text, due_at timestamptz, made boolean, status int,
    sentence text, settled_at timestamptz)
WHERE c.id = n.id AND c.fence = n.fence AND c.state = 'leased'
RETURNING c.id
"""
# Only where the contact still stands in the step that made the call. Answers by other names are kept.
WAKE = """
UPDATE automation_enrollment e SET
    state = CASE WHEN e.state = 'held' THEN 'active' ELSE e.state END,
    due_at = CASE WHEN e.state = 'held' THEN n.at ELSE e.due_at END,
    scheduled_at = CASE WHEN e.state = 'held' THEN n.at ELSE e.scheduled_at END,
    data = CASE WHEN n.answer IS NULL THEN e.data ELSE e.data || jsonb_build_object('webhook',
        CASE WHEN jsonb_typeof(e.data -> 'webhook') = 'object' THEN e.data -> 'webhook' ELSE '{}'::jsonb END
        || jsonb_build_object(n.name, n.answer)) END
FROM jsonb_to_recordset(%s::jsonb) AS n(enrollment bigint, step text, occurrence int, at timestamptz, name text,
    answer jsonb)
JOIN automation_visit v ON v.enrollment_id = n.enrollment AND v.step_uid = n.step AND v.occurrence = n.occurrence
WHERE e.id = n.enrollment AND v.left_at IS NULL AND e.state IN ('active', 'held')
"""
FAILING = """
UPDATE automation_receiver r SET failing = n.failing
FROM (SELECT r.id, n.failing FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, failing boolean)
      JOIN automation_receiver r ON r.id = n.id AND r.failing <> n.failing ORDER BY r.id FOR UPDATE OF r) n
WHERE r.id = n.id
"""


class OfVisit(Protocol):
    """What was queued for one visit: a call, or something of an app above."""

    enrollment_id: int
    step_uid: str
    occurrence: int


def begin(written: Sequence[Written]) -> list[Written]:
    """Just before they are made: those that are still ours."""
    rows = [{"id": one.call.pk, "fence": one.call.fence, "url": one.call.url, "body": one.call.body} for one in written]
    ours = {pk for (pk,) in _rows(BEGIN, rows)} if rows else set()
    return [one for one in written if one.call.pk in ours]


def settle(results: Sequence[Result], now: datetime) -> None:
    """Write results down; a fixed number of queries."""
    if not results:
        return
    with transaction.atomic():
        # All of them, so that whoever leaves a campaign meanwhile and we take the calls in one order.
        ids = sorted({result.call.enrollment_id for result in results})
        list(Enrollment.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))
        settled = {pk for (pk,) in _rows(SETTLE, [_row(result, now) for result in results])}
        # What was attempted is told also of a call that is another's by now.
        Attempt.objects.bulk_create(_attempt(result) for result in results)
        over = [result for result in results if result.state in FINAL and result.call.pk in settled]
        if over:
            _execute(WAKE, [_woken(result, now) for result in over])
    _note_failing(results)


def wake(calls: Sequence[OfVisit], now: datetime) -> None:
    """Whoever waits for these goes on without an answer to keep, such as where a person has given a call up."""
    _execute(WAKE, [_place(call, now) for call in calls])


def _row(result: Result, now: datetime) -> dict:
    over = result.state != Call.State.QUEUED
    return {
        "id": result.call.pk,
        "fence": result.call.fence,
        "state": result.state,
        "due_at": None if over else result.due_at,
        "made": result.made,
        "status": result.status,
        "sentence": result.sentence[:400].replace("\x00", ""),
        "settled_at": now if over else None,
    }


def _attempt(result: Result) -> Attempt:
    return Attempt(
        call=result.call,
        at=result.at,
        milliseconds=result.milliseconds,
        status=result.status,
        outcome=result.sentence[:400].replace("\x00", ""),
        excerpt=result.excerpt,
        next_at=result.due_at,
    )


def _place(call: OfVisit, now: datetime) -> dict:
    return {"enrollment": call.enrollment_id, "step": call.step_uid, "occurrence": call.occurrence, "at": now}


def _woken(result: Result, now: datetime) -> dict:
    return {**_place(result.call, now), "name": result.call.answer_name, "answer": result.answer}


def _note_failing(results: Sequence[Result]) -> None:
    told = {result.call.receiver_id: result.failing for result in results if result.failing is not None}
    if told:
        _execute(FAILING, [{"id": pk, "failing": failing} for pk, failing in told.items()])


def _execute(statement: str, rows: list[dict]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(rows).decode()])


def _rows(statement: str, rows: list[dict]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(rows).decode()])
        return cursor.fetchall()
