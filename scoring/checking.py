"""What is wrong with the definition of a score model, each thing at its place and in a sentence."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from events import types as event_types
from events.models import EventTypeRow
from lib import clock
from lib.clean_json import Unclean, clean
from scoring.document import MAX_POINTS, MAX_RULES, MAX_TIMES, Document, Rule
from segments import conditions, field_leaf, happened
from segments.leaves import SUBJECTS, Scope, kind_of, quoted

SUBJECT = "contact"
MAX_LEVEL, MAX_DAYS = 1_000_000, 3650
MAX_NAME, MAX_DESCRIPTION, MAX_RULE_NAME, MAX_WORD = 80, 300, 120, 40
UID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
MAX_BANDS, MAX_STAGES, MAX_GROUPS = 10, 20, 50
CIRCLE = "The score of somebody cannot depend on scores; choose another field."
WHO_THEY_ARE = (
    "Here only fields of the person and the company can be asked about; for what they did, make a rule about behaviour."
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`rules[<uid>].points`, `bands[1].name`, `margin`), and a sentence."""

    place: str
    sentence: str


def problems(document: Document) -> list[Problem]:
    """Everything that keeps the document from being put in force; takes whatever `document.parse` does."""
    parts: list[Callable[[Document], Iterator[Problem]]] = [_itself, _rules, _groups, _bands, _grid, _stages]
    return [problem for part in parts for problem in part(document)]


def at(found: Iterable[Problem], *places: str) -> list[Problem]:
    """Those that concern one of these places, or a part of it."""
    return [one for one in found if any(_lies_in(one.place, place) for place in places)]


def _lies_in(place: str, whole: str) -> bool:
    return place == whole or place.startswith((f"{whole}.", f"{whole}["))


# --- the model as a whole ---


def _itself(document: Document) -> Iterator[Problem]:
    yield from _name(document.name, "name", "Give the score model a name.", MAX_NAME)
    yield from _text(document.description, "description", "The description", MAX_DESCRIPTION)
    for place, level in (("floor", document.floor), ("ceiling", document.ceiling)):
        if level is not None:
            yield from _level(level, place, f"The {place}")
    if document.floor is not None and document.ceiling is not None and document.floor >= document.ceiling:
        yield Problem("ceiling", "The ceiling must be above the floor.")


def _bands(document: Document) -> Iterator[Problem]:
    bands = document.bands
    if len(bands) < 2:
        yield Problem("bands", "Make at least two bands, such as cold and hot.")
    if len(bands) > MAX_BANDS:
        yield Problem("bands", f"Make at most {MAX_BANDS} bands.")
    for number, band in enumerate(bands):
        yield from _name(band.name, f"bands[{number}].name", "Give the band a name.", MAX_WORD)
        yield from _level(band.points, f"bands[{number}].points", "The threshold")
    yield from _once((band.name for band in bands), "bands[{}].name", "Two bands are called {}; rename one.")
    yield from _ascending([band.points for band in bands], "bands[{}].points", "band")
    if document.margin < 0:
        yield Problem("margin", "Write how many points below its threshold a band is left: 0 or more.")
    elif any(document.margin >= high.points - low.points > 0 for low, high in pairwise(bands)):
        yield Problem("margin", "Two bands lie no further apart than this; write fewer points, or move the bands.")
    elif _never_left(document):
        sentence = f"{quoted(bands[1].name)} would never be left: nobody has fewer points than the lowest score."
        yield Problem("margin", f"{sentence} Write fewer points here.")


def _never_left(document: Document) -> bool:
    """Is the second band's threshold, less the margin, not above the lowest score?"""
    if document.floor is None or len(document.bands) < 2:
        return False
    low, high, *_ = document.bands
    return low.points < high.points <= document.floor + document.margin


def _grid(document: Document) -> Iterator[Problem]:
    for place, grades in (("fit_grades", document.fit_grades), ("engagement_grades", document.engagement_grades)):
        for number, level in enumerate(grades):
            yield from _level(level, f"{place}[{number}]", "The grade")
        if grades[0] >= grades[1]:
            better = "Grade A must begin above B" if place == "fit_grades" else "Grade 1 must begin above 2"
            yield Problem(f"{place}[1]", f"{better}; write more points.")


def _stages(document: Document) -> Iterator[Problem]:
    stages = document.stages
    if len(stages) > MAX_STAGES:
        yield Problem("stages", f"Make at most {MAX_STAGES} stages.")
    for number, stage in enumerate(stages):
        yield from _name(stage.name, f"stages[{number}].name", "Give the stage a name.", MAX_WORD)
        if _folded(stage.name) == "none":
            yield Problem(f"stages[{number}].name", "“None” is said of those who are at no stage; choose another name.")
        if stage.points is not None:
            yield from _level(stage.points, f"stages[{number}].points", "The stage")
    yield from _once((stage.name for stage in stages), "stages[{}].name", "Two stages are called {}; rename one.")
    yield from _ascending([s.points for s in stages if s.points is not None], "stages[{}].points", "stage")
    for number, (before, stage) in enumerate(pairwise(stages), start=1):
        if before.points is None and stage.points is not None:
            yield Problem(f"stages[{number}].points", "Stages that are reached by points come before the others.")


def _groups(document: Document) -> Iterator[Problem]:
    if len(document.groups) > MAX_GROUPS:
        yield Problem("groups", f"Make at most {MAX_GROUPS} groups.")
    for number, group in enumerate(document.groups):
        yield from _name(group.name, f"groups[{number}].name", "Give the group a name.", 60)
        if not 0 < group.cap <= MAX_LEVEL:
            yield Problem(f"groups[{number}].cap", f"Write a number of points from 1 to {MAX_LEVEL:,}.")
        if len({rule.part for rule in document.rules if rule.group == group.name}) > 1:
            sentence = f"{quoted(group.name)} holds rules of fit and of engagement; make a group for each."
            yield Problem(f"groups[{number}]", sentence)
    names = (group.name for group in document.groups)
    yield from _once(names, "groups[{}].name", "Two groups are called {}; rename one.")


# --- rules ---


def _rules(document: Document) -> Iterator[Problem]:
    if len(document.rules) > MAX_RULES:
        yield Problem("rules", f"The model has more than {MAX_RULES} rules; remove some, or make another model.")
        return
    uids = [rule.uid for rule in document.rules]
    if len(set(uids)) < len(uids) or not all(map(UID.fullmatch, uids)):
        yield Problem("rules", "Each rule needs a uid of its own: at most 40 letters, digits, _, - and dots.")
    groups, unknown = {group.name for group in document.groups}, _unknown_events(document.rules)
    seen: set[str] = set()
    for rule in document.rules:
        yield from _rule(rule, groups, unknown)
        if rule.name.strip() and _folded(rule.name) in seen:
            yield Problem(f"rules[{rule.uid}].name", f"Two rules are called {quoted(rule.name)}; rename one.")
        seen.add(_folded(rule.name))


def _rule(rule: Rule, groups: Collection[str], unknown: Collection[str]) -> Iterator[Problem]:
    place = f"rules[{rule.uid}]"
    yield from _name(rule.name, f"{place}.name", "Give the rule a name.", MAX_RULE_NAME)
    if not -MAX_POINTS <= rule.points <= MAX_POINTS:
        yield Problem(f"{place}.points", f"Write points from −{MAX_POINTS:,} to {MAX_POINTS:,}.")
    elif not rule.points and rule.effect == "add":
        yield Problem(f"{place}.points", "Write how many points the rule gives, or takes with a minus.")
    if rule.cap is not None and not 0 < rule.cap <= MAX_LEVEL:
        yield Problem(f"{place}.cap", f"Write a number of points from 1 to {MAX_LEVEL:,}, or leave it empty.")
    if rule.group and rule.group not in groups:
        yield Problem(f"{place}.group", f"There is no group {quoted(rule.group)}; choose another one.")
    fading = rule.fading
    if not (fading.amount >= 1 and fading.amount * (7 if fading.unit == "weeks" else 1) <= MAX_DAYS):
        yield Problem(f"{place}.fading", f"Write a time from 1 to {MAX_DAYS:,} days.")
    yield from _behaviour(rule, place, unknown) if rule.kind == "behavioural" else _fit(rule, place)


def _behaviour(rule: Rule, place: str, unknown: Collection[str]) -> Iterator[Problem]:
    if not 1 <= rule.at_most <= MAX_TIMES:
        yield Problem(f"{place}.at_most", f"Write how often it counts: from 1 to {MAX_TIMES:,} times.")
    part = {"event": rule.event, "where": rule.where}
    scope = Scope(SUBJECTS[SUBJECT], asks_database=True)
    faults = list(happened.problems(part, "", scope))
    if rule.event.startswith("score."):
        yield Problem(f"{place}.event", "A score cannot depend on what scores do; choose another event.")
    elif rule.event in unknown and not any(fault.path == "event" for fault in faults):
        yield Problem(f"{place}.event", f"Nothing called {quoted(rule.event)} ever happened; choose an event.")
    for fault in faults:
        yield Problem(f"{place}.{'event' if fault.path == 'event' else 'where'}", fault.sentence)
    if not faults and _moves(part, scope):
        sentence = "Compare with fixed dates here; to count only what is new, let the points expire."
        yield Problem(f"{place}.where", sentence)


def _fit(rule: Rule, place: str) -> Iterator[Problem]:
    if conditions.is_empty(rule.condition):
        yield Problem(f"{place}.condition", "Say of whom it must be true; without a condition it would be everybody.")
        return
    for leaf in conditions.leaves(rule.condition):
        kind = kind_of(leaf)
        if kind is None or kind.key != "field":
            yield Problem(f"{place}.condition", WHO_THEY_ARE)
            return
        if str(leaf["field"]).startswith("score."):
            yield Problem(f"{place}.condition", CIRCLE)
            return
    for fault in conditions.validate(rule.condition, SUBJECT):
        yield Problem(f"{place}.condition", fault.sentence)


def _moves(part: dict[str, Any], scope: Scope) -> bool:
    """Does the passing of time alone change which events fit?"""
    scope = replace(scope, now=clock.now())
    inner = happened.within(part, scope)
    leaves = conditions.leaves(part["where"])
    crossing = any(True for leaf in leaves for _ in field_leaf.crossings(leaf, inner, scope.now))
    return crossing or happened.turns_at_midnight(part)


def _unknown_events(rules: Iterable[Rule]) -> set[str]:
    """The events that neither the code nor any source knows; one query at most."""
    asked = {rule.event for rule in rules if rule.kind == "behavioural" and not event_types.get(rule.event)}
    asked = {key for key in asked if "\x00" not in key and key.isprintable()}
    return asked - set(EventTypeRow.objects.filter(key__in=asked).values_list("key", flat=True)) if asked else asked


# --- names and numbers ---


def _name(name: str, place: str, missing: str, most: int) -> Iterator[Problem]:
    if not name.strip():
        yield Problem(place, missing)
    else:
        yield from _text(name, place, "The name", most)


def _text(text: str, place: str, what: str, most: int) -> Iterator[Problem]:
    if len(text) > most:
        yield Problem(place, f"{what} is longer than {most} characters; shorten it.")
    try:
        clean(text)
    except Unclean as fault:
        yield Problem(place, str(fault).replace("The request", what))


def _level(points: int, place: str, what: str) -> Iterator[Problem]:
    if not -MAX_LEVEL <= points <= MAX_LEVEL:
        yield Problem(place, f"{what} is a number of points from −{MAX_LEVEL:,} to {MAX_LEVEL:,}.")


def _once(names: Iterable[str], place: str, sentence: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name.strip() and _folded(name) in seen:
            yield Problem(place.format(number), sentence.format(quoted(name.strip())))
        seen.add(_folded(name))


def _ascending(levels: list[int], place: str, what: str) -> Iterator[Problem]:
    for number, (low, high) in enumerate(pairwise(levels), start=1):
        if high <= low:
            yield Problem(place.format(number), f"Each {what} must begin above the one before; write more points.")


def _folded(name: str) -> str:
    return name.strip().casefold()
