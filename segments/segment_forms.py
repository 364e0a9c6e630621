"""The form of a segment: its name, what it is for and, where it goes by rules, the rules."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from segments import conditions
from segments.defining import SUBJECT
from segments.forms import ConditionField
from segments.models import Segment

MEANWHILE = "Somebody changed the rules after you opened this page; open it again and make your change there."


class SegmentForm(forms.Form):
    """`segment` is the one that is edited, or a new one of the kind that was chosen."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)
    name = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the segment a name."},
    )
    description = forms.CharField(
        label="What it is for",
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="In your own words; your team sees it in the list.",
    )
    condition = ConditionField(SUBJECT, eager=True, label="Who is in it", required=False)

    def __init__(self, *args: Any, segment: Segment, **options: Any):
        given = {
            "name": segment.name,
            "description": segment.description,
            "condition": segment.condition,
            "revision": segment.revision if segment.pk else None,
        }
        options["initial"] = given | (options.get("initial") or {})
        super().__init__(*args, **options)
        self.segment = segment
        if not segment.is_dynamic:
            del self.fields["condition"]

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if Segment.objects.filter(name__iexact=name).exclude(pk=self.segment.pk).exists():
            raise forms.ValidationError(f"There is a segment “{name}” already; choose another name.")
        return name

    def clean(self):
        if self.segment.pk and self.segment.is_dynamic and self.cleaned_data.get("revision") != self.segment.revision:
            raise forms.ValidationError(MEANWHILE)
        return super().clean()

    def filled(self) -> Segment:
        """The segment with what was typed, not saved."""
        for name in ("name", "description", "condition"):
            if name in self.cleaned_data:
                setattr(self.segment, name, self.cleaned_data[name])
        return self.segment

    def problem(self, problems: list[conditions.Problem], sentence: str) -> None:
        """Show why it cannot be saved where that belongs."""
        self.add_error("condition" if problems and "condition" in self.fields else None, sentence)
