"""Names for rules, made of what they are about; stages in words."""

from collections.abc import Collection

from events import types as event_types
from scoring.checking import MAX_RULE_NAME, SUBJECT
from scoring.document import Rule, Stage
from scoring.shown import points as in_points
from segments import conditions
from segments.leaves import quoted


def suggested_name(rule: Rule, taken: Collection[str] = ()) -> str:
    """“Clicks a link in an e-mail”, “Their title is CEO”; empty where it is not known yet what the rule is about.

    Where another rule has that name it says more, or bears a number.
    """
    words = _event(rule.event) if rule.kind == "behavioural" else _condition(rule.condition, SUBJECT)
    if not words:
        return ""
    where = _condition(rule.where, "event", rule.event)
    tries = [words, *([f"{words} where {where}"] if where else []), *(f"{words[:110]} {n}" for n in range(2, 200))]
    names = {name.casefold() for name in taken}
    return next(name for one in tries if (name := _capital(one)).casefold() not in names)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name for a copy: “Clicks (copy)”, “Clicks (copy 2)”, as no other is called."""
    names = {one.casefold() for one in taken}
    tries = (f"{name[: MAX_RULE_NAME - 14]} (copy{number})" for number in ("", *(f" {n}" for n in range(2, 1000))))
    return next(one for one in tries if one.casefold() not in names)


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"[:MAX_RULE_NAME].strip()


def stage_in_words(stage: Stage) -> str:
    how = "only by hand" if stage.points is None else f"at {in_points(stage.points)} points"
    return f"{quoted(stage.name)} is reached {how}"


def _event(key: str) -> str:
    if not key:
        return ""
    kind = event_types.find(key)
    return kind.triggers or kind.label


def _condition(tree: conditions.Tree, subject: str, event: str | None = None) -> str:
    if conditions.is_empty(tree):
        return ""
    try:
        return conditions.sentence(tree, subject, event)
    except conditions.InvalidCondition:
        return ""
