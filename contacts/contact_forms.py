"""The small forms of the contact page: one attribute, tags, a contact added by hand."""

import zoneinfo
from datetime import date
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from contacts.addresses import NotAnAddress, normalise
from contacts.models import Contact, Identity, Tag
from contacts.writing import OWN_COLUMNS

TYPES = [
    ("text", "Text"),
    ("number", "Number"),
    ("yes_no", "Yes or no"),
    ("date", "Date"),
    ("remove", "Nothing: remove it"),
]
LONGEST_PATH = 128


def kind_of(value: Any) -> str:
    """The type under which the form offers an existing value."""
    if isinstance(value, bool):
        return "yes_no"
    return "number" if isinstance(value, int | float) else "text"


class AttributeForm(forms.Form):
    """One attribute: its dotted path, its type and its value."""

    path = forms.CharField(
        label="Attribute",
        max_length=LONGEST_PATH,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as first_name; a dot leads inside: subscription.plan.",
    )
    type = forms.ChoiceField(label="What it is", choices=TYPES, widget=UnfoldAdminSelectWidget)
    value = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget,
        help_text="Numbers with a point: 29.33. Dates as 2026-11-24. Yes or no as “yes” or “no”.",
    )

    def clean_path(self) -> str:
        path = self.cleaned_data["path"].strip()
        if path in OWN_COLUMNS:
            raise forms.ValidationError(f"“{path}” is not an attribute; change it on the contact's page, with “Edit”.")
        if not all(path.split(".")) or any(part != part.strip() for part in path.split(".")):
            raise forms.ValidationError("Write names with single dots between them, such as subscription.plan.")
        return path

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if "type" in data and "value" in data:
            try:
                data["cleaned"] = getattr(self, f"_as_{data['type']}")(data["value"].strip())
            except ValueError as fault:
                self.add_error("value", str(fault))
        return data

    def _as_text(self, text: str) -> str:
        if not text:
            raise ValueError("Write the value, or choose “Nothing: remove it”.")
        return text

    def _as_number(self, text: str) -> int | float:
        try:
            number = float(text.replace(" ", ""))
        except ValueError:
            raise ValueError(f"“{text}” is not a number; write one such as 29.33.")
        if not abs(number) < 2**53:
            raise ValueError("The number is too large.")
        return int(number) if number.is_integer() and "." not in text else number

    def _as_yes_no(self, text: str) -> bool:
        if text.lower() not in ("yes", "no", "true", "false"):
            raise ValueError("Write yes or no.")
        return text.lower() in ("yes", "true")

    def _as_date(self, text: str) -> str:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(f"“{text}” is not a date; write one such as 2026-11-24.")

    def _as_remove(self, text: str) -> None:
        return None


class ProfileForm(forms.Form):
    """Name, e-mail and time zone of one contact."""

    first_name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget)
    last_name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget)
    email = forms.CharField(
        label="E-mail",
        required=False,
        max_length=254,
        widget=UnfoldAdminEmailInputWidget,
        help_text="What an address said about mail stays with that address: a new one begins anew.",
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        required=False,
        widget=UnfoldAdminSelect2Widget,
        help_text="Times such as “at 9 in the morning” are taken in it. Empty: the site's.",
    )

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        zones = sorted(zoneinfo.available_timezones())
        zone: Any = self.fields["timezone"]
        zone.choices = [("", "The site's")] + [(name, name.replace("_", " ")) for name in zones]


class TagsForm(forms.Form):
    """All tags of one contact, in one line."""

    tags = forms.CharField(
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextInputWidget,
        help_text="Separated by commas. A tag that you take out is removed; a new name becomes a new tag.",
    )

    def clean_tags(self) -> set[str]:
        names = {name.strip() for name in self.cleaned_data["tags"].split(",") if name.strip()}
        longest = Tag._meta.get_field("name").max_length or 0
        if any(len(name) > longest for name in names):
            raise forms.ValidationError(f"A tag has at most {longest} characters.")
        return names


class AddContactForm(forms.ModelForm):
    """A contact added by hand."""

    class Meta:
        model = Contact
        fields = ["is_test"]

    user_id = forms.CharField(
        label="User id",
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget,
        help_text="The id that your product knows this person by. With it, their events find this contact.",
    )
    email = forms.CharField(label="E-mail", required=False, max_length=254, widget=UnfoldAdminEmailInputWidget)
    first_name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget)
    last_name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget)

    def clean_user_id(self) -> str:
        value = self.cleaned_data["user_id"].strip()
        if value and (taken := Identity.objects.filter(kind=Identity.Kind.USER, value=value).first()):
            raise forms.ValidationError(
                f"The user id “{value}” belongs to a contact already (number {taken.contact_id}); change that one."
            )
        return value

    def clean_email(self) -> str:
        try:
            return normalise(self.cleaned_data["email"]) if self.cleaned_data["email"].strip() else ""
        except NotAnAddress as fault:
            raise forms.ValidationError(str(fault))

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if not self.errors and not (data.get("user_id") or data.get("email")):
            raise forms.ValidationError("Write a user id or an e-mail address: nobody can be written to without.")
        return data
