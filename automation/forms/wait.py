"""The form of a wait: what to wait for, and what follows from that."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django import forms
from django.utils.functional import SimpleLazyObject
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from automation import dates, wait_checks
from campaigns.config_form import ConfigForm
from campaigns.sequence_offers import UNIT_CHOICES
from campaigns.window_form import days_field
from lib.typed import DayText, TimeText
from segments.catalogue import catalogue

MODES = [
    ("for", "A length of time"),
    ("weekday", "Until a weekday and time"),
    ("date", "Until a date"),
    ("field", "Until a date of theirs"),
    ("random", "A length of time that chance picks"),
]
REMEDIES = [("continue", "they go on at once"), ("exit", "they leave"), ("skip", "the next mail is skipped")]
WHEN = [("on", "on that day"), ("before", "before it"), ("after", "after it")]
# Which settings belong to which mode, and what each is left out at.
OF_MODE = {
    "for": ("amount", "unit", "at", "days"),
    "weekday": ("days", "at"),
    "date": ("date", "at", "past", "missing"),
    "field": ("field", "when", "offset", "offset_unit", "anniversary", "at", "past", "missing"),
    "random": ("amount", "unit", "to_amount", "to_unit"),
}
ALL = {name for names in OF_MODE.values() for name in names}
UNSAID = {"mode": "for", "past": "continue", "missing": "exit", "anniversary": False, "offset": 0}


class Suggesting(UnfoldAdminTextInputWidget):
    """A text with suggestions: `options` are (value, label), read when it is drawn."""

    template_name = "automation/suggesting.html"
    options: Iterable[tuple[str, str]] = ()

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        identity = f"{context['widget']['attrs'].get('id', name)}_options"
        context["widget"]["attrs"]["list"] = identity
        return context | {"options": list(self.options), "options_id": identity}


class FieldName(forms.CharField):
    """The name of a field, with suggestions; a bare one, such as birthday, is an attribute of the contact."""

    widget = Suggesting

    def clean(self, value):
        name = super().clean(value)
        return name if not name or name.startswith(dates.ROOTS) else f"contact.{name}"


def _amount(label: str) -> forms.FloatField:
    sentence = f"{label}: write a number above 0."
    widget = UnfoldAdminIntegerFieldWidget(attrs={"step": "any", "min": "0"})
    return forms.FloatField(label=label, required=False, widget=widget, error_messages={"invalid": sentence})


def _choice(label: str, choices: list[tuple[str, str]], initial: str, **more: Any) -> forms.ChoiceField:
    widget = UnfoldAdminSelectWidget()
    return forms.ChoiceField(label=label, choices=choices, initial=initial, required=False, widget=widget, **more)


class WaitForm(ConfigForm):
    """`shown_for`: the modes in which a field counts; the page hides the others."""

    template = "campaigns/panels/wait.html"

    mode = forms.ChoiceField(label="Wait", choices=MODES, initial="for", widget=UnfoldAdminSelectWidget())
    amount = _amount("How long")
    unit = _choice("unit", UNIT_CHOICES, "days")
    to_amount = _amount("and at most")
    to_unit = _choice("unit of the longest", UNIT_CHOICES, "days")
    date = DayText(label="Date", required=False)
    field = FieldName(
        label="Which date",
        required=False,
        help_text="An attribute, such as trial_ends_at, or of what let them in: event.delivery. If it changes "
        "while they wait, the wait moves with it.",
    )
    when = _choice("When", WHEN, "on")
    offset = forms.IntegerField(
        label="How far from it",
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": "0"}),
        error_messages=dict.fromkeys(("invalid", "min_value"), "How far from it: write a whole number of 0 or more."),
    )
    offset_unit = _choice("unit of the distance", UNIT_CHOICES, "days")
    anniversary = forms.BooleanField(label="Every year: its next anniversary, as of a birthday", required=False)
    days = days_field(label="Weekdays", help_text="None ticked: any day.")
    at = TimeText(
        label="Time of day",
        required=False,
        help_text="In the time zone of each person, else the site’s. With it, days are those of the calendar.",
    )
    past = _choice("If the date is past", REMEDIES, "continue")
    missing = _choice("If there is no date", REMEDIES, "exit")

    shown_for = {
        "mode": {name: [mode for mode, names in OF_MODE.items() if name in names] for name in sorted(ALL)},
        "when": {"offset": ["before", "after"], "offset_unit": ["before", "after"]},
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["field"].widget
        field.options = SimpleLazyObject(partial(dated, self.event_type))  # a step told in words offers nothing

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        """What can be shown of it; anything that is not what its field takes is left out."""
        shown = {name: value for name, value in config.items() if _is_plain(name, value)}
        offset = shown.get("offset", 0)
        when = "before" if offset < 0 else "after" if offset else "on"
        return {
            "mode": "for",
            "past": "continue",
            "missing": "exit",
            **shown,
            "when": when,
            "offset": abs(offset) or None,
        }

    def clean(self):
        super().clean()
        if not self.errors:
            for name, sentence in wait_checks.faults(self.config()):
                self.add_error(name, sentence)
        return self.cleaned_data

    def config(self) -> dict[str, Any]:
        typed = dict(self.cleaned_data)
        mode = typed["mode"]
        if typed.get("when") in ("before", "after"):
            typed["offset"] = (typed.get("offset") or 0) * (-1 if typed["when"] == "before" else 1)
        else:
            typed["offset"] = 0
        kept = {name: _short(typed.get(name)) for name in ("mode", *OF_MODE[mode]) if name != "when"}
        if not kept.get("offset"):
            kept.pop("offset_unit", None)
        return {name: value for name, value in kept.items() if value not in (None, "", [], UNSAID.get(name))}


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_plain(name: str, value: Any) -> bool:
    if name == "days":
        return isinstance(value, list)
    if name in ("amount", "to_amount"):
        return isinstance(value, int | float)
    if name == "offset":
        return isinstance(value, int)
    return name in ALL or name == "mode"


def dated(event_type: str | None) -> list[tuple[str, str]]:
    """The fields that are known to hold dates, with their labels: those of events, for steps have none."""
    entries = [entry for entry in catalogue("event", event_type) if entry.kind == "field" and entry.type == "date"]
    return [(str(entry.key), entry.label) for entry in entries if str(entry.key).startswith(dates.ROOTS)]
