"""The leaf that compares one field: {"field": "contact.plan", "op": "is", "value": "pro"}."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.expressions import Combinable

from contacts.models import Contact
from segments.fields import AnyField, Comparison, JsonField, NamesItsValues, UnknownField, found
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted, superfluous
from segments.operands import CALENDAR_DAYS, NOTHING, Parts, read_span
from segments.operators import Operator, operator_named
from segments.segment_leaf import MOVES, names
from segments.sql import Sql, complement, joined
from segments.values import TYPES, Type, Unreadable, guessed

FEW_DAYS = timedelta(days=7)
ZONES = timedelta(days=2)  # by which a day that is written may lie beside that of the moment


def _names(value: Any, scope: Scope) -> Any:
    """Segments by name instead of id."""
    if isinstance(value, list):
        return [_names(one, scope) for one in value]
    return names(scope).get(value, value) if isinstance(value, int) else value


class FieldLeaf(LeafKind):
    """`type` (text, number, date, boolean, list) may be given; else the field's own counts, else a guess."""

    key = "field"
    keys = {"field", "op", "value", "type"}

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        place = "field"
        if scope.subject.alone and not str(leaf["field"]).startswith("event."):
            yield Problem(
                joined_path(path, place), "Only the event itself can be asked about here, such as event.total."
            )
            return
        try:
            field = found(leaf["field"], scope)
            if scope.asks_database:
                yield from (Problem(joined_path(path, place), sentence) for sentence in field.refused(scope))
            place = "op"
            operator, type_ = _operator(leaf), _type(leaf, field)
            place = "value"
            _parts(leaf, operator, type_, scope)
        except Unreadable as fault:
            yield Problem(joined_path(path, place) + fault.place, str(fault))
        except UnknownField as fault:
            yield Problem(joined_path(path, place), str(fault))
        yield from superfluous(leaf, self.keys, path)

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        operator, type_ = _operator(leaf), _type(leaf, found(leaf["field"], scope))
        test = _test(leaf, operator.sql_for(type_.key), scope, _parts(leaf, operator, type_, scope))
        return complement(test) if operator.of else test

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        field, operator = found(leaf["field"], scope), _operator(leaf)
        value, type_ = leaf.get("value"), _type(leaf, field)
        if leaf["field"] == "event.segment" and scope.event_type in MOVES and operator.takes.key in ("one", "many"):
            value, type_ = _names(value, scope), TYPES["text"]
        words = operator.takes.words(value, type_)
        return f"{field.label} {operator.phrase_for(type_.key).format(words)}"

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        return [leaf["field"]] if isinstance(leaf["field"], str) else []

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        yield from found(leaf["field"], scope).reads

    def typed(self, leaf: dict[str, Any], scope: Scope) -> dict[str, Any]:
        field = found(leaf["field"], scope)
        return {"type": field.type, **leaf} if isinstance(field, JsonField) and field.type else leaf

    def turns(self, leaf: dict[str, Any], scope: Scope, since: datetime) -> Iterator[QuerySet]:
        for test in crossings(leaf, scope, since):
            yield Contact.objects.current().order_by().filter(test).values_list("pk", flat=True)

    def turns_at_midnight(self, leaf: dict[str, Any], scope: Scope) -> bool:
        return turns_at_midnight(leaf)

    def seen(self, leaf: dict[str, Any], scope: Scope) -> Combinable | None:
        field = found(leaf["field"], scope)
        return field.seen(scope, _type(leaf, field).key)

    def vanished(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        with suppress(UnknownField):  # that is a problem, not a loss
            field = found(leaf["field"], scope)
            yield from field.vanished(scope)
            if isinstance(field, NamesItsValues):
                yield from field.values_vanished(leaf.get("value"))


def crossings(leaf: dict[str, Any], scope: Scope, since: datetime) -> Iterator[Combinable]:
    """Tests for dates that came to an age between `since` and `scope.now` at which the leaf's answer turns."""
    operator = _operator(leaf)
    for age in operator.ages:
        past = read_span(leaf["value"]) * age
        low, high = since.astimezone(UTC) - past, scope.instant - past
        ends: Parts = {"low": Value(low), "high": Value(high)}
        crossed = _test(leaf, "{x} <@ tstzrange({low}, {high}, '[]')", scope, ends)
        field = found(leaf["field"], scope)
        near = _near(field.sent(scope), low, high) if isinstance(field, JsonField) else None
        yield joined("AND", [near, crossed]) if near else crossed


def _near(sent: Combinable, low: datetime, high: datetime) -> Sql | None:
    """A number, or a text that begins with a day not far from these: a quarter of the cost of reading every date."""
    if high - low > FEW_DAYS:
        return None
    first = low.astimezone(UTC).date() - ZONES
    days = [str(first + timedelta(days=n)) for n in range((high - low + 2 * ZONES).days + 2)]
    near = "(left({sent} #>> '{}', 10) = ANY({days}::text[]) OR jsonb_typeof({sent}) = 'number')"
    return Sql(near, sent=sent, days=Value(days))


def turns_at_midnight(leaf: dict[str, Any]) -> bool:
    return _operator(leaf).takes is CALENDAR_DAYS


def _test(leaf: dict[str, Any], sql: str, scope: Scope, parts: Parts) -> Sql:
    field = found(leaf["field"], scope)
    return field.test(Comparison(sql, _type(leaf, field), parts, scope, _operator(leaf).positive.key))


def _operator(leaf: dict[str, Any]) -> Operator:
    key = leaf.get("op")
    if operator := operator_named(key):
        return operator
    if key in (None, ""):
        raise Unreadable("Choose how to compare, such as “is”.")
    raise Unreadable(f"{quoted(key)} is not an operator; choose one such as “is”.")


def _type(leaf: dict[str, Any], field: AnyField) -> Type:
    operator = _operator(leaf)
    type_ = _given(leaf, field) or field.type or guessed(leaf.get("value"), operator.types)
    if type_ not in operator.types:
        noun = TYPES[type_].noun
        raise Unreadable(f"{quoted(operator.key)} does not work on {noun}; choose another comparison.")
    return TYPES[type_]


def type_of(leaf: dict[str, Any], scope: Scope) -> str:
    """The type by which a leaf compares; empty where it cannot be said."""
    try:
        return _type(leaf, found(leaf.get("field"), scope)).key
    except (Unreadable, UnknownField):
        return ""


def _given(leaf: dict[str, Any], field: AnyField) -> str:
    given = leaf.get("type", "")
    if not given:
        return ""
    if not isinstance(given, str) or given not in TYPES:
        raise Unreadable(f"{quoted(given)} is not a type; use text, number, date, boolean or list.")
    if field.type and not isinstance(field, JsonField) and given != field.type:
        raise Unreadable(f"{quoted(field.key)} is {TYPES[field.type].noun}; remove the other type.")
    return given


def _parts(leaf: dict[str, Any], operator: Operator, type_: Type, scope: Scope) -> Parts:
    if operator.takes is NOTHING and leaf.get("value") not in (None, ""):
        raise Unreadable(f"{quoted(operator.key)} takes no value; remove it.")
    return operator.takes.read(leaf.get("value"), type_, scope)
