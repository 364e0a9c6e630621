"""The leaf that asks what somebody did: {"event": "order.completed", "op": "≥", "value": 2, "when": …}."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from events import types as event_types
from events.models import EventRollup
from segments import happened, timeframes
from segments.fields import JsonField, UnknownField, property_of
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted
from segments.measures import DISTINCT_TYPES, MEASURES, Measure, compared, holds_for_none
from segments.operands import read_span
from segments.operators import Operator, operator_named
from segments.sql import Json, belonging, complement, exists
from segments.values import TYPES, Unreadable

Leaf = dict[str, Any]
ONCE = [(">", 0), ("≥", 1)]
NEVER = [("is", 0), ("<", 1), ("≤", 0)]


class EventLeaf(LeafKind):
    """Behaviour: a measure of the events that fit, compared; without `op`: it happened at least once.

    Where only the number, the first or the last of all events of a type counts, the roll-ups are read: they
    outlive the events.
    """

    key = "event"
    reads_events = True
    keys = {"event", "where", "measure", "property", "type", "op", "value", "when"}

    def problems(self, leaf: Leaf, path: str, scope: Scope) -> Iterator[Problem]:
        yield from happened.problems(leaf, path, scope)
        yield from _measure_problems(leaf, path, scope)
        yield from timeframes.problems(leaf.get("when"), path, scope)
        yield from unknown_keys(leaf, self.keys, path)

    def expression(self, leaf: Leaf, scope: Scope) -> Combinable:
        measure, operator = _measure(leaf), _operator(leaf)
        if measure.key == "count" and (operator is None or asks(leaf, ONCE)):
            return exists(scope.contact_id, _events(leaf, scope).values("contact_id"))
        if measure.key == "count" and asks(leaf, NEVER):
            return complement(exists(scope.contact_id, _events(leaf, scope).values("contact_id")))
        assert operator
        rows = measured(leaf, scope)
        test = compared(measure, operator, _parts(leaf, measure, operator, scope))
        # Whoever has no event is in no group: where 0 is asked for, those whose number is another one are left out.
        turned = measure.zero and holds_for_none(operator, leaf.get("value"))
        found = exists(scope.contact_id, rows.filter(complement(test) if turned else test).values("contact_id"))
        return complement(found) if turned != bool(operator.of) else found

    def sentence(self, leaf: Leaf, scope: Scope) -> str:
        measure, operator = _measure(leaf), _operator(leaf)
        when, where = timeframes.words(leaf.get("when")), happened.words_of_where(leaf, scope)
        if operator is None or (measure.key == "count" and asks(leaf, ONCE)):
            return f"{happened.words(leaf)}{when}{where}"
        if measure.key == "count":
            return f"{_counted(happened.words(leaf), leaf, operator)}{when}{where}"
        words = operator.phrase.format(operator.takes.words(leaf.get("value"), TYPES[measure.type]))
        if measure.type == "date":
            return f"{measure.words} {happened.words(leaf)}{when}{where} {words}"
        what = property_of(leaf["property"], leaf["event"]).label
        label = quoted(event_types.find(leaf["event"]).label)
        joint = " " if measure.key in ("min", "max", "average") else " of " if measure.key == "sum" else " values of "
        return f"{measure.words}{joint}{what} over {label}{when}{where} {words}"

    def paths(self, leaf: Leaf) -> list[str]:
        return []

    def typed(self, leaf: Leaf, scope: Scope) -> Leaf:
        leaf = happened.typed(leaf, scope)
        if _measure(leaf).key == "distinct" and (type_ := _type(leaf)) != "text":
            return {"type": type_, **leaf}
        return leaf

    def reads(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        types = [leaf["event"]] if isinstance(leaf["event"], str) else leaf["event"]
        yield from (f"event:{key}" for key in types)

    def turns(self, leaf: Leaf, scope: Scope, since: datetime) -> Iterator[QuerySet]:
        edges = timeframes.window(leaf.get("when"), scope).edges
        if _measure(leaf).type == "date" and (operator := _operator(leaf)) and operator.ages:
            edges += tuple(read_span(leaf["value"]) * age for age in operator.ages)
        yield from happened.turns(leaf, edges, scope, since)

    def turns_at_midnight(self, leaf: Leaf, scope: Scope) -> bool:
        return timeframes.turns_at_midnight(leaf.get("when"), scope) or happened.turns_at_midnight(leaf)

    def seen(self, leaf: Leaf, scope: Scope) -> Combinable:
        its = measured(leaf, scope).filter(contact_id=OuterRef(f"{scope.subject.contact}pk")).values("measured")
        nothing = Value("0" if _measure(leaf).zero else "null")
        return Json("coalesce(to_jsonb({its}), {nothing}::jsonb)", its=Subquery(its), nothing=nothing)

    def vanished(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        yield from happened.vanished(leaf, scope, *([leaf["property"]] if _measure(leaf).of_property else []))


def unknown_keys(leaf: Leaf, keys: set[str], path: str) -> Iterator[Problem]:
    for key in sorted(map(str, leaf.keys() - keys)):
        yield Problem(joined_path(path, quoted(key)), f"{quoted(key)} says nothing in a condition; remove it.")


# --- reading a leaf ---


def _measure(leaf: Leaf) -> Measure:
    key = leaf.get("measure") or "count"
    if isinstance(key, str) and key in MEASURES:
        return MEASURES[key]
    raise Unreadable(f"{quoted(key)} is no measure; use one of {', '.join(key for key, _ in MEASURES.items())}.")


def _operator(leaf: Leaf) -> Operator | None:
    return operator_named(leaf.get("op"))


def asks(leaf: Leaf, comparisons: list[tuple[str, int]]) -> bool:
    """Is it one of these comparisons, in other words?"""
    operator, value = _operator(leaf), leaf.get("value")
    if operator is None or isinstance(value, list | bool):
        return False
    return any(operator.key == key and str(value) == str(number) for key, number in comparisons)


def _parts(leaf: Leaf, measure: Measure, operator: Operator, scope: Scope) -> dict[str, Combinable]:
    return operator.takes.read(leaf.get("value"), TYPES[measure.type], scope)


def _property(leaf: Leaf, measure: Measure) -> JsonField | None:
    return property_of(leaf.get("property"), _type_of_event(leaf)) if measure.of_property else None


def _type_of_event(leaf: Leaf) -> str | None:
    return leaf["event"] if isinstance(leaf["event"], str) else None


def _type(leaf: Leaf) -> str:
    """As what different values of a property are told apart."""
    if given := leaf.get("type"):
        return given
    registered = property_of(leaf["property"], _type_of_event(leaf)).type
    return registered if registered in DISTINCT_TYPES else "text"


def _measure_problems(leaf: Leaf, path: str, scope: Scope) -> Iterator[Problem]:
    place = "measure"
    try:
        measure = _measure(leaf)
        place = "property"
        if measure.of_property:
            property_of(leaf.get("property"), None)
        elif leaf.get("property") not in (None, ""):
            raise Unreadable(f"{quoted(measure.key)} needs no property; remove it.")
        place = "type"
        if leaf.get("type") and not (measure.key == "distinct" and leaf["type"] in DISTINCT_TYPES):
            raise Unreadable("Only different values have a type here: text, number, boolean or date.")
        place = "op"
        operator = _checked_operator(leaf, measure)
        place = "value"
        if operator:
            _parts(leaf, measure, operator, scope)
    except UnknownField as fault:
        yield Problem(joined_path(path, place), str(fault))
    except Unreadable as fault:
        yield Problem(joined_path(path, place) + fault.place, str(fault))


def _checked_operator(leaf: Leaf, measure: Measure) -> Operator | None:
    key, operator = leaf.get("op"), _operator(leaf)
    if operator and operator.key in measure.operators:
        return operator
    if key not in (None, ""):
        raise Unreadable(f"{quoted(key)} does not work here; use one of {', '.join(measure.operators)}.")
    if measure.key != "count":
        raise Unreadable(f"Choose how to compare, such as “{measure.operators[0]}”.")
    if leaf.get("value") not in (None, ""):
        raise Unreadable("Choose how to compare the number, such as “≥”.")
    return None


# --- SQL ---


def _events(leaf: Leaf, scope: Scope) -> QuerySet:
    """What is looked for: events, or the roll-ups where these know it."""
    if _is_rolled_up(leaf, scope):
        return _rollups(leaf, scope)
    return _happened(leaf, scope)


def _happened(leaf: Leaf, scope: Scope) -> QuerySet:
    return happened.rows(leaf, timeframes.window(leaf.get("when"), scope), scope)


def _is_rolled_up(leaf: Leaf, scope: Scope) -> bool:
    ever = timeframes.window(leaf.get("when"), scope).is_ever
    return ever and bool(_measure(leaf).stored) and happened.is_any(leaf)


def _rollups(leaf: Leaf, scope: Scope) -> QuerySet[EventRollup]:
    types = [leaf["event"]] if isinstance(leaf["event"], str) else leaf["event"]
    rows = EventRollup.objects.order_by().filter(type__in=types)
    return rows if scope.only is None else rows.filter(belonging(F("contact_id"), scope.only))


def measured(leaf: Leaf, scope: Scope) -> QuerySet:
    """Rows of which each belongs to another contact and has the measured value as `measured`."""
    measure = _measure(leaf)
    if _is_rolled_up(leaf, scope):
        return _rollups(leaf, scope).annotate(measured=F(measure.stored))
    type_ = _type(leaf) if measure.of_property else ""
    aggregate = measure.of(_property(leaf, measure), type_, happened.within(leaf, scope))
    return _happened(leaf, scope).values("contact_id").annotate(measured=aggregate)


# --- words ---

_TIMES = {
    "is": "exactly {}", "is not": "not exactly {}", ">": "more than {}", "≥": "at least {}", "<": "fewer than {}",
    "≤": "at most {}", "between": "between {}",
}  # fmt: skip


def _counted(deed: str, leaf: Leaf, operator: Operator) -> str:
    """Such as: they completed an order at least 2 times."""
    if asks(leaf, NEVER):
        return deed.replace("they ", "they never ", 1)
    number = operator.takes.words(leaf["value"], TYPES["number"])
    return f"{deed} {_TIMES[operator.key].format(number)} {'time' if number == '1' else 'times'}"
