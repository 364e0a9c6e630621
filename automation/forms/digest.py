"""The form of the digest: what is collected, how long, and the mail that tells it."""

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from automation.forms.email import EmailForm
from campaigns.sequence_offers import UNIT_CHOICES
from events import types as event_types

HOW_LONG = "How long: write a number above 0."


def _choices() -> list[tuple[str, str]]:
    return [("", "Choose an event…"), *event_types.choices()]


class DigestForm(EmailForm):
    """A mail, and what it tells of."""

    template = "automation/digest_form.html"

    event = forms.ChoiceField(
        label="What is collected",
        choices=_choices,
        widget=UnfoldAdminSelectWidget(),
        help_text="In the mail: {% for event in digest.events %} … {% endfor %}, and digest.count.",
        error_messages={
            "required": "Choose what is collected.",
            "invalid_choice": "There is no such event type; choose one of the list.",
        },
    )
    amount = forms.FloatField(
        label="For how long",
        min_value=0.001,
        max_value=600_000,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"step": "any"}),
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), HOW_LONG),
    )
    unit = forms.ChoiceField(label="unit", choices=UNIT_CHOICES, initial="days", widget=UnfoldAdminSelectWidget())

    @classmethod
    def initial_from(cls, config):
        kept = {name: config[name] for name in ("event", "amount", "unit") if name in config}
        return super().initial_from(config) | kept

    def config(self):
        typed = self.cleaned_data
        amount = int(typed["amount"]) if typed["amount"] == int(typed["amount"]) else typed["amount"]
        return super().config() | {"event": typed["event"], "amount": amount, "unit": typed["unit"]}
