"""The form of the gate: how many places, and where the section ends."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.config_form import ConfigForm
from campaigns.sequence_offers import whole_number

TO_THE_END = "they leave the campaign"


class GateForm(ConfigForm):
    """The section begins here and ends before the step that is chosen."""

    names_steps = True

    places = whole_number("People inside at once", 1, 1_000, initial=5)
    until = forms.ChoiceField(
        label="They count as inside until",
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="When somebody comes there or leaves the campaign, the next one in the queue is let in.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        until: Any = self.fields["until"]
        known = [(uid, f"they come to “{words}”") for uid, words in self.steps]
        kept = self.initial.get("until")
        if isinstance(kept, str) and kept and kept not in dict(known):
            known.append((kept, f"they come to the step {kept}"))
        until.choices = [("", TO_THE_END), *known]
