"""The form of a sequence: one page that reads and writes the campaign's document in its linear form.

Whatever cannot be saved comes back as it was typed, with a sentence at the place that is wrong.
"""

import re
from typing import Any

from django import forms
from django.contrib.admin import VERTICAL
from msgspec.structs import replace
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from campaigns import linear
from campaigns.checking import Problem
from campaigns.document import Document, Reentry, Trigger
from campaigns.linear import Row
from campaigns.models import Campaign
from campaigns.sequence_offers import UNIT_CHOICES, offered, trigger_choices, whole_number
from campaigns.step_cards import StepForm
from contacts.models import Topic
from segments.forms import ConditionField


class SequenceForm(forms.Form):
    """Everything about a sequence but its steps."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the sequence a name."},
        help_text="Only your team sees it.",
    )
    type = forms.ChoiceField(choices=Campaign.Type.choices, widget=UnfoldAdminSelectWidget(), initial="other")
    objective = forms.CharField(
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What it is for, in your own words: “Get new users to their first project”.",
    )
    topic = forms.ModelChoiceField(
        Topic.objects.all(),
        required=False,
        to_field_name="key",
        empty_label="No topic",
        widget=UnfoldAdminSelectWidget(),
        help_text="Readers can leave a topic and keep the others. No topic: only “everything” can be left.",
    )
    trigger_event = forms.ChoiceField(
        label="When somebody",
        choices=trigger_choices,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"required": "Choose the event that lets people in."},
    )
    trigger_filter = ConditionField(
        "event",
        event_from="trigger_event",
        label="But only if",
        required=False,
        help_text="Looked at once, when it happens: what happened, and who did it.",
    )
    audience = ConditionField(
        "contact",
        label="And only people who match",
        required=False,
        help_text="Looked at when they enter. Empty: everybody.",
    )
    reentry_mode = forms.ChoiceField(
        label="Who may enter again",
        choices=[
            ("once", "Nobody: each person once"),
            ("every_time", "Everybody, every time it happens"),
            ("once_per", "Everybody, but at most once per"),
        ],
        initial="once",
        widget=UnfoldAdminRadioSelectWidget(radio_style=VERTICAL),
    )
    reentry_amount = whole_number("Once per", 1, 1000, required=False, initial=30)
    reentry_unit = forms.ChoiceField(
        choices=UNIT_CHOICES, initial="days", required=False, widget=UnfoldAdminSelectWidget()
    )
    entry_key = forms.CharField(
        label="Entry key",
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=(
            "Advanced. A property of the event, such as order_id: the same person may then be inside "
            "once for each value of it. Empty: once at a time."
        ),
    )
    on_repeat = forms.ChoiceField(
        label="If it happens again while they are inside",
        choices=[
            ("ignore", "Nothing changes"),
            ("refresh", "Mails use the newest event"),
            ("restart", "They begin again"),
        ],
        initial="ignore",
        widget=UnfoldAdminSelectWidget(),
    )
    holdout = whole_number(
        "Holdout",
        0,
        50,
        initial=0,
        help_text="Percent of those who enter but get nothing, so that you see what the mails change.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offered = offered(self["trigger_event"].value())
        trigger_filter: Any = self.fields["trigger_filter"]
        trigger_filter.event_type = self.offered.event_type

    def clean_entry_key(self) -> str:
        key = self.cleaned_data["entry_key"].strip()
        if key and not re.fullmatch(r"[A-Za-z_][\w.-]*", key):
            raise forms.ValidationError("Write the name of one event property, such as order_id.")
        return key

    def clean(self):
        super().clean()
        cleaned = self.cleaned_data
        per = cleaned.get("reentry_mode") == "once_per" and "reentry_amount" not in self.errors
        if per and not cleaned.get("reentry_amount"):
            self.add_error("reentry_amount", "Say once per how long: a number of 1 or more.")
        return cleaned

    def document(self, rows: list[Row], base: Document | None = None) -> Document:
        """The document that was typed, on top of what the form does not show; only for a valid form."""
        typed = self.cleaned_data
        return replace(
            base or Document(),
            name=typed["name"],
            type=typed["type"],
            objective=typed["objective"],
            topic=typed["topic"].key if typed["topic"] else None,
            triggers=[Trigger(event=typed["trigger_event"], filter=typed["trigger_filter"] or None)],
            audience=typed["audience"] or None,
            reentry=_reentry(typed),
            entry_key=typed["entry_key"],
            on_repeat=typed["on_repeat"],
            holdout=typed["holdout"],
            steps=linear.from_rows(rows),
        )

    @classmethod
    def initial_from(cls, document: Document, revision: int | None = None) -> dict[str, Any]:
        """What the form shows for a document."""
        trigger = document.triggers[0] if document.triggers else Trigger()
        return {
            "revision": revision,
            "name": document.name,
            "type": document.type,
            "objective": document.objective,
            "topic": document.topic,
            "trigger_event": trigger.event,
            "trigger_filter": trigger.filter,
            "audience": document.audience,
            "reentry_mode": document.reentry.mode,
            "reentry_amount": document.reentry.amount,
            "reentry_unit": document.reentry.unit,
            "entry_key": document.entry_key,
            "on_repeat": document.on_repeat,
            "holdout": document.holdout,
        }


def _reentry(typed: dict[str, Any]) -> Reentry:
    if typed["reentry_mode"] != "once_per":
        return Reentry(mode=typed["reentry_mode"])
    return Reentry(mode="once_per", amount=typed["reentry_amount"], unit=typed["reentry_unit"] or "days")


def show_problems(found: list[Problem], form: SequenceForm, cards: list[StepForm]) -> None:
    """Put each sentence at the field that it is about."""
    for problem in found:
        holder, name = _field_at(problem.place, form, cards)
        holder.add_error(name, problem.sentence)


_FIELDS = {
    "name": "name",
    "type": "type",
    "holdout": "holdout",
    "reentry": "reentry_amount",
    "audience": "audience",
    "triggers[0].event": "trigger_event",
    "triggers[0].filter": "trigger_filter",
    "triggers": "trigger_event",
}


def _field_at(place: str, form: SequenceForm, cards: list[StepForm]) -> tuple[forms.Form, str | None]:
    for card in cards:
        if place.startswith(f"steps[{card.row.wait_uid}]"):
            return card, "wait_amount"
        if place.startswith(f"steps[{card.row.uid}]"):
            return card, _step_field(place, card)
    for start, name in _FIELDS.items():
        if place == start or place.startswith((f"{start}.", f"{start}[")):
            return form, name if name in form.fields else None
    return form, None


def _step_field(place: str, card: StepForm) -> str:
    if ".only_if" in place:
        return "only_if"
    return {"email": "template", "score": "score_model"}.get(card.row.action, "action")
