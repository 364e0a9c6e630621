"""The form of a sequence: one page that reads and writes the campaign's document in its linear form.

Whatever cannot be saved comes back as it was typed, with a sentence at the place that is wrong.
"""

from typing import Any

from django import forms
from msgspec.structs import replace
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns import linear
from campaigns.checking import Problem
from campaigns.document import Document, Trigger
from campaigns.head_form import HeadForm
from campaigns.linear import Row
from campaigns.sequence_offers import offered, trigger_choices
from campaigns.step_cards import StepForm
from segments.forms import ConditionField


class SequenceForm(HeadForm):
    """Everything about a sequence but its steps."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    token = forms.RegexField(
        r"\A[0-9a-f]{8}\Z",
        widget=forms.HiddenInput,
        required=False,
        error_messages={"invalid": "This page is not as it was sent; open it again."},
        help_text="The uid that a new campaign gets: the same form sent twice makes one.",
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

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offered = offered(self["trigger_event"].value())
        trigger_filter: Any = self.fields["trigger_filter"]
        trigger_filter.event_type = self.offered.event_type

    def document(self, rows: list[Row], base: Document | None = None) -> Document:
        """The document that was typed, on top of what the form does not show; only for a valid form."""
        typed = self.cleaned_data
        trigger = Trigger(event=typed["trigger_event"], filter=typed["trigger_filter"] or None)
        return replace(
            self.head(base or Document()), triggers=[trigger], steps=linear.kept(linear.from_rows(rows), base)
        )

    @classmethod
    def initial_from(cls, document: Document, revision: int | None = None) -> dict[str, Any]:
        """What the form shows for a document."""
        trigger = document.triggers[0] if document.triggers else Trigger()
        own = {"revision": revision, "trigger_event": trigger.event, "trigger_filter": trigger.filter}
        return cls.initial_of_head(document) | own


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
    "window": "window_from",
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
