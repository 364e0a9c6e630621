"""The leaf that compares one field: {"field": "contact.plan", "op": "is", "value": "pro"}."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Value
from django.db.models.expressions import Combinable

from segments.fields import Field, JsonField, UnknownField, found
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted
from segments.operands import NOTHING, Parts
from segments.operators import Operator, operator_named
from segments.sql import Sql, complement
from segments.values import TYPES, Type, Unreadable, guessed


class FieldLeaf(LeafKind):
    """`type` (text, number, date, boolean, list) may be given; else the field's own counts, else a guess."""

    key = "field"
    keys = {"field", "op", "value", "type"}

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        place = "field"
        try:
            field = found(leaf["field"], scope)
            place = "op"
            operator, type_ = _operator(leaf), _type(leaf, field)
            place = "value"
            _parts(leaf, operator, type_, scope)
        except Unreadable as fault:
            yield Problem(joined_path(path, place) + fault.place, str(fault))
        except UnknownField as fault:
            yield Problem(joined_path(path, place), str(fault))
        for key in sorted(map(str, leaf.keys() - self.keys)):
            sentence = f"{quoted(key)} says nothing in a condition; remove it."
            yield Problem(joined_path(path, quoted(key)), sentence)

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        field, operator = found(leaf["field"], scope), _operator(leaf)
        type_ = _type(leaf, field)
        parts = _parts(leaf, operator, type_, scope)
        value = field.expression(scope, type_.key)
        test = Sql(f"({operator.sql_for(type_.key)})", x=value, zone=Value(scope.zone), **parts)
        return complement(test) if operator.of else test

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        field, operator = found(leaf["field"], scope), _operator(leaf)
        type_ = _type(leaf, field)
        words = operator.takes.words(leaf.get("value"), type_)
        return f"{field.label} {operator.phrase_for(type_.key).format(words)}"

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        return [leaf["field"]] if isinstance(leaf["field"], str) else []

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        yield from found(leaf["field"], scope).reads

    def typed(self, leaf: dict[str, Any], scope: Scope) -> dict[str, Any]:
        field = found(leaf["field"], scope)
        return {"type": field.type, **leaf} if isinstance(field, JsonField) and field.type else leaf


def _operator(leaf: dict[str, Any]) -> Operator:
    key = leaf.get("op")
    if operator := operator_named(key):
        return operator
    if key in (None, ""):
        raise Unreadable("Choose how to compare, such as “is”.")
    raise Unreadable(f"{quoted(key)} is not an operator; choose one such as “is”.")


def _type(leaf: dict[str, Any], field: Field | JsonField) -> Type:
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


def _given(leaf: dict[str, Any], field: Field | JsonField) -> str:
    given = leaf.get("type", "")
    if not given:
        return ""
    if not isinstance(given, str) or given not in TYPES:
        raise Unreadable(f"{quoted(given)} is not a type; use text, number, date, boolean or list.")
    if isinstance(field, Field) and given != field.type:
        raise Unreadable(f"{quoted(field.key)} is {TYPES[field.type].noun}; remove the other type.")
    return given


def _parts(leaf: dict[str, Any], operator: Operator, type_: Type, scope: Scope) -> Parts:
    if operator.takes is NOTHING and leaf.get("value") not in (None, ""):
        raise Unreadable(f"{quoted(operator.key)} takes no value; remove it.")
    return operator.takes.read(leaf.get("value"), type_, scope)
