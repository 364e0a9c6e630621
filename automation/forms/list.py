"""The form of the step that changes lists."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from campaigns.config_form import ConfigForm
from segments.models import Segment

EFFECTS = [("add", "Put into"), ("remove", "Take out of"), ("move", "Move from")]


def list_field(label: str, **more: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        coerce=int,
        empty_value=None,
        widget=UnfoldAdminSelectWidget(),
        error_messages={
            "required": "Choose the list.",
            "invalid_choice": "There is no such list any more; choose another one.",
        },
        **more,
    )


class ListForm(ConfigForm):
    """What is done, with which fixed list."""

    shown_for = {"effect": {"to": ["move"]}}

    effect = forms.ChoiceField(label="What is done", choices=EFFECTS, initial="add", widget=UnfoldAdminSelectWidget())
    segment = list_field("List")
    to = list_field("To the list", required=False)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        lists = list(Segment.objects.static().order_by("name").values_list("pk", "name"))
        for name in ("segment", "to"):
            field: Any = self.fields[name]
            field.choices = [("", "Choose a list…"), *lists]

    @classmethod
    def initial_from(cls, config):
        found = dict(config) if isinstance(config, dict) else {}
        to = found.get("to")
        return found | {"to": to.get("segment") if isinstance(to, dict) else None}

    def clean(self):
        typed = super().clean() or {}
        if typed.get("effect") == "move" and not typed.get("to"):
            self.add_error("to", "Choose the list to which they are moved.")
        elif typed.get("effect") == "move" and typed.get("to") == typed.get("segment"):
            self.add_error("to", "Choose another list than that from which they are moved.")
        return typed

    def config(self):
        typed = self.cleaned_data
        found = {"effect": typed["effect"], "segment": typed["segment"]}
        return found | {"to": {"segment": typed["to"]}} if typed["effect"] == "move" else found
