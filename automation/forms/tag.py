"""The form of the step that tags people."""

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.config_form import ConfigForm

SEPARATE = "Several: separated by commas."


def tags_field(label: str) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=1000, widget=widget, help_text=SEPARATE)


class TagForm(ConfigForm):
    """Two lines: what is put on, and what is taken off."""

    add = tags_field("Put on")
    remove = tags_field("Take off")

    @classmethod
    def initial_from(cls, config):
        return {name: _joined(config.get(name) if isinstance(config, dict) else None) for name in ("add", "remove")}

    def config(self):
        return {name: _split(self.cleaned_data[name]) for name in ("add", "remove") if _split(self.cleaned_data[name])}

    def clean(self):
        typed = super().clean() or {}
        if not self.errors and not _split(typed["add"]) and not _split(typed["remove"]):
            raise forms.ValidationError("Write a tag to put on or to take off.")
        return typed


def _joined(names) -> str:
    return ", ".join(map(str, names)) if isinstance(names, list) else ""


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
