"""The form of “Push to a CRM”."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from campaigns.config_form import ConfigForm
from integrations.models import Connection

PLACEHOLDER = "lifecyclestage: customer\nlast_plan: {{ event.plan }}"


class CrmForm(ConfigForm):
    """Which account, and what is written besides the connection's own properties."""

    connection = forms.TypedChoiceField(
        label="Connection",
        coerce=int,
        widget=UnfoldAdminSelectWidget(),
        help_text="Made under Settings › Connections, with the properties that are always written.",
        error_messages={
            "required": "Choose the connection.",
            "invalid_choice": "There is no such connection any more; choose another one.",
        },
    )
    values = forms.CharField(
        label="Also write",
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false", "placeholder": PLACEHOLDER}),
        help_text="One a line: the CRM’s property, a colon, the value (may be Liquid). They win over the connection’s.",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["connection"]
        field.choices = [("", "Choose a connection…"), *Connection.objects.order_by("name").values_list("pk", "name")]

    @classmethod
    def initial_from(cls, config):
        found = config if isinstance(config, dict) else {}
        values = found.get("values")
        rows = [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
        lines = [f"{one.get('property', '')}: {one.get('value', '')}" for one in rows]
        return {"connection": found.get("connection"), "values": "\n".join(lines)}

    def clean_values(self) -> list[dict[str, str]]:
        found = []
        for line in self.cleaned_data["values"].splitlines():
            name, colon, value = line.partition(":")
            if line.strip() and not colon:
                raise forms.ValidationError(f"Write a colon between property and value of “{line.strip()[:60]}”.")
            if line.strip():
                found.append({"property": name.strip(), "value": value.strip()})
        return found

    def config(self):
        typed = self.cleaned_data
        found = {"connection": typed["connection"]}
        return found | {"values": typed["values"]} if typed["values"] else found
