"""The form of a step's or a trigger's settings: what a kind offers to fill in, read from and written to `config`."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django import forms

from lib.words import in_plain_words
from segments import conditions


class ConfigForm(forms.Form):
    """Settings in a side panel. A kind whose fields are not its settings one by one overrides the two translations.

    `event_type`: what lets people in, so that conditions offer its properties. `steps`: the other steps of the
    campaign, (uid, words), for settings that name one. `shown_for`: the field that chooses which others count, and
    under each of those the choices for which it is shown; the page's script hides the rest.
    """

    template = "campaigns/config_form.html"
    names_steps: ClassVar[bool] = False  # only then `steps` is worked out
    shown_for: ClassVar[dict[str, dict[str, list[str]]]] = {}

    class Media:
        js = ["campaigns/config_form.js"]

    def __init__(
        self, *args, event_type: str | None = None, steps: Sequence[tuple[str, str]] = (), **kwargs
    ):  # fmt: skip
        super().__init__(*args, **kwargs)
        self.event_type, self.steps = event_type, steps
        for field in self.fields.values():
            if hasattr(field, "event_type"):
                field.event_type = event_type
        for name, wanted in self._wanted().items():
            self.fields[name].widget.attrs["data-shown-for"] = ";".join(wanted)

    def _wanted(self) -> dict[str, list[str]]:
        """By field: what must be chosen for it to count, as the script reads it."""
        found: dict[str, list[str]] = {}
        for chooser, shown in self.shown_for.items():
            for name, choices in shown.items():
                found.setdefault(name, []).append(f"{self.add_prefix(chooser)}={','.join(choices)}")
        return found

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        """What the fields show for a configuration of any shape."""
        return dict(config)

    def in_words(self) -> dict[str, str]:
        """What is shown, by label; of an unbound form. What is empty, or does not count as chosen, is left out."""
        return {label: words for name in self.fields if self._counts(name) for label, words in said(self, name)}

    def _counts(self, name: str) -> bool:
        choosers = [(chooser, shown[name]) for chooser, shown in self.shown_for.items() if name in shown]
        return all(str(self[chooser].value() or "") in wanted for chooser, wanted in choosers)

    def add_error(self, field: str | None, error: Any) -> None:
        """What is left in a field that is not shown does not count; nobody could see what is wrong with it."""
        if field in self.fields and not self._counts(str(field)):
            self.cleaned_data[field] = self.fields[field].to_python(None)
        else:
            super().add_error(field, error)

    def config(self) -> dict[str, Any]:
        """The configuration that was typed; only of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


def said(form: forms.Form, name: str) -> Iterator[tuple[str, str]]:
    """(label, words) of one field of an unbound form, where it holds something."""
    field, value = form.fields[name], form[name].value()
    if value in (None, "", [], {}, False) or isinstance(field.widget, forms.HiddenInput):
        return
    yield str(field.label or name.replace("_", " ").capitalize()), _words(field, value)


def _words(field: forms.Field, value: Any) -> str:
    if value is True:
        return "Yes"
    if subject := getattr(field, "subject", None):
        return conditions.in_words(value, subject, getattr(field, "event_type", None))
    choices = _choices(getattr(field, "choices", ()))
    many = value if isinstance(value, list) else [value]
    return ", ".join(choices.get(str(one)) or in_plain_words(one) for one in many)


def _choices(choices: Any) -> dict[str, str]:
    flat = [pair for key, label in choices for pair in (label if isinstance(label, list | tuple) else [(key, label)])]
    return {str(key): str(label) for key, label in flat}
