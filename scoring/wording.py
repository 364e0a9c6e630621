"""Names for rules, made of what they are about; stages in words."""

from events import types as event_types
from scoring.checking import MAX_RULE_NAME, SUBJECT
from scoring.document import Rule, Stage
from scoring.shown import points as in_points
from segments import conditions
from segments.leaves import quoted


def suggested_name(rule: Rule) -> str:
    """“Clicks a link in an e-mail”, “Their title is CEO”; empty where it is not known yet what the rule is about."""
    words = _event(rule.event) if rule.kind == "behavioural" else _condition(rule.condition)
    return f"{words[:1].upper()}{words[1:]}"[:MAX_RULE_NAME].strip()


def stage_in_words(stage: Stage) -> str:
    how = "only by hand" if stage.points is None else f"at {in_points(stage.points)} points"
    return f"{quoted(stage.name)} is reached {how}"


def _event(key: str) -> str:
    if not key:
        return ""
    kind = event_types.find(key)
    return kind.triggers or kind.label


def _condition(tree: conditions.Tree) -> str:
    if conditions.is_empty(tree):
        return ""
    try:
        return conditions.sentence(tree, SUBJECT)
    except conditions.InvalidCondition:
        return ""
