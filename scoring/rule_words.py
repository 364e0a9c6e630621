"""A rule of a score model in words: “5 points when somebody clicks a link in an e-mail, at most 20 times; …”."""

from events import types
from scoring import shown
from scoring.document import Fading, Rule
from segments import conditions


def sentence(rule: Rule) -> str:
    """The whole rule; what cannot be read in it any more is said to be so."""
    when = _behaviour(rule) if rule.kind == "behavioural" else f" while {_condition(rule)}"
    more = [fading(rule.fading)] if rule.effect != "reset" else []
    more += [f"{rule.cap:,} points at most"] if rule.cap is not None and rule.effect == "add" else []
    more += [f"in the group “{rule.group}”"] if rule.group else []
    return "; ".join([f"{_deed(rule)}{when}", *filter(None, more)])


def fading(fades: Fading) -> str:
    """“fades by half every 30 days”; empty where nothing is lost."""
    if fades.how == "never":
        return ""
    one = fades.unit[:-1]
    span = f"{fades.amount:,} {fades.unit}" if fades.amount != 1 else one if fades.how == "half" else f"1 {one}"
    return f"fades by half every {span}" if fades.how == "half" else f"expires after {span}"


def points(number: int) -> str:
    """“5 points”, “−10 points”, “1 point”."""
    return f"{shown.points(number)} {'point' if abs(number) == 1 else 'points'}"


def _deed(rule: Rule) -> str:
    if rule.effect == "add":
        return points(rule.points)
    return f"{rule.part} is {'0' if rule.effect == 'reset' else shown.points(rule.points)}"


def _behaviour(rule: Rule) -> str:
    done = types.find(rule.event).triggers or f"does “{rule.event}”"
    where = _filter(rule)
    times = f", {_times(rule.at_most)}" if rule.effect == "add" else ""
    return f"{' from when' if rule.effect != 'add' else ' when'} somebody {done}{where}{times}"


def _times(at_most: int) -> str:
    return "once" if at_most == 1 else f"at most {at_most:,} times"


def _filter(rule: Rule) -> str:
    found = [] if conditions.is_empty(rule.where) else [_said(rule.where, "event", rule.event)]
    machines = ", also by machines" if rule.machines else ""
    return "".join(f", where {one}" for one in found) + machines


def _condition(rule: Rule) -> str:
    return "they are a contact" if conditions.is_empty(rule.condition) else _said(rule.condition, "contact")


def _said(tree: conditions.Tree, subject: str, event: str | None = None) -> str:
    try:
        return conditions.sentence(tree, subject, event or None)
    except conditions.InvalidCondition:
        return "something holds that cannot be read any more"
