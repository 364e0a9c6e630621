"""The linear form of a definition: (wait, action) rows, one after the other; `from_rows` and `rows` translate."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from campaigns.document import Document, StepDoc, Tree, new_uid

ACTIONS = ("email", "score", "leave")


class Row(msgspec.Struct, kw_only=True):
    """One row of the linear form: a wait, then an action. An empty uid is a new step."""

    uid: str = ""
    wait_uid: str = ""
    wait_amount: float = 0
    wait_unit: str = "days"
    action: Literal["email", "score", "leave"] = "email"
    template: int | None = None
    lateness_hours: int = 24
    score: dict[str, Any] = {}
    only_if: Tree = None


def from_rows(rows: Iterable[Row]) -> list[StepDoc]:
    """The steps of a linear form, chained in order."""
    steps: list[StepDoc] = []
    for row in rows:
        if row.wait_amount:
            config = {"amount": row.wait_amount, "unit": row.wait_unit}
            steps.append(StepDoc(uid=row.wait_uid or new_uid(), kind="wait", config=config))
        step = StepDoc(uid=row.uid or new_uid(), kind=row.action, config=_config(row), only_if=row.only_if)
        steps.append(step)
    for step, follower in zip(steps, [*steps[1:], None], strict=True):
        step.next = {"done": follower.uid if follower else None}
    return steps


def kept(steps: list[StepDoc], base: Document | None) -> list[StepDoc]:
    """The same with what the form does not show: the names of steps, and what else a mail is set to."""
    for step in steps:
        before = base.step(step.uid) if base else None
        if before and before.kind == step.kind:
            step.name = before.name
            if step.kind == "email":
                step.config = {**before.config, **step.config}
    return steps


def _config(row: Row) -> dict[str, Any]:
    if row.action == "email":
        return {"template": row.template, "lateness_hours": row.lateness_hours}
    return row.score if row.action == "score" else {}


def rows(document: Document) -> list[Row] | None:
    """The linear form of a document; None where it branches and only the canvas can show it."""
    found: list[Row] = []
    wait: StepDoc | None = None
    for step, follower in zip(document.steps, [*document.steps[1:], None], strict=False):
        if step.next != {"done": follower.uid if follower else None}:
            return None
        if step.kind == "wait" and wait is None and not step.only_if and step.config.keys() == {"amount", "unit"}:
            wait = step
        elif step.kind in ACTIONS:
            found.append(_row(step, wait))
            wait = None
        else:
            return None
    return None if wait else found


def _row(step: StepDoc, wait: StepDoc | None) -> Row:
    row = Row(uid=step.uid, action=step.kind, only_if=step.only_if)  # type: ignore[arg-type]
    row.score = step.config if step.kind == "score" else {}
    row.template = step.config.get("template")
    row.lateness_hours = step.config.get("lateness_hours", row.lateness_hours)
    if wait:
        row.wait_uid, row.wait_amount, row.wait_unit = wait.uid, wait.config["amount"], wait.config["unit"]
    return row
