"""What the side panel of the canvas asks beside the settings of a kind: of steps, of the whole, of exits and goals."""

from typing import Any

from django import forms
from django.contrib.admin import VERTICAL
from msgspec.structs import replace
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from campaigns.checking import MAX_NAME
from campaigns.document import Document, Goal, StepDoc, Watch, new_uid
from campaigns.head_form import HeadForm
from campaigns.sequence_offers import trigger_choices, whole_number
from campaigns.watches import MAX_GOAL_DAYS
from segments.forms import ConditionField


class StepFields(forms.Form):
    """A name, and for whom the step is done."""

    name = forms.CharField(
        label="Name",
        max_length=MAX_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Empty: what it does, in words.",
        error_messages={"max_length": f"Name: write {MAX_NAME} characters at most."},
    )
    only_if = ConditionField(
        "enrollment",
        label="Only if",
        required=False,
        help_text="Who does not match skips this step and goes on.",
    )

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        only_if: Any = self.fields["only_if"]
        only_if.event_type = event_type

    @classmethod
    def initial_from(cls, step: StepDoc) -> dict[str, Any]:
        return {"name": step.name, "only_if": step.only_if}


class SettingsForm(HeadForm):
    """The whole but for its triggers, exits, goals and steps."""

    keep_matching = forms.BooleanField(
        label="They leave as soon as they do not match any more", required=False, widget=UnfoldBooleanWidget()
    )
    exit_on_goal = forms.BooleanField(
        label="They leave when they reach a goal", required=False, widget=UnfoldBooleanWidget()
    )
    priority = forms.ChoiceField(
        choices=[("low", "Low"), ("normal", "Normal"), ("high", "High")],
        widget=UnfoldAdminSelectWidget(),
        help_text="Where a person may not get all mails, those of the higher priority go out.",
    )
    overdue = forms.ChoiceField(
        label="After a pause",
        choices=[
            ("send", "What is overdue happens at once; mails that are too late are left out"),
            ("shift", "Everything happens later, by the length of the pause"),
            ("exit", "Whoever is overdue leaves"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    NAMES = ("keep_matching", "exit_on_goal", "priority", "overdue")

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        audience: Any = self.fields["audience"]
        audience.event_type = event_type

    @classmethod
    def initial_from(cls, document: Document) -> dict[str, Any]:
        return cls.initial_of_head(document) | {name: getattr(document, name) for name in cls.NAMES}

    def document(self, base: Document) -> Document:
        return replace(self.head(base), **{name: self.cleaned_data[name] for name in self.NAMES})


class WatchForm(forms.Form):
    """Something to look out for: a deed, or a condition that comes true."""

    what = forms.ChoiceField(
        label="When",
        choices=[("event", "They do something"), ("condition", "Something is true of them")],
        initial="event",
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
    )
    event = forms.ChoiceField(
        label="What they do",
        choices=trigger_choices,
        required=False,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "There is no such event type; choose one of the list."},
    )
    filter = ConditionField("event", event_from="event", label="But only if", required=False)
    condition = ConditionField("enrollment", label="What is true of them", required=False)
    name = forms.CharField(
        label="Name",
        max_length=MAX_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="How reports call it. Empty: what it says.",
    )

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        asked: Any = self.fields["filter"]
        asked.event_type = self["event"].value() or None
        asked.widget.event_from = self.add_prefix("event")
        condition: Any = self.fields["condition"]
        condition.event_type = event_type

    def clean(self):
        super().clean()
        typed = self.cleaned_data
        hidden = ("event", "filter") if typed.get("what") == "condition" else ("condition",)
        for name in hidden:
            self.errors.pop(name, None)
        if typed.get("what") == "condition" and not typed.get("condition") and "condition" not in self.errors:
            self.add_error("condition", "Say what must be true: add a condition.")
        if typed.get("what") == "event" and not typed.get("event") and "event" not in self.errors:
            self.add_error("event", "Choose what they do.")
        return typed

    @classmethod
    def initial_from(cls, watch: Watch | None) -> dict[str, Any]:
        if watch is None:
            return {}
        what = "event" if watch.event else "condition"
        names = ("name", "event", "filter", "condition")
        return {"what": what} | {name: getattr(watch, name) for name in names}

    def watch(self, uid: str) -> Watch:
        return Watch(**self._typed(uid))

    def _typed(self, uid: str) -> dict[str, Any]:
        typed = self.cleaned_data
        of_event = typed["what"] == "event"
        return {
            "uid": uid or new_uid(),
            "name": typed["name"],
            "event": typed["event"] if of_event else "",
            "filter": typed["filter"] or None if of_event else None,
            "condition": None if of_event else typed["condition"],
        }


class GoalForm(WatchForm):
    """What the campaign is for."""

    days = whole_number(
        "Counts for (days)", 1, MAX_GOAL_DAYS, initial=3, help_text="From the moment when they entered."
    )

    @classmethod
    def initial_from(cls, watch: Watch | None) -> dict[str, Any]:
        return super().initial_from(watch) | ({"days": watch.days} if isinstance(watch, Goal) else {})

    def watch(self, uid: str) -> Watch:
        return Goal(**self._typed(uid), days=self.cleaned_data["days"])
