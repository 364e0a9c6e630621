"""What the rule builder offers to choose from, as its script reads it."""

from collections.abc import Collection
from typing import Any

from lib.durations import UNITS
from segments.catalogue import Entry, catalogue
from segments.message_leaf import CHOICES
from segments.operators import OPERATORS, Operator


def offered(subject: str, event_type: str | None, roots: Collection[str] = ()) -> dict[str, Any]:
    """Everything that a condition about this subject can be made of; with roots, only fields that begin with one."""
    return {
        "entries": [_entry(entry) for entry in catalogue(subject, event_type) if not roots or _begins(entry, roots)],
        "operators": [_operator(operator) for operator in OPERATORS],
        "units": list(UNITS),
        "choices": {key: list(choices()) for key, choices in CHOICES.items()},
    }


def _begins(entry: Entry, roots: Collection[str]) -> bool:
    return entry.kind == "field" and str(entry.key).partition(".")[0] in roots


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "key": entry.key,
        "label": entry.label,
        "group": entry.group,
        "type": "" if entry.type == "any" else entry.type,
        "share": entry.share,
        "values": [{"value": choice.value, "label": choice.label} for choice in entry.values],
        "properties": [_entry(one) for one in entry.properties],
    }


def _operator(operator: Operator) -> dict[str, Any]:
    return {
        "key": operator.key,
        "label": _words(operator.phrase),
        "plural": _words(operator.plural),
        "takes": operator.takes.key,
        "types": list(operator.types),
    }


def _words(phrase: str) -> str:
    return phrase.removesuffix("{}").replace("{}", "…").strip()
