"""What outcomes do to visits and enrollments, written in sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection

from automation.models import Enrollment, Visit
from campaigns.document import Document, StepDoc
from campaigns.flow import way_on
from campaigns.step_kinds import Done, Exit, Outcome, Wait
from segments import conditions

UPDATE_ENROLLMENTS = """
UPDATE automation_enrollment AS e SET state = n.state, step_uid = n.step_uid, due_at = n.due_at,
    scheduled_at = n.scheduled_at, left_at = n.left_at, reason = n.reason, explanation = n.explanation,
    steps_taken = n.steps_taken, listens = n.listens, skips_message = n.skips_message
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, state text, step_uid text, due_at timestamptz,
    scheduled_at timestamptz, left_at timestamptz, reason text, explanation text, steps_taken int,
    listens boolean, skips_message boolean)
WHERE e.id = n.id
"""

UPDATE_VISITS = """
UPDATE automation_visit AS v SET left_at = n.left_at, arm = n.arm, explanation = n.explanation, facts = n.facts,
    message_id = n.message_id
FROM jsonb_to_recordset(%s::jsonb) AS n(id bigint, left_at timestamptz, arm text, explanation text, facts jsonb,
    message_id uuid)
WHERE v.id = n.id
"""


@dataclass
class Move:
    """One enrollment, the visit it makes, and what came of it."""

    enrollment: Enrollment
    visit: Visit | None
    outcome: Outcome

    @property
    def leaves_step(self) -> bool:
        return not isinstance(self.outcome, Wait)

    @property
    def is_due(self) -> bool:
        return self.leaves_step and self.enrollment.state == Enrollment.State.ACTIVE


def skip_sentence(step: StepDoc) -> str:
    return f"Skipped: it is done only if {conditions.sentence(step.only_if, 'enrollment')}."[:400]


def save_moves(moves: Sequence[Move], documents: dict[int, Document], now: datetime) -> None:
    """Three queries: new visits, changed visits, enrollments."""
    for move in moves:
        _apply(move, documents[move.enrollment.version_id], now)
    visits = [move.visit for move in moves if move.visit]
    changed = [visit for visit in visits if visit.pk]
    Visit.objects.bulk_create([visit for visit in visits if not visit.pk])
    save_visits(changed)
    rows = [
        _fields(
            move.enrollment,
            "id",
            "state",
            "step_uid",
            "due_at",
            "scheduled_at",
            "left_at",
            "reason",
            "explanation",
            "steps_taken",
            "listens",
            "skips_message",
        )
        for move in moves
    ]
    _execute(UPDATE_ENROLLMENTS, rows)


def save_visits(visits: Sequence[Visit]) -> None:
    """Visits that stand in the database already, as they are now; one query, or none."""
    if visits:
        columns = ("id", "left_at", "arm", "explanation", "facts", "message_id")
        _execute(UPDATE_VISITS, [_fields(visit, *columns) for visit in visits])


def _execute(sql: str, rows: list[dict]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [msgspec.json.encode(rows).decode()])


def _fields(row, *names: str) -> dict:
    return {name: getattr(row, name) for name in names}


def _apply(move: Move, document: Document, now: datetime) -> None:
    enrollment, visit, outcome = move.enrollment, move.visit, move.outcome
    if visit:
        visit.explanation, visit.facts = outcome.explanation[:400], outcome.facts or visit.facts
    if isinstance(outcome, Wait):
        enrollment.state = Enrollment.State.ACTIVE if outcome.until else Enrollment.State.HELD
        enrollment.due_at = enrollment.scheduled_at = outcome.until
        enrollment.listens = outcome.listens
        return
    enrollment.listens = False
    if visit:
        visit.left_at, visit.arm = now, "exit" if isinstance(outcome, Exit) else outcome.arm
    if isinstance(outcome, Exit):
        _leave(enrollment, Enrollment.State.EXITED, outcome.reason, outcome.explanation, now)
    else:
        _follow(enrollment, outcome, document, now)


def _follow(enrollment: Enrollment, outcome: Done, document: Document, now: datetime) -> None:
    step = document.step(enrollment.step_uid)
    target = way_on(step, outcome.arm) if step else None
    if target is None:
        _leave(enrollment, Enrollment.State.FINISHED, "", "They reached the end.", now)
    else:
        # `scheduled_at` stays what it was: a mail's lateness counts from when it should have gone out.
        enrollment.state, enrollment.step_uid = Enrollment.State.ACTIVE, target


def _leave(enrollment: Enrollment, state: str, reason: str, explanation: str, now: datetime) -> None:
    enrollment.state, enrollment.due_at, enrollment.left_at = state, None, now
    enrollment.reason, enrollment.explanation = reason, explanation[:400]
