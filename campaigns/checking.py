"""What keeps a definition from being published, each thing at its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from campaigns import flow, watches, window_checks, windows
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import MAX_STEPS, Document, StepDoc, Trigger
from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS, subject_of
from contacts.models import Topic
from lib import once
from segments import conditions

MAX_NAME, MOST_BETWEEN = 80, 1_000
ENTRY_KEY = re.compile(r"[A-Za-z_][\w.-]{0,59}")
OWN_UIDS = {"holdout"}  # under which choices by chance are kept beside those of splits
OWN_UID = "“holdout” is a word of Dripline’s own; give the step another uid."
SAME_UID = "Two steps have the same uid; remove one."
NO_ENTRY_KEY = "Write the name of one event property, such as order_id."


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`triggers[0].filter`, `steps[s1].config`), and a sentence."""

    place: str
    sentence: str


def problems(document: Document) -> list[Problem]:
    """Everything that keeps the document from being published, each at its place."""
    once.expect(lambda: numbers_of_rows(document))
    return [
        *_about_itself(document),
        *_about_triggers(document),
        *_about_watches(document),
        *_about_steps(document),
        *(Problem(place, sentence) for place, sentence in window_checks.never_open(document)),
    ]


def _about_itself(document: Document) -> list[Problem]:
    found = []
    if not document.name.strip():
        found.append(Problem("name", "Give the campaign a name."))
    for name in ("name", "objective"):
        column: Any = Campaign._meta.get_field(name)
        most = column.max_length
        if len(getattr(document, name)) > most:
            found.append(Problem(name, f"The {name} has at most {most} characters; shorten it."))
    if document.topic and not ("\x00" not in document.topic and Topic.objects.filter(key=document.topic).exists()):
        found.append(Problem("topic", f"There is no topic “{document.topic}”; choose one of the list."))
    if document.entry_key and not ENTRY_KEY.fullmatch(document.entry_key):
        found.append(Problem("entry_key", NO_ENTRY_KEY))
    if document.type not in Campaign.Type.values:
        found.append(Problem("type", f"“{document.type}” is no type of campaign; choose one of the list."))
    if not 0 <= document.holdout <= 50:
        found.append(Problem("holdout", "The holdout is a percentage from 0 to 50."))
    if document.reentry.mode == "once_per" and not 1 <= document.reentry.amount <= MOST_BETWEEN:
        found.append(Problem("reentry", f"Say once per how long: a whole number from 1 to {MOST_BETWEEN:,}."))
    found += [Problem("window", sentence) for _, sentence in windows.faults(document.window)]
    asked = "event" if all(_by_event(trigger) for trigger in document.triggers) else "contact"
    found += [_within("audience", fault) for fault in conditions.validate(document.audience, asked)]
    return found


def _about_triggers(document: Document) -> list[Problem]:
    if not document.triggers:
        return [Problem("triggers", "Choose what lets people in.")]
    return [
        problem
        for index, trigger in enumerate(document.triggers)
        for problem in _about_trigger(trigger, f"triggers[{index}]")
    ]


def _by_event(trigger: Trigger) -> bool:
    """Else there is nothing but the contact that the audience could be asked of."""
    kind = TRIGGER_KINDS.get(trigger.kind)
    return kind is None or kind.by_event


def _about_trigger(trigger: Trigger, place: str) -> list[Problem]:
    kind = TRIGGER_KINDS.get(trigger.kind)
    if kind is None:
        return [Problem(f"{place}.kind", f"There is no kind of trigger “{trigger.kind}”; choose one of the list.")]
    settings = "event" if trigger.kind == "event" else "config"
    found = [Problem(f"{place}.{settings}", sentence) for sentence in kind.problems(trigger)]
    faults = conditions.validate(trigger.filter, subject_of(trigger), kind.event_type(trigger))
    return found + [_within(f"{place}.filter", fault) for fault in faults]


def _about_watches(document: Document) -> list[Problem]:
    """Exits and goals."""
    found = []
    if len(document.exits) > watches.MAX_EXITS:
        found.append(Problem("exits", f"A campaign has at most {watches.MAX_EXITS} reasons to leave; remove some."))
    if len(document.goals) > watches.MAX_GOALS:
        found.append(Problem("goals", f"A campaign has at most {watches.MAX_GOALS} goals; remove some."))
    for part, its in (("exits", document.exits), ("goals", document.goals)):
        uids = [watch.uid for watch in its]
        for index, watch in enumerate(its):
            found += [Problem(f"{part}[{index}]", sentence) for sentence in watches.problems(watch)]
            if not watch.uid or uids.count(watch.uid) > 1:
                found.append(Problem(f"{part}[{index}]", "It needs a uid of its own; remove it and add it again."))
    for index, goal in enumerate(document.goals):
        if not 1 <= goal.days <= watches.MAX_GOAL_DAYS:
            sentence = f"A goal counts for 1 to {watches.MAX_GOAL_DAYS} days after entering."
            found.append(Problem(f"goals[{index}].days", sentence))
    return found


def _about_steps(document: Document) -> list[Problem]:
    if not document.steps:
        return [Problem("steps", "Add at least one step.")]
    if len(document.steps) > MAX_STEPS:
        return [Problem("steps", f"A campaign has at most {MAX_STEPS} steps; split it.")]
    uids = [step.uid for step in document.steps]
    found = [Problem(f"steps[{uid}]", SAME_UID) for uid in set(uids) if uids.count(uid) > 1]
    found += [Problem(f"steps[{uid}]", OWN_UID) for uid in OWN_UIDS.intersection(uids)]
    for step in document.steps:
        found += _about_step(step, set(uids))
    return found + list(_about_circles(document))


def _about_circles(document: Document) -> Iterator[Problem]:
    """Whoever goes round without a pause would be mailed again and again, as fast as mails can be sent."""
    ways: dict[str, list[str]] = {}
    for step in document.steps:
        kind = STEP_KINDS.get(step.kind)
        ways[step.uid] = [
            way.target
            for way in flow.ways_of(step)
            # A wait that is skipped is none.
            if way.target and not (kind and not step.only_if and kind.pauses(step.config, way.arm))
        ]
    for uid in ways:
        seen: set[str] = set()
        ahead = list(ways[uid])
        while ahead:
            here = ahead.pop()
            if here not in seen:
                seen.add(here)
                ahead += ways.get(here, [])
        if uid in seen:
            sentence = "People would go round here without a pause; put a wait into the circle, or let it lead on."
            yield Problem(f"steps[{uid}].next", sentence)
            return


def _about_step(step: StepDoc, uids: set[str]) -> list[Problem]:
    place = f"steps[{step.uid}]"
    kind = STEP_KINDS.get(step.kind)
    if kind is None:
        return [Problem(f"{place}.kind", f"There is no step kind “{step.kind}”.")]
    found = [Problem(f"{place}.config", sentence) for sentence in kind.problems(step.config)]
    if len(step.name) > MAX_NAME:
        found.append(Problem(f"{place}.name", f"The step’s name is longer than {MAX_NAME} characters; shorten it."))
    found += [_within(f"{place}.only_if", fault) for fault in conditions.validate(step.only_if, "enrollment")]
    named = [uid for uid in kind.steps(step.config) if uid not in uids]
    found += [Problem(f"{place}.config", f"It names a step “{uid[:40]}” that does not exist.") for uid in named]
    lost = [target for target in step.next.values() if target and target not in uids]
    return found + [Problem(f"{place}.next", f"It leads to a step “{target}” that does not exist.") for target in lost]


def _within(place: str, fault) -> Problem:
    return Problem(f"{place}.{fault.path}" if fault.path else place, fault.sentence)
