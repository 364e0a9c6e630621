"""The form of “wait for”: what to wait for, each with a way of its own, and for how long."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from automation.forms.rows import LONGEST_NAME, RowForm, RowsForm
from campaigns.sequence_offers import UNIT_CHOICES, trigger_choices
from events import types as event_types
from segments.forms import ConditionField

CONDITION = "-"  # instead of an event


def _choices() -> list[tuple[str, str]]:
    events = [(key, f"somebody {words}") for key, words in trigger_choices() if key]
    return [("", "Choose what to wait for…"), (CONDITION, "a condition comes true"), *events]


class WayForm(RowForm):
    """One thing that is waited for."""

    event = forms.ChoiceField(
        label="Until",
        choices=_choices,
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose what to wait for.",
            "invalid_choice": "There is no such event type; choose one of the list.",
        },
    )
    filter = ConditionField("event", event_from="event", label="But only if", required=False)
    condition = ConditionField("enrollment", label="They match", required=False)
    name = forms.CharField(
        label="Name of this way",
        max_length=LONGEST_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Empty: said in words.",
        error_messages={"max_length": f"The name has at most {LONGEST_NAME} characters."},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.is_bound and self.initial.get("condition"):
            self.initial["event"] = CONDITION
        chosen = self["event"].value()
        asked: Any = self.fields["filter"]
        asked.event_type = chosen if chosen not in (None, "", CONDITION) else None
        asked.widget.event_from = self.add_prefix("event")
        events = ",".join(key for key, _ in event_types.choices())
        for name, wanted in (("filter", events), ("condition", CONDITION)):
            self.fields[name].widget.attrs["data-shown-for"] = f"{self.add_prefix('event')}={wanted}"

    def clean(self):
        super().clean()
        typed = self.cleaned_data
        if typed.get("event") == CONDITION:
            self.errors.pop("filter", None)
            if not typed.get("condition") and "condition" not in self.errors:
                self.add_error("condition", "Say what must come true.")
        else:
            self.errors.pop("condition", None)
        return typed

    def values(self) -> dict[str, Any]:
        typed = self.cleaned_data
        about = {"condition": typed["condition"]} if typed["event"] == CONDITION else {"event": typed["event"]}
        if typed.get("filter") and "event" in about:
            about["filter"] = typed["filter"]
        return {"name": typed["name"], **about} if typed["name"] else about


class WaitForForm(RowsForm):
    """What comes first opens its way; another one is for those with whom nothing of it happened in time."""

    template = "campaigns/panels/wait_for.html"
    row_form = WayForm
    row_name = "way"
    most = 10

    amount = forms.FloatField(
        label="At most",
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any", "min": "0"}),
        error_messages=dict.fromkeys(("required", "invalid"), "At most: write a number above 0."),
    )
    unit = forms.ChoiceField(
        label="unit", choices=UNIT_CHOICES, initial="days", required=False, widget=UnfoldAdminSelectWidget()
    )
    since = forms.ChoiceField(
        label="What they did before",
        choices=[
            ("step", "counts from this step on"),
            ("entry", "counts from when they entered"),
            ("ever", "counts whenever it was"),
        ],
        initial="step",
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    again = forms.BooleanField(
        label="Begin the time anew when what lets people in happens again",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="For an abandoned cart: the time counts from its last change, and mails show the newest.",
    )

    @classmethod
    def initial_from(cls, config):
        shown = super().initial_from(config)
        shown[cls.rows_key] = shown[cls.rows_key] or [{}]
        timeout = shown.pop("timeout", None)
        return {**shown, **(timeout if isinstance(timeout, dict) else {})}

    def clean(self):
        typed = super().clean()
        if self.rows.is_valid() and not self.rows.in_order():
            raise forms.ValidationError("Choose what to wait for.")
        return typed

    def clean_amount(self):
        amount = self.cleaned_data["amount"]
        if not 0 < amount <= 10**6:
            raise forms.ValidationError("At most: write a number above 0.")
        return amount

    def config(self):
        typed = super().config()
        amount = typed.pop("amount")
        typed["timeout"] = {
            "amount": int(amount) if amount == int(amount) else amount,
            "unit": typed.pop("unit", "days"),
        }
        typed["since"] = typed.get("since") or "step"
        return {name: value for name, value in typed.items() if value is not False}
