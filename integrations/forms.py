"""The form of a connection: name, access token, and which of its properties our fields become."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from automation.forms.rows import RowForm, RowsForm
from automation.forms.wait import Suggesting
from integrations import values
from integrations.connectors import Connector
from integrations.models import Connection

MOST_PROPERTIES = 100


class PropertyRow(RowForm):
    """One of our fields, and the property that it becomes; an empty row counts for nothing."""

    field = forms.CharField(
        label="What is known here",
        required=False,
        max_length=300,
        widget=Suggesting(),
    )
    property = forms.CharField(
        label="Property in the CRM",
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args, offers=(), connector: Connector | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.connector = connector
        widget: Any = self.fields["field"].widget
        widget.options = offers

    def clean_field(self) -> str:
        key = self.cleaned_data["field"].strip()
        if wrong := values.about_field(key) if key else "":
            raise forms.ValidationError(wrong)
        return key

    def clean_property(self) -> str:
        name = self.cleaned_data["property"].strip()
        if wrong := self.connector.about_property(name) if name and self.connector else "":
            raise forms.ValidationError(wrong)
        return name

    def clean(self):
        typed = super().clean() or {}
        if not self.errors and bool(typed.get("field")) != bool(typed.get("property")):
            missing, sentence = ("property", "Write the property that it becomes.")
            if typed.get("property"):
                missing, sentence = ("field", "Choose what is written into it.")
            self.add_error(missing, sentence)
        return typed

    def pair(self) -> dict[str, str] | None:
        found = {name: self.cleaned_data[name] for name in ("field", "property")}
        return found if all(found.values()) else None


class ConnectionForm(RowsForm):
    """Name, token, test contacts and the properties; the connector's own settings are a form beside it."""

    row_form, rows_key, row_name, most = PropertyRow, "mapping", "property", MOST_PROPERTIES
    row_names = "properties"

    name = forms.CharField(
        label="Name",
        max_length=80,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="Such as “HubSpot of sales”; steps choose it by this name.",
        error_messages={"required": "Give the connection a name."},
    )
    secret = forms.CharField(
        max_length=4000,
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    pushes_tests = forms.BooleanField(label="Write test contacts, too", required=False, widget=UnfoldBooleanWidget())

    def __init__(self, data=None, *, connection: Connection, connector: Connector, **kwargs):
        self.connection, self.connector = connection, connector
        suggested = [{"field": key, "property": name} for key, name in connector.suggested.items()]
        rows = connection.mapping if connection.pk else suggested
        shown = {"name": connection.name, "pushes_tests": connection.pushes_tests, "mapping": rows}
        super().__init__(data, initial=shown, **kwargs)
        offers = values.offers()
        self.rows.form_kwargs |= {"offers": offers, "connector": connector}
        secret = self.fields["secret"]
        secret.label, secret.help_text = connector.asks_for, connector.asks_help
        if connection.pk:
            secret.help_text += " It is kept sealed and never shown; leave this empty to keep it."

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if Connection.objects.filter(name=name).exclude(pk=self.connection.pk).exists():
            raise forms.ValidationError("Another connection has this name; choose another one.")
        return name

    def clean_secret(self) -> str:
        secret = self.cleaned_data["secret"].strip()
        if not secret and not self.connection.pk:
            raise forms.ValidationError(f"Enter the {self.connector.asks_for.lower()}.")
        if not secret.isascii() or any(letter.isspace() for letter in secret):
            raise forms.ValidationError("That is not one token: it has a space or a letter that no token holds.")
        return secret

    def clean(self):
        typed = super().clean()
        names = [pair["property"] for pair in self.pairs()] if self.rows.is_valid() else []
        for name in sorted({name for name in names if names.count(name) > 1}):
            self.add_error(None, f"The property “{name}” stands there twice; remove one.")
        return typed

    def pairs(self) -> list[dict[str, str]]:
        return [pair for form in self.rows.in_order() if (pair := form.pair())]

    def typed(self) -> dict[str, Any]:
        return {
            **{name: self.cleaned_data[name] for name in ("name", "secret", "pushes_tests")},
            "mapping": self.pairs(),
        }
