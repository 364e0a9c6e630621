"""The forms of an import: the file, what its columns are, and what else is to be done with its people."""

from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from contacts.import_files import MAX_BYTES
from contacts.import_guesses import USES
from contacts.import_mapping import BASES, MAX_TAG, Column, Mapping
from contacts.import_models import Import
from contacts.import_types import TYPES
from contacts.importing import DESTINATIONS
from contacts.models import Topic
from contacts.writing import NotWritable, check_path
from lib import clock

KNOWN_OR_NEW = [
    ("both", "Add who is new, update who is here"),
    ("add", "Only add who is new"),
    ("update", "Only update who is here"),
]
EMPTY = [("leave", "leaves what is known"), ("clear", "takes the attribute away")]


class UploadForm(forms.Form):
    """Which file, and what it is for."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.tsv,.txt,text/csv"}),
        help_text="A CSV file with a header, as every spreadsheet saves it: up to 50 MB and a million rows.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty: choose one with a header and rows."},
    )
    kind = forms.ChoiceField(
        label="What stands in it", choices=Import.Kind.choices, initial="contacts", widget=UnfoldAdminRadioSelectWidget
    )
    destination = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError("The file is larger than 50 MB; split it.")
        return file

    def clean_destination(self) -> str:
        chosen = self.cleaned_data["destination"]
        return chosen if chosen in {value for _, some in destinations() for value, _ in some} else ""


class ColumnsForm(forms.Form):
    """What each column of a file of people is."""

    def __init__(self, whole: Import, data=None):
        mapping = whole.chosen
        chosen = mapping.columns or [Column(one["use"], one["attribute"], one["type"]) for one in whole.columns]
        self.names = [column["name"] for column in whole.columns]
        initial: dict[str, str] = {}
        for place, column in enumerate(chosen):
            guess = whole.columns[place]["attribute"]
            initial |= {
                f"use-{place}": column.use,
                f"attribute-{place}": column.attribute or guess,
                f"type-{place}": column.type,
            }
        super().__init__(data, initial=initial)
        types = [(kind.key, kind.label) for kind in TYPES.values()]
        for place, name in enumerate(self.names):
            self.fields[f"use-{place}"] = forms.ChoiceField(
                label=f"What “{name}” is", choices=[*USES.items()], widget=UnfoldAdminSelectWidget({"data-use": ""})
            )
            self.fields[f"attribute-{place}"] = forms.CharField(
                label=f"Attribute of “{name}”", required=False, max_length=128, widget=UnfoldAdminTextInputWidget
            )
            self.fields[f"type-{place}"] = forms.ChoiceField(
                label=f"Type of “{name}”", choices=types, required=False, widget=UnfoldAdminSelectWidget
            )
        self.samples = [column["samples"] for column in whole.columns]

    def rows(self):
        """Of each column: its name, its samples, its three fields."""
        for place, name in enumerate(self.names):
            yield name, self.samples[place], *(self[f"{field}-{place}"] for field in ("use", "attribute", "type"))

    def clean(self):
        super().clean()
        data = self.cleaned_data
        uses: dict[str, str] = {}
        paths: dict[str, str] = {}
        for place, name in enumerate(self.names):
            use = data.get(f"use-{place}", "skip")
            if use == "attribute":
                self._check_attribute(place, name, data, paths)
            elif use != "skip" and use in uses:
                self.add_error(f"use-{place}", f"“{uses[use]}” is that already; choose something else for one of them.")
            uses.setdefault(use, name)
        if not self.errors and not {"user_id", "email"} & uses.keys():
            raise forms.ValidationError("Say which column is the user id or the e-mail: nobody is known without.")
        return data

    def _check_attribute(self, place: int, name: str, data: dict[str, Any], paths: dict[str, str]) -> None:
        path = (data.get(f"attribute-{place}") or "").strip()
        try:
            check_path(path)
        except NotWritable as fault:
            self.add_error(f"attribute-{place}", str(fault))
            return
        for other in paths:
            if path == other or path.startswith(f"{other}.") or other.startswith(f"{path}."):
                self.add_error(f"attribute-{place}", f"“{paths[other]}” writes “{other}” already; choose another name.")
        paths[path] = name

    def columns(self) -> list[Column]:
        data = self.cleaned_data
        return [
            Column(
                data[f"use-{place}"],
                data[f"attribute-{place}"].strip() if data[f"use-{place}"] == "attribute" else "",
                data[f"type-{place}"] or "text",
            )
            for place in range(len(self.names))
        ]


class OptionsForm(forms.Form):
    """What is done with people of a file besides writing what stands in it."""

    known_or_new = forms.ChoiceField(
        label="Whom to write", choices=KNOWN_OR_NEW, widget=UnfoldAdminSelectWidget, initial="both"
    )
    empty = forms.ChoiceField(label="An empty cell", choices=EMPTY, widget=UnfoldAdminSelectWidget)
    tags = forms.CharField(
        label="Tags for everybody",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget,
        help_text="Separated by commas. A new name becomes a new tag.",
    )
    destination = forms.ChoiceField(
        label="Add everybody to",
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="A segment with a fixed list.",
    )

    def __init__(self, whole: Import, data=None):
        mapping = whole.chosen
        known_or_new = "add" if mapping.known == "leave" else "update" if mapping.unknown == "leave" else "both"
        super().__init__(
            data,
            initial={
                "known_or_new": known_or_new,
                "empty": mapping.empty,
                "tags": ", ".join(mapping.tags),
                "destination": mapping.destination,
            },
        )
        choices: Any = self.fields["destination"]
        choices.choices = [("", "–"), *destinations()]

    def clean_tags(self) -> list[str]:
        names = list(dict.fromkeys(name.strip() for name in self.cleaned_data["tags"].split(",") if name.strip()))
        if any(len(name) > MAX_TAG for name in names):
            raise forms.ValidationError(f"A tag has at most {MAX_TAG} characters.")
        return names

    def chosen(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "known": "leave" if data["known_or_new"] == "add" else "update",
            "unknown": "leave" if data["known_or_new"] == "update" else "add",
            "empty": data["empty"],
            "tags": data["tags"],
            "destination": data["destination"],
        }


class ConsentForm(forms.Form):
    """On what basis people of a file may be mailed about a topic; without one nobody is subscribed."""

    topic = forms.ModelChoiceField(
        Topic.objects.all(), required=False, empty_label="– nobody is subscribed –", widget=UnfoldAdminSelectWidget
    )
    basis = forms.ChoiceField(
        required=False,
        choices=[("", "–"), *((key, basis.label) for key, basis in BASES.items())],
        widget=UnfoldAdminSelectWidget,
    )
    agreed_on = forms.DateField(
        label="On which day",
        required=False,
        widget=UnfoldAdminTextInputWidget({"type": "date"}),
        help_text="For people of several days: the last of them.",
        error_messages={"invalid": "Write the day as 2026-11-24."},
    )
    agreed_through = forms.CharField(
        label="Through what",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget({"placeholder": "the form at our fair stand"}),
    )
    wording = forms.CharField(
        label="In which words",
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="The sentence that they agreed to, word by word.",
    )

    def __init__(self, whole: Import, data=None):
        mapping = whole.chosen
        names = ("topic", "basis", "agreed_on", "agreed_through", "wording")
        super().__init__(data, initial={name: getattr(mapping, name) for name in names})

    def clean_agreed_on(self):
        day = self.cleaned_data["agreed_on"]
        if day and day > timezone.localdate(clock.now()):
            raise forms.ValidationError("The day lies in the future; write the one on which they agreed.")
        return day

    def clean(self):
        super().clean()
        data = self.cleaned_data
        topic, basis = data.get("topic"), data.get("basis")
        if topic is None:
            if basis and "topic" not in self.errors:
                self.add_error("topic", "Choose the topic that this is about, or leave the basis empty.")
            return data
        if not basis:
            self.add_error("basis", "Say on what basis: without one nobody can be subscribed.")
        elif topic.basis not in BASES[basis].satisfies:
            rule = topic.get_basis_display().lower()
            self.add_error("basis", f"This is not enough for “{topic}”, which goes {rule}.")
        for name, sentence in (("agreed_on", "Write the day."), ("agreed_through", "Write where it was said.")):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, sentence)
        return data

    def chosen(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not data["topic"]:
            return {"topic": None, "basis": "", "agreed_on": "", "agreed_through": "", "wording": ""}
        return {**data, "topic": data["topic"].pk, "agreed_on": data["agreed_on"].isoformat()}


class ListForm(forms.Form):
    """Which column of a list names its people, and where they go."""

    column = forms.ChoiceField(label="The column with ids or e-mails", widget=UnfoldAdminSelectWidget)
    destination = forms.ChoiceField(
        label="Add them to",
        widget=UnfoldAdminSelectWidget,
        help_text="A segment with a fixed list. Who is in it already stays in it.",
        error_messages={"required": "Choose where they are added; a segment with a fixed list is made under Segments."},
    )

    def __init__(self, whole: Import, data=None):
        mapping, names = whole.chosen, [column["name"] for column in whole.columns]
        uses = [column.use for column in mapping.columns] or [column["use"] for column in whole.columns]
        place = next((place for place, use in enumerate(uses) if use in ("user_id", "email")), 0)
        super().__init__(data, initial={"column": place, "destination": mapping.destination})
        column, destination = self.fields["column"], self.fields["destination"]
        column.choices = [  # type: ignore[attr-defined]
            (place, f"{name}: {', '.join(whole.columns[place]['samples']) or 'empty'}")
            for place, name in enumerate(names)
        ]
        destination.choices = [("", "–"), *destinations()]  # type: ignore[attr-defined]
        self.width = len(names)

    def mapping(self) -> Mapping:
        chosen = int(self.cleaned_data["column"])
        columns = [Column("user_id" if place == chosen else "skip") for place in range(self.width)]
        return Mapping(columns=columns, destination=self.cleaned_data["destination"])


def destinations() -> list[tuple[str, list[tuple[str, str]]]]:
    """Where people may be put, as choices in groups."""
    found = [(one.label, [(f"{one.key}:{pk}", name) for pk, name in one.choices()]) for one in DESTINATIONS]
    return [(label, choices) for label, choices in found if choices]
