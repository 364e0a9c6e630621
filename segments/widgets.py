"""The plain form of a condition: rows “field, comparison, value”, kept in one hidden input as the tree."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from unfold.widgets import BASE_CLASSES, INPUT_CLASSES

from lib.durations import UNITS
from segments.conditions import InvalidCondition, is_empty, sentence, validate
from segments.field_leaf import type_of
from segments.fields import known_type, registered_for
from segments.leaves import SUBJECTS, Scope
from segments.operands import WEEKDAYS
from segments.operators import OPERATORS, operator_named

Suggestion = str | tuple[str, str] | tuple[str, str, str]  # path, label, type
INPUT = " ".join(name for name in INPUT_CLASSES if name not in ("w-full", "max-w-2xl", "min-w-20"))
SELECT = " ".join([*BASE_CLASSES, "px-3", "py-2"])


class Unparsed(ValueError):
    """What came back is not the JSON that the page wrote."""


def parsed(value: Any) -> Any:
    """The tree in a hidden input's text; nothing (None) for an empty one."""
    if not isinstance(value, str):
        return value
    try:
        tree = json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as fault:
        raise Unparsed("The conditions could not be read; add them again.") from fault
    return None if is_empty(tree) else tree


class ConditionWidget(forms.Widget):
    """Draws a tree. Parts that rows cannot show stand as a sentence and stay as they are until removed."""

    template_name = "segments/conditions.html"
    event_type: str | None = None

    class Media:
        js = ["segments/conditions.js"]
        css = {"all": ["segments/conditions.css"]}

    def __init__(self, subject: str, suggestions: Callable[[], Iterable[Suggestion]] | None = None):
        super().__init__()
        self.subject, self.suggestions = subject, suggestions

    def format_value(self, value):
        return value if isinstance(value, str) else "" if is_empty(value) else json.dumps(value)

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        word, rows = self._rows(value)
        context |= {"any": word == "any", "rows": rows, "blank": self._row({})}
        return {**context, "suggestions": self._suggested(), "input_classes": INPUT, "select_classes": SELECT}

    def _rows(self, value: Any) -> tuple[str, list[dict]]:
        try:
            tree = parsed(value)
        except Unparsed:
            return "all", []
        word, children = _top(tree)
        return word, [self._row(child) | {"faults": self._faults(child)} for child in children]

    def _faults(self, child: Any) -> list[str]:
        return [fault.sentence for fault in validate(child, self.subject, self.event_type)]

    def _row(self, child: Any) -> dict:
        return self._plain(child) if _is_plain(child) else self._kept(child)

    def _plain(self, leaf: dict) -> dict:
        scope = Scope(SUBJECTS[self.subject], event_type=self.event_type)
        operator = operator_named(leaf.get("op")) or OPERATORS["is"]
        return {
            "field": leaf.get("field", ""),
            "type": leaf.get("type") or type_of(leaf, scope),
            "operators": _operators(operator.key),
            **_inputs(leaf.get("value"), operator.takes.key),
        }

    def _kept(self, child: Any) -> dict:
        try:
            words = sentence(child, self.subject, self.event_type)
        except InvalidCondition:
            words = "a condition that cannot be read"
        return {"kept": json.dumps(child), "words": words}

    def _suggested(self) -> list[dict]:
        fields = registered_for(SUBJECTS[self.subject])
        registered = [(field.key, field.label, field.type) for field in fields]
        found: dict[str, dict] = {}
        for suggestion in [*registered, *(self.suggestions() if self.suggestions else [])]:
            path, label, type_ = (*([suggestion] if isinstance(suggestion, str) else suggestion), "", "")[:3]
            found.setdefault(path, {"path": path, "label": label, "type": type_ or known_type(path)})
        return list(found.values())


def _top(tree: Any) -> tuple[str, list]:
    """How the rows are joined, and the rows."""
    if is_empty(tree):
        return "all", []
    for word in ("all", "any"):
        if isinstance(tree, dict) and set(tree) == {word} and isinstance(tree[word], list):
            return word, tree[word]
    return "all", [tree]


def _is_plain(child: Any) -> bool:
    known = isinstance(child, dict) and set(child) <= {"field", "op", "value", "type"}
    return known and isinstance(child.get("field", ""), str) and _fits(child.get("value"))


def _fits(value: Any) -> bool:
    """Can the row's inputs show it?"""
    if isinstance(value, dict):
        return set(value) == {"amount", "unit"}
    return not isinstance(value, list) or not any(isinstance(item, list | dict) for item in value)


def _operators(chosen: str) -> list[dict]:
    return [
        {
            "key": key,
            "label": operator.phrase.removesuffix("{}").replace("{}", "…").strip(),
            "chosen": key == chosen,
            "takes": operator.takes.key,
            "types": " ".join(operator.types),
        }
        for key, operator in OPERATORS.items()
    ]


def _inputs(value: Any, takes: str) -> dict:
    """The value, spread over the inputs of a row: each shows what fits it."""
    items = list(map(_shown, value)) if isinstance(value, list) else []
    one, two = "" if isinstance(value, list | dict) else _shown(value), ""
    if takes == "pair":
        one, two = (*items, one, "")[:2]
    elif items and takes != "weekdays":
        one = ", ".join(f'"{item}"' if "," in item else item for item in items)
    span = value if isinstance(value, dict) else {"amount": "", "unit": "days"}
    return {
        "one": one,
        "two": two,
        "amount": span["amount"],
        "units": [{"key": unit, "chosen": unit == span["unit"]} for unit in UNITS],
        "days": [{"key": day, "name": day.capitalize(), "chosen": day in items} for day in WEEKDAYS],
    }


def _shown(value: Any) -> str:
    return "" if value is None else "yes" if value is True else "no" if value is False else str(value)
