"""The form of the step that notifies somebody on the team."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from campaigns import notes
from campaigns.config_form import ConfigForm


class NotifyForm(ConfigForm):
    """Whom, and what the note says."""

    to = forms.ChoiceField(
        label="Whom",
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose whom to notify.",
            "invalid_choice": "This person is not on the team any more; choose another one.",
        },
    )
    subject = forms.CharField(
        label="About",
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="May hold Liquid, such as {{ contact.email }}.",
        error_messages={"required": "Write what the note is about."},
    )
    text = forms.CharField(
        label="Text",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        error_messages={"required": "Write what the note says."},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        to: Any = self.fields["to"]
        team = [(user.get_username(), user.get_full_name() or user.get_username()) for user in notes.team()]
        to.choices = [("", "Choose a person…"), *team]
