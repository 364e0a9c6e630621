"""What is different between two definitions, in plain sentences."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scoring.document import Band, Document, Group, Rule, Stage
from scoring.rule_words import fading, sentence
from scoring.shown import points as in_points
from scoring.wording import stage_in_words
from segments.leaves import quoted

Sentences = Iterator[str]


def differences(old: Document, new: Document) -> list[str]:
    """Such as: “Clicks a link”: 10 points instead of 5. Empty where both say the same."""
    parts: list[Callable[[Document, Document], Sentences]] = [_itself, _rules, _groups, _bands, _grid, _stages]
    return [said for part in parts for said in part(old, new)]


def _itself(old: Document, new: Document) -> Sentences:
    if old.name != new.name:
        yield f"It is called {quoted(new.name)} instead of {quoted(old.name)}."
    if old.description != new.description:
        yield "Its description is another one." if new.description else "Its description is gone."
    yield from _bound("The lowest score", old.floor, new.floor)
    yield from _bound("The highest score", old.ceiling, new.ceiling)
    if old.margin != new.margin:
        yield f"A band is left {in_points(new.margin)} points below its threshold instead of {in_points(old.margin)}."


def _bound(what: str, old: int | None, new: int | None) -> Sentences:
    if old == new:
        return
    if new is None:
        yield f"{what} has no limit any more; it was {in_points(old or 0)}."
    else:
        yield f"{what} is {in_points(new)}" + ("." if old is None else f" instead of {in_points(old)}.")


# --- rules ---


def _rules(old: Document, new: Document) -> Sentences:
    before = {rule.uid: rule for rule in old.rules}
    after = {rule.uid: rule for rule in new.rules}
    for uid, rule in after.items():
        if uid not in before:
            yield f"New rule {quoted(rule.name)}: {sentence(rule)}."
        elif before[uid] != rule:
            yield from (f"{quoted(rule.name)}: {said}." for said in _changes(before[uid], rule))
    for uid, rule in before.items():
        if uid not in after:
            yield f"The rule {quoted(rule.name)} is removed."
    kept = [uid for uid in before if uid in after]
    if kept != [uid for uid in after if uid in before]:
        yield "The rules stand in another order."


def _changes(old: Rule, new: Rule) -> Sentences:
    if old.name != new.name:
        yield f"it was called {quoted(old.name)}"
    if (old.kind, old.effect, old.event, old.machines) != (new.kind, new.effect, new.event, new.machines):
        yield f"now {sentence(new)}; before, {sentence(old)}"
        return
    if old.points != new.points:
        yield f"{in_points(new.points)} points instead of {in_points(old.points)}"
    if old.where != new.where or old.condition != new.condition:
        yield f"it counts for others: {sentence(new)}"
    if old.at_most != new.at_most and new.kind == "behavioural":
        yield f"at most {new.at_most:,} times instead of {old.at_most:,}"
    if old.cap != new.cap:
        yield _limit(old.cap, new.cap)
    if old.group != new.group:
        yield f"in the group {quoted(new.group)}" if new.group else f"no longer in the group {quoted(old.group)}"
    if (fades := fading(new.fading)) != (faded := fading(old.fading)):
        yield f"it {fades or 'does not fade'}; before, it {faded or 'did not fade'}"


def _limit(old: int | None, new: int | None) -> str:
    if new is None:
        return f"without its limit of {in_points(old or 0)} points"
    return f"{in_points(new)} points in all at most" + ("" if old is None else f" instead of {in_points(old)}")


def _groups(old: Document, new: Document) -> Sentences:
    def added(group: Group) -> str:
        return f"New group {quoted(group.name)}: its rules give {in_points(group.cap)} points together at most."

    def changed(was: Group, group: Group) -> str:
        return f"The group {quoted(group.name)} gives {in_points(group.cap)} points instead of {in_points(was.cap)}."

    yield from _named(old.groups, new.groups, "group", added, changed)


# --- thresholds ---


def _bands(old: Document, new: Document) -> Sentences:
    def added(band: Band) -> str:
        return f"New band {quoted(band.name)}, from {in_points(band.points)} on."

    def changed(was: Band, band: Band) -> str:
        return f"{quoted(band.name)} begins at {in_points(band.points)} instead of {in_points(was.points)}."

    yield from _named(old.bands, new.bands, "band", added, changed)


def _grid(old: Document, new: Document) -> Sentences:
    for what, grades, was, now in (
        ("fit", "BA", old.fit_grades, new.fit_grades),
        ("engagement", "21", old.engagement_grades, new.engagement_grades),
    ):
        for grade, before, after in zip(grades, was, now, strict=True):
            if before != after:
                yield f"Grade {grade} of {what} begins at {in_points(after)} instead of {in_points(before)}."


def _stages(old: Document, new: Document) -> Sentences:
    def added(stage: Stage) -> str:
        return f"New stage: {stage_in_words(stage)}."

    def changed(was: Stage, stage: Stage) -> str:
        before = "only by hand" if was.points is None else f"at {in_points(was.points)}"
        return f"{stage_in_words(stage)} instead of {before}."

    yield from _named(old.stages, new.stages, "stage", added, changed)
    names, before = [stage.name for stage in new.stages], [stage.name for stage in old.stages]
    if sorted(names) == sorted(before) and names != before:
        yield f"The stages stand in another order: {', '.join(names)}."


def _named(
    old: Sequence[Any], new: Sequence[Any], what: str, added: Callable[[Any], str], changed: Callable[[Any, Any], str]
) -> Sentences:
    """What is told apart by its name."""
    before = {one.name: one for one in old}
    for one in new:
        if one.name not in before:
            yield added(one)
        elif before[one.name] != one:
            yield changed(before[one.name], one)
    names = {one.name for one in new}
    yield from (f"The {what} {quoted(name)} is removed." for name in before if name not in names)
