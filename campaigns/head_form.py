"""Everything about a campaign but what lets people in and its steps."""

from typing import Any

from django import forms
from django.contrib.admin import VERTICAL
from msgspec.structs import replace
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from campaigns.checking import ENTRY_KEY, NO_ENTRY_KEY
from campaigns.document import Document, Reentry
from campaigns.models import Campaign
from campaigns.sequence_offers import UNIT_CHOICES, whole_number
from campaigns.window_form import WindowFields
from contacts.models import Topic
from segments.forms import ConditionField


class HeadForm(WindowFields):
    """What it is called and for, who is let in of those who come, and how often."""

    name = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the campaign a name."},
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
        help_text=(
            "Percent of those who enter but get nothing, so that you see what the mails change. "
            "Whoever was chosen stays so, whatever you write later."
        ),
    )

    def clean_entry_key(self) -> str:
        key = self.cleaned_data["entry_key"].strip()
        if key and not ENTRY_KEY.fullmatch(key):
            raise forms.ValidationError(NO_ENTRY_KEY)
        return key

    def clean(self):
        super().clean()
        cleaned = self.cleaned_data
        per = cleaned.get("reentry_mode") == "once_per" and "reentry_amount" not in self.errors
        if per and not cleaned.get("reentry_amount"):
            self.add_error("reentry_amount", "Say once per how long: a number of 1 or more.")
        return cleaned

    def head(self, base: Document) -> Document:
        """What was typed, on top of the rest of the document; only for a valid form."""
        typed = self.cleaned_data
        return replace(
            base,
            name=typed["name"],
            type=typed["type"],
            objective=typed["objective"],
            topic=typed["topic"].key if typed["topic"] else None,
            audience=typed["audience"] or None,
            reentry=_reentry(typed),
            entry_key=typed["entry_key"],
            on_repeat=typed["on_repeat"],
            holdout=typed["holdout"],
            window=self.window(base.window),
        )

    @classmethod
    def initial_of_head(cls, document: Document) -> dict[str, Any]:
        """What the form shows for a document."""
        return {
            "name": document.name,
            "type": document.type,
            "objective": document.objective,
            "topic": document.topic,
            "audience": document.audience,
            "reentry_mode": document.reentry.mode,
            "reentry_amount": document.reentry.amount,
            "reentry_unit": document.reentry.unit,
            "entry_key": document.entry_key,
            "on_repeat": document.on_repeat,
            "holdout": document.holdout,
            **cls.initial_of_window(document.window),
        }


def _reentry(typed: dict[str, Any]) -> Reentry:
    if typed["reentry_mode"] != "once_per":
        return Reentry(mode=typed["reentry_mode"])
    return Reentry(mode="once_per", amount=typed["reentry_amount"], unit=typed["reentry_unit"] or "days")
