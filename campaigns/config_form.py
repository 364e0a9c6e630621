"""The form of a step's or a trigger's settings: what a kind offers to fill in, read from and written to `config`."""

from typing import Any

from django import forms


class ConfigForm(forms.Form):
    """Settings in a side panel. A kind whose fields are not its settings one by one overrides the two translations.

    `event_type`: what lets people in, so that conditions offer its properties.
    """

    template = "campaigns/config_form.html"

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.event_type = event_type
        for field in self.fields.values():
            if hasattr(field, "event_type"):
                field.event_type = event_type

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        """What the fields show for a configuration of any shape."""
        return dict(config)

    def config(self) -> dict[str, Any]:
        """The configuration that was typed; only of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
