"""The steps of a campaign as cards: each a wait, then what is done, and for whom; in the order chosen."""

from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.functional import cached_property
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from campaigns import document as documents
from campaigns.document import new_uid
from campaigns.linear import Row
from campaigns.models import DEFAULT_LATENESS_HOURS
from campaigns.score_cards import ScoreFields, initial_score
from campaigns.sequence_offers import UNIT_CHOICES, Offered, whole_number
from segments.forms import ConditionField

MAX_WAIT = {"minutes": 1_051_200, "hours": 17_520, "days": 730, "weeks": 104}  # two years


class StepForm(ScoreFields):
    """One card: a wait, then what is done, and for whom."""

    uid = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    wait_uid = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)
    wait_amount = forms.FloatField(
        label="Wait",
        min_value=0,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any"}),
        error_messages=dict.fromkeys(("required", "invalid", "min_value"), "Wait: write a number of 0 or more."),
    )
    wait_unit = forms.ChoiceField(
        label="unit of the wait", choices=UNIT_CHOICES, initial="days", widget=UnfoldAdminSelectWidget()
    )
    action = forms.ChoiceField(
        label="then",
        choices=[("email", "Send the mail"), ("score", "Change the score"), ("leave", "Leave the campaign")],
        initial="email",
        widget=UnfoldAdminSelectWidget(),
    )
    template = forms.TypedChoiceField(
        label="mail",
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "This template no longer exists; choose another one."},
    )
    lateness_hours = whole_number(
        "Not sent when late by more than (hours)", 1, 720, initial=DEFAULT_LATENESS_HOURS, required=False
    )
    only_if = ConditionField("enrollment", event_from="trigger_event", label="Only if", required=False)

    def __init__(self, *args, offered: Offered, **kwargs):
        super().__init__(*args, **kwargs)
        template: Any = self.fields["template"]
        only_if: Any = self.fields["only_if"]
        template.choices = [("", "Choose a template…"), *offered.templates]
        only_if.event_type = offered.event_type
        self.offer_scores(offered)

    def clean(self):
        super().clean()
        typed = self.cleaned_data
        self._forget_what_is_hidden(typed.get("action"))
        if typed.get("action") == "email" and not typed.get("template") and "template" not in self.errors:
            self.add_error("template", "Choose the mail to send.")
        if typed.get("action") == "score":
            self.clean_score()
        limit = MAX_WAIT.get(typed.get("wait_unit", ""))
        if limit and (typed.get("wait_amount") or 0) > limit:
            self.add_error("wait_amount", f"Wait: two years at most, that is {limit:,} {typed['wait_unit']}.")
        return typed

    def _forget_what_is_hidden(self, action: str | None) -> None:
        """What is wrong in fields that this action has not would be told where nobody sees it."""
        own = {"email": ("template", "lateness_hours"), "score": tuple(ScoreFields.base_fields)}
        for name in [name for others in own if others != action for name in own[others]]:
            self.errors.pop(name, None)

    @cached_property
    def row(self) -> Row:
        """The row that was typed; a new step gets its uid here, so that a sentence can name its place."""
        typed = self.cleaned_data
        sends = typed["action"] == "email"
        return Row(
            uid=typed["uid"] or new_uid(),
            wait_uid=typed["wait_uid"] or new_uid(),
            wait_amount=typed["wait_amount"],
            wait_unit=typed["wait_unit"],
            action=typed["action"],
            template=typed["template"] if sends else None,
            lateness_hours=typed.get("lateness_hours") or DEFAULT_LATENESS_HOURS,
            score=self.score_config() if typed["action"] == "score" else {},
            only_if=typed["only_if"] or None,
        )


class StepsBase(BaseFormSet):
    """The cards in the order in which the marketer put them."""

    def get_form_kwargs(self, index):
        """Every card counts, also one that was left as it was made."""
        return {**super().get_form_kwargs(index), "empty_permitted": False}

    def in_order(self) -> list[StepForm]:
        kept = [form for form in self.forms if not (self.is_bound and _is_dropped(form))]
        return sorted(kept, key=_place) if self.is_bound else kept

    def dropped(self) -> list[StepForm]:
        return [form for form in self.forms if self.is_bound and _is_dropped(form)]

    def clean(self):
        if not self.in_order():
            raise forms.ValidationError("Add at least one step.")


def _is_dropped(form: StepForm) -> bool:
    return bool(form.cleaned_data.get("DELETE"))


def _place(form: StepForm) -> tuple[bool, int]:
    place = form["ORDER"].value()
    try:
        return False, int(place)
    except (TypeError, ValueError):
        return True, 0  # a card without a number stands last, in its own order


StepFormSet = formset_factory(
    StepForm,
    formset=StepsBase,
    extra=0,
    can_order=True,
    can_delete=True,
    max_num=documents.MAX_STEPS,
    validate_max=True,
    absolute_max=documents.MAX_STEPS + 50,
)


def initial_rows(rows: list[Row]) -> list[dict[str, Any]]:
    """What the cards show for the rows of a document; a new campaign begins with one card."""
    return [
        {
            "uid": row.uid,
            "wait_uid": row.wait_uid,
            "wait_amount": _short(row.wait_amount),
            "wait_unit": row.wait_unit,
            "action": row.action,
            "template": row.template,
            "lateness_hours": row.lateness_hours,
            "only_if": row.only_if,
            **initial_score(row.score),
        }
        for row in rows
    ]


def _short(amount: float) -> float | int:
    return int(amount) if amount == int(amount) else amount
