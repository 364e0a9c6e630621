"""The forms of triggers: what lets people in, and who of them.

Each reads and writes the flat settings of `campaigns.trigger_kinds`: its own, and the filter.
"""

from typing import Any

from django import forms
from django.utils.functional import SimpleLazyObject
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from automation.forms.wait import Suggesting
from campaigns.config_form import ConfigForm
from campaigns.sequence_offers import trigger_choices
from segments.forms import ConditionField
from segments.known_models import KnownField
from segments.models import Segment

ONLY_IF = "But only if"


class EventForm(ConfigForm):
    """Which event, and what must be true of it and of the person."""

    event = forms.ChoiceField(
        label="When somebody",
        choices=trigger_choices,
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose the event that lets people in.",
            "invalid_choice": "There is no such event type; choose one of the list.",
        },
    )
    filter = ConditionField(
        "event",
        event_from="event",
        label=ONLY_IF,
        required=False,
        help_text="Looked at once, when it happens: what happened, and who did it.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        asked: Any = self.fields["filter"]
        asked.event_type = self["event"].value() or None
        asked.widget.event_from = self.add_prefix("event")


class PeopleForm(ConfigForm):
    """Nothing but who is meant: whatever lets them in is no event."""

    filter = ConditionField("contact", label=ONLY_IF, required=False, help_text="Looked at once, when they are sent.")


class SegmentForm(ConfigForm):
    """Which segment."""

    segment = forms.TypedChoiceField(
        label="Segment",
        choices=lambda: [("", "Choose a segment…"), *segments()],
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"required": "Choose the segment.", "invalid_choice": "This segment no longer exists."},
    )
    filter = ConditionField("event", label=ONLY_IF, required=False, help_text="Looked at once, at that moment.")

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, event_type=event_type or "segment.entered", **kwargs)


def segments() -> list[tuple[int, str]]:
    return list(Segment.objects.order_by("name").values_list("pk", "name"))


class AttributeForm(ConfigForm):
    """Which attribute, and what it changes from and to."""

    attribute = forms.CharField(
        label="Attribute",
        widget=Suggesting(),
        help_text="Such as plan, or subscription.plan.",
        error_messages={"required": "Choose the attribute."},
    )
    before = forms.CharField(
        label="Was", required=False, max_length=200, widget=UnfoldAdminTextInputWidget(), help_text="Empty: anything."
    )
    after = forms.CharField(
        label="Becomes",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Empty: anything else.",
    )
    filter = ConditionField("event", label=ONLY_IF, required=False, help_text="Looked at once, at that moment.")

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, event_type=event_type or "attribute.changed", **kwargs)
        attribute: Any = self.fields["attribute"].widget
        attribute.options = SimpleLazyObject(_known_attributes)


def _known_attributes() -> list[tuple[str, str]]:
    known = KnownField.objects.filter(root="contact").order_by("path")
    return [(path, path) for path in known.values_list("path", flat=True)]
