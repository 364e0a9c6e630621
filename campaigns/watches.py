"""What a definition looks out for while people are inside: its exits, its goals, and what its steps wait for."""

from collections.abc import Iterator
from typing import NamedTuple

from campaigns.document import Document, Tree, Watch
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS, tree_of
from events import types as event_types
from segments import conditions

MAX_EXITS, MAX_GOALS, MAX_GOAL_DAYS = 10, 4, 90
EXIT, GOAL, WAKE = "exit", "goal", "wake"
LOOK = "look"  # the watch by which a step looks again, and nobody goes on
AGAIN = "again"  # the watch for the trigger, where a step begins anew when it happens again


class Watching(NamedTuple):
    """One watch: what follows from it, and which step has it."""

    role: str
    step_uid: str
    watch: Watch


def watching(document: Document) -> Iterator[Watching]:
    """All of a definition, in its order."""
    for watch in document.exits:
        yield Watching(EXIT, "", watch)
    for goal in document.goals:
        yield Watching(GOAL, "", goal)
    for step in document.steps:
        kind = STEP_KINDS.get(step.kind)
        for watch in kind.watches(step.config) if kind else ():
            yield Watching(WAKE, step.uid, watch)
        if step.config.get("again") is True:
            yield from (Watching(WAKE, step.uid, watch) for watch in _triggers(document))


def _triggers(document: Document) -> Iterator[Watch]:
    """What lets people in, as something to look out for."""
    for trigger in document.triggers:
        kind = TRIGGER_KINDS.get(trigger.kind)
        if event := kind.event_type(trigger) if kind else None:
            yield Watch(uid=AGAIN, event=event, filter=tree_of(trigger))


def tokens(watch: Watch) -> set[str]:
    """What must be written about somebody for the watch to see them (segments.reading)."""
    if watch.event:
        return {f"event:{watch.event}"}
    return conditions.reads(watch.condition, "enrollment")


def trees(watch: Watch) -> list[tuple[Tree, str, str | None]]:
    """Its conditions as (tree, subject, event type)."""
    return [(watch.filter, "event", watch.event)] if watch.event else [(watch.condition, "enrollment", None)]


def problems(watch: Watch) -> list[str]:
    """What is wrong with one watch, in sentences."""
    if "\x00" in watch.uid + watch.name + watch.event:
        return ["It holds a character that cannot be kept; choose again what is looked out for."]
    if watch.event and watch.event not in dict(event_types.choices()):
        return [f"There is no event type “{watch.event}”; choose one of the list."]
    if not watch.event and conditions.is_empty(watch.condition):
        return ["Choose what is looked out for: something that happens, or a condition."]
    return [
        fault.sentence for tree, subject, event in trees(watch) for fault in conditions.validate(tree, subject, event)
    ]


def in_words(watch: Watch) -> str:
    """“they complete an order”, “their plan is “pro””; its own name where it has one."""
    return f"“{watch.name}”" if watch.name else deed_in_words(watch)


def deed_in_words(watch: Watch) -> str:
    """What is looked out for, whatever its name."""
    if "\x00" in watch.event:
        return "something happens"
    if not watch.event:
        return conditions.in_words(watch.condition, "enrollment")
    deed = event_types.find(watch.event).triggers or f"does “{watch.event}”"
    condition = f", if {conditions.in_words(watch.filter, 'event', watch.event)}" if watch.filter else ""
    return f"somebody {deed}{condition}"
