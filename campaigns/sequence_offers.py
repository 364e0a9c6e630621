"""What the form of a sequence offers to choose from, read once for a page, and the kinds of its fields."""

from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from campaigns.models import EmailTemplate
from campaigns.previews import known_attributes
from events import types as event_types
from lib.durations import UNITS

UNIT_CHOICES = [(unit, unit) for unit in UNITS]


def trigger_choices() -> list[tuple[str, str]]:
    """Event types as what lets people in: “abandons a cart”."""
    return [("", "Choose what happens…"), *((key, _deed(key, label)) for key, label in event_types.choices())]


def _deed(key: str, label: str) -> str:
    kind = event_types.get(key)
    return kind.triggers if kind and kind.triggers else f"does “{label}”"


@dataclass(frozen=True)
class Offered:
    """What the fields of one page offer, read once: paths to compare, templates to send."""

    event_type: str | None
    contact_paths: list[tuple[str, str, str]]
    event_paths: list[tuple[str, str, str]]
    templates: list[tuple[int, str]]


def offered(event_type: str | None) -> Offered:
    """What there is to choose from; the properties of the chosen event come first."""
    of_contact = [(f"contact.{path}", "", "") for path in known_attributes()]
    keys = [key for key, _ in event_types.choices() if key != event_type]
    of_event = [(f"event.{name}", "", type_) for key in (event_type, *keys) for name, type_ in _properties(key)]
    templates = [(template.pk, template.name) for template in EmailTemplate.objects.only("pk", "name")]
    return Offered(event_type or None, of_contact, of_event + of_contact, templates)


def _properties(key: str | None) -> list[tuple[str, str]]:
    kind = event_types.get(key) if key else None
    return list(kind.properties.items()) if kind else []


def suggest(field: forms.Field, paths: list[tuple[str, str, str]]) -> None:
    """Let a condition offer these paths."""
    field.widget.suggestions = lambda: paths


def whole_number(label: str, low: int, high: int, **more: Any) -> forms.IntegerField:
    """A whole number in bounds, with one sentence for whatever else is typed."""
    field = forms.IntegerField(
        label=label,
        min_value=low,
        max_value=high,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )
    sentence = f"{label}: write a whole number from {low} to {high:,}."
    field.error_messages |= {"invalid": sentence, "required": sentence}
    validators: list[Any] = field.validators
    for validator in validators:
        validator.message = sentence
    return field
