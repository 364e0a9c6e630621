"""What the form of a sequence offers to choose from, read once for a page, and the kinds of its fields."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from campaigns.models import EmailTemplate
from events import types as event_types
from lib.durations import UNITS
from scoring.models import ScoreModel

UNIT_CHOICES = [(unit, unit) for unit in UNITS]


def trigger_choices() -> list[tuple[str, str]]:
    """Event types as what lets people in: “abandons a cart”."""
    return [("", "Choose what happens…"), *((key, _deed(key, label)) for key, label in event_types.choices())]


def _deed(key: str, label: str) -> str:
    kind = event_types.get(key)
    return kind.triggers if kind and kind.triggers else f"does “{label}”"


@dataclass(frozen=True)
class Offered:
    """What the fields of one page offer, read once."""

    event_type: str | None
    templates: list[tuple[int, str]]
    scores: list[ScoreModel]


def offered(event_type: str | None) -> Offered:
    """What there is to choose from."""
    named = [(template.pk, template.name) for template in templates()]
    return Offered(event_type or None, named, list(ScoreModel.objects.defer("draft")))


def templates() -> QuerySet[EmailTemplate]:
    return EmailTemplate.objects.only("pk", "name")


def whole_number(label: str, low: int, high: int, **more: Any) -> forms.IntegerField:
    """A whole number in bounds, with one sentence for whatever else is typed."""
    field = forms.IntegerField(
        label=label,
        min_value=low,
        max_value=high,
        widget=UnfoldAdminIntegerFieldWidget(),
        **more,
    )
    sentence = f"{label}: write a whole number from {f'{low:,}'.replace('-', '−')} to {high:,}."
    field.error_messages |= {"invalid": sentence, "required": sentence}
    validators: list[Any] = field.validators
    for validator in validators:
        validator.message = sentence
    return field
