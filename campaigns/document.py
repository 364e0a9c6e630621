"""The definition of a campaign: one document, the same in the draft, a version and an export.

A step names its followers by arm (`next`), so arms may join again. The linear form shows a document
whose steps follow each other as (wait, action) rows; `rows` and `from_rows` translate.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS
from events import types as event_types
from segments import conditions

Tree = dict[str, Any] | None
MAX_STEPS = 100
ACTIONS = ("email", "score", "leave")


class Trigger(msgspec.Struct, kw_only=True):
    """What lets people in: an event, with a filter on its properties and on the contact."""

    kind: Literal["event"] = "event"
    event: str = ""
    filter: Tree = None


class Reentry(msgspec.Struct, kw_only=True):
    """How often a contact may enter; a period is elapsed time since the previous entry."""

    mode: Literal["once", "every_time", "once_per"] = "once"
    amount: int = 30
    unit: Literal["minutes", "hours", "days", "weeks"] = "days"


class StepDoc(msgspec.Struct, kw_only=True):
    """One step; `next` maps an arm to the uid of a step, or to null: the end."""

    uid: str
    kind: str
    config: dict[str, Any] = {}
    only_if: Tree = None
    next: dict[str, str | None] = {}


class Document(msgspec.Struct, kw_only=True):
    """The whole definition; the first step is where people begin."""

    name: str = ""
    type: str = "other"
    objective: str = ""
    topic: str | None = None
    triggers: list[Trigger] = []
    audience: Tree = None
    reentry: Reentry = msgspec.field(default_factory=Reentry)
    entry_key: str = ""
    on_repeat: Literal["ignore", "refresh", "restart"] = "ignore"
    holdout: int = 0
    steps: list[StepDoc] = []

    def step(self, uid: str) -> StepDoc | None:
        return next((step for step in self.steps if step.uid == uid), None)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`triggers[0].filter`, `steps[s1].config`), and a sentence."""

    place: str
    sentence: str


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


class NotADocument(ValueError):
    """Says in a sentence why the text is no campaign definition."""


def parse(value: dict) -> Document:
    """The document, typed; raises NotADocument."""
    try:
        return msgspec.convert(value, Document)
    except msgspec.ValidationError as fault:
        raise NotADocument(f"The definition cannot be read: {fault}.") from fault


def to_json(document: Document) -> dict:
    return msgspec.to_builtins(document)


def new_uid() -> str:
    return secrets.token_hex(4)


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


def _config(row: Row) -> dict[str, Any]:
    if row.action == "email":
        return {"template": row.template, "lateness_hours": row.lateness_hours}
    return row.score if row.action == "score" else {}


def rows(document: Document) -> list[Row] | None:
    """The linear form of a document; None where it branches and only the canvas can show it."""
    found: list[Row] = []
    wait: StepDoc | None = None
    for step, follower in zip(document.steps, [*document.steps[1:], None], strict=True):
        if step.next != {"done": follower.uid if follower else None}:
            return None
        if step.kind == "wait" and wait is None and not step.only_if:
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


def problems(document: Document) -> list[Problem]:
    """Everything that keeps the document from being published, each at its place."""
    return [*_about_itself(document), *_about_triggers(document), *_about_steps(document)]


def _about_itself(document: Document) -> list[Problem]:
    found = []
    if not document.name.strip():
        found.append(Problem("name", "Give the campaign a name."))
    if document.type not in Campaign.Type.values:
        found.append(Problem("type", f"“{document.type}” is no type of campaign; choose one of the list."))
    if not 0 <= document.holdout <= 50:
        found.append(Problem("holdout", "The holdout is a percentage from 0 to 50."))
    if document.reentry.mode == "once_per" and document.reentry.amount < 1:
        found.append(Problem("reentry", "Say once per how long: a number of 1 or more."))
    found += [_within("audience", fault) for fault in conditions.validate(document.audience, "event")]
    return found


def _about_triggers(document: Document) -> list[Problem]:
    if not document.triggers:
        return [Problem("triggers", "Choose what lets people in.")]
    found = []
    for index, trigger in enumerate(document.triggers):
        place = f"triggers[{index}]"
        if not trigger.event:
            found.append(Problem(f"{place}.event", "Choose the event that lets people in."))
        elif trigger.event not in dict(event_types.choices()):
            found.append(
                Problem(f"{place}.event", f"There is no event type “{trigger.event}”; choose one of the list.")
            )
        faults = conditions.validate(trigger.filter, "event", trigger.event or None)
        found += [_within(f"{place}.filter", fault) for fault in faults]
    return found


def _about_steps(document: Document) -> list[Problem]:
    if not document.steps:
        return [Problem("steps", "Add at least one step.")]
    if len(document.steps) > MAX_STEPS:
        return [Problem("steps", f"A campaign has at most {MAX_STEPS} steps; split it.")]
    uids = [step.uid for step in document.steps]
    found = [
        Problem(f"steps[{uid}]", "Two steps have the same uid; remove one.") for uid in set(uids) if uids.count(uid) > 1
    ]
    for step in document.steps:
        found += _about_step(step, set(uids))
    return found


def _about_step(step: StepDoc, uids: set[str]) -> list[Problem]:
    place = f"steps[{step.uid}]"
    kind = STEP_KINDS.get(step.kind)
    if kind is None:
        return [Problem(f"{place}.kind", f"There is no step kind “{step.kind}”.")]
    found = [Problem(f"{place}.config", sentence) for sentence in kind.problems(step.config)]
    found += [_within(f"{place}.only_if", fault) for fault in conditions.validate(step.only_if, "enrollment")]
    lost = [target for target in step.next.values() if target and target not in uids]
    return found + [Problem(f"{place}.next", f"It leads to a step “{target}” that does not exist.") for target in lost]


def _within(place: str, fault) -> Problem:
    return Problem(f"{place}.{fault.path}" if fault.path else place, fault.sentence)
