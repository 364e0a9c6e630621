"""The form of a step's or a trigger's settings: what a kind offers to fill in, read from and written to `config`."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms


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

    def config(self) -> dict[str, Any]:
        """The configuration that was typed; only of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
