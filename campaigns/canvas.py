"""A definition as the canvas shows it: the picture, every step in words, and what is wrong at its place."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from campaigns import checking, doubts
from campaigns.canvas_limits import numbers_of_rows
from campaigns.checking import Problem
from campaigns.document import Document, StepDoc, Trigger
from campaigns.flow import ENTRY, Flow, Way
from campaigns.flow_picture import Picture
from campaigns.head_words import trigger_in_words
from campaigns.numbers import MAIL_KINDS
from campaigns.step_kinds import STEP_KINDS, StepKind
from campaigns.trigger_kinds import TRIGGER_KINDS
from campaigns.watches import in_words as watch_in_words
from lib import once
from lib.words import capital
from segments import conditions

GROUPS = ["Messages", "Timing", "Flow", "People", "Outside"]
_step_place = re.compile(r"^steps\[([^\]]*)\]")


def drawing(document: Document) -> dict[str, Any]:
    """All that the page needs to draw the document."""
    with once.reading(numbers_of_rows(document)):
        return _drawing(document)


def _drawing(document: Document) -> dict[str, Any]:
    flow = Flow(document)
    found = checking.problems(document)
    by_step: dict[str, list[str]] = {}
    for problem in found:
        if place := _step_place.match(problem.place):
            by_step.setdefault(place[1], []).append(problem.sentence)
    unreached = set(flow.unreached())
    shown = {uid: _step(flow, step, by_step.get(uid, []), unreached) for uid, step in flow.steps.items()}
    return {
        "picture": Picture(flow).drawn(),
        "steps": shown,
        "order": [*flow.main.order[1:], *flow.unreached()],
        "entry": entry(document, found),
        "problems": [problem.sentence for problem in found if problem.place == "steps"],
    }


def entry(document: Document, found: list[Problem]) -> dict[str, Any]:
    """The card in which people begin: what lets them in, and what else is said of the whole."""
    lines = [trigger_in_words(trigger) for trigger in document.triggers] or ["Choose what lets people in."]
    more = [f"Only if {conditions.in_words(document.audience, 'contact')}."] if document.audience else []
    more += [f"They leave when {watch_in_words(watch)}." for watch in document.exits]
    more += [f"Goal: {watch_in_words(goal)}." for goal in document.goals]
    wrong = [problem.sentence for problem in found if not problem.place.startswith("steps")]
    return {
        "lines": lines,
        "more": more,
        "problems": wrong,
        "notes": doubts.of_entering(document),
        "name": document.name,
    }


def _step(flow: Flow, step: StepDoc, wrong: list[str], unreached: set[str]) -> dict[str, Any]:
    kind = STEP_KINDS.get(step.kind)
    return {
        "kind": step.kind,
        "label": kind.label if kind else step.kind,
        "icon": kind.icon if kind else "help",
        "title": title_of(step),
        "words": words_of(step),
        "only_if": conditions.in_words(step.only_if, "enrollment") if step.only_if else "",
        "mails": step.kind in MAIL_KINDS,
        "ends": bool(kind and kind.ends and not step.only_if),
        "problems": wrong,
        "notes": doubts.about(flow, step, step.uid in unreached),
        "arms": [_arm(flow, way) for way in flow.ways[step.uid]],
    }


def _arm(flow: Flow, way: Way) -> dict[str, Any]:
    """A way out, and how many steps only it leads to."""
    walk = flow.walk_of(way.source)
    own = 0
    if way.target and walk.into.get(way.target) == [way]:
        own = len(walk.only_from(way.target))
    return {"key": way.arm, "label": way.label, "to": way.target, "own": own}


def title_of(step: StepDoc) -> str:
    """What the step is called: its name, else what it does."""
    return step.name or capital(words_of(step))


def words_of(step: StepDoc) -> str:
    """The step in words; of one that is not filled in yet, what kind it is."""
    kind = STEP_KINDS.get(step.kind)
    if kind is None:
        return f"A step of the unknown kind “{step.kind}”"
    return _safely(lambda: kind.describe(step.config)) or kind.label


def described(step: StepDoc) -> str:
    """The same with its condition."""
    if not step.only_if:
        return words_of(step)
    return f"{words_of(step)}, only if {conditions.in_words(step.only_if, 'enrollment')}"


def example_of(step: StepDoc, now: datetime, zone: tzinfo) -> str:
    """What it means for somebody who gets there now; empty where there is nothing to add."""
    kind = STEP_KINDS.get(step.kind)
    if kind is None or kind.problems(step.config):
        return ""
    return _safely(lambda: kind.example(step.config, now, zone))


def when_of(trigger: Trigger, now: datetime, zone: ZoneInfo) -> str:
    """When a trigger lets people in, from now on; empty where there is nothing to add."""
    kind = TRIGGER_KINDS.get(trigger.kind)
    if kind is None or kind.problems(trigger):
        return ""
    return _safely(lambda: kind.example(trigger, now, zone))


def _safely(say: Callable[[], str]) -> str:
    """Kinds may rely on a configuration without problems; a draft may hold any."""
    try:
        return say()
    except Exception:
        return ""


def offered_kinds() -> list[dict[str, str]]:
    """The kinds of steps to choose from, by group; the one that most look for is the first."""
    kinds: list[StepKind] = sorted(STEP_KINDS, key=lambda kind: (_group(kind), kind.key != "email", kind.label))
    names = ("key", "label", "icon", "group", "help")
    return [{name: getattr(kind, name) for name in names} for kind in kinds]


def _group(kind: StepKind) -> int:
    return GROUPS.index(kind.group) if kind.group in GROUPS else len(GROUPS)


__all__ = ["ENTRY", "drawing", "entry", "example_of", "offered_kinds", "when_of", "words_of"]
