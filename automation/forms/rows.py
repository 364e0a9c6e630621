"""A form of settings that holds a list: arms, each a small form of its own.

Server-rendered, so that it works without a script; `static/automation/rows.js` makes it comfortable. The markup that
both agree on (templates/automation/config_rows.html):

- `[data-rows="<prefix>"]`: the whole list; beside it the formset's management form (`<prefix>-TOTAL_FORMS` …)
- `[data-list]`: what holds the rows; `template` in it: an empty row, with `__prefix__` for its number
- `[data-row]`: a row, with `<prefix>-<n>-uid` (hidden), `-ORDER` (a number: rows count in this order) and `-DELETE`
- `[data-add]`, `[data-remove]`, `[data-move="up"|"down"]`: buttons

A page that loads such a form later need not do anything: the script listens to the whole document.
"""

from typing import Any, ClassVar

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.forms.widgets import Script
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.config_form import ConfigForm, said

LONGEST_NAME = 60
NO_SETTING = {"uid", "name", "ORDER", "DELETE"}
RESERVED = {"else", "done", "skipped", "exit", "failed", "timeout", "again"}


def name_field(label: str, missing: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=LONGEST_NAME,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": missing, "max_length": f"The name has at most {LONGEST_NAME} characters."},
    )


class RowForm(forms.Form):
    """One row: its uid stays when its name changes, so the arm leads where it led."""

    uid = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput)

    def __init__(self, *args, event_type: str | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if hasattr(field, "event_type"):
                field.event_type = event_type

    def values(self) -> dict[str, Any]:
        """The row as it stands in the configuration, less its uid."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("uid", "ORDER", "DELETE")}


class RowsBase(BaseFormSet):
    """The rows in the order in which the marketer put them."""

    def get_form_kwargs(self, index):
        """Every row counts, also one that was left as it was made."""
        return {**super().get_form_kwargs(index), "empty_permitted": False}

    def in_order(self) -> list[RowForm]:
        kept = [form for form in self.forms if not (self.is_bound and form.cleaned_data.get("DELETE"))]
        return sorted(kept, key=_place) if self.is_bound else kept


def _place(form: forms.Form) -> tuple[bool, int]:
    number = form.cleaned_data.get("ORDER")
    return number is None, number or 0


class RowsForm(ConfigForm):
    """Settings of which one is a list. A kind says what a row is, what the list is called, and how long it may be."""

    template = "automation/config_rows.html"
    row_form: ClassVar[type[RowForm]]
    rows_key: ClassVar[str] = "arms"
    row_name: ClassVar[str] = "arm"
    row_names: ClassVar[str] = ""  # empty: with an s
    most: ClassVar[int] = 20
    at_first: ClassVar[int] = 2  # so many rows to fill in, where there are none yet

    class Media:
        js = [Script("automation/rows.js", defer=True)]

    def __init__(self, data=None, *args, event_type: str | None = None, **kwargs):
        super().__init__(data, *args, event_type=event_type, **kwargs)
        made = formset_factory(
            self.row_form, RowsBase, extra=0, can_order=True, can_delete=True,
            max_num=self.most, validate_max=True, absolute_max=self.most + 20,
        )  # fmt: skip
        self.rows: Any = made(
            data,
            prefix=self.add_prefix(self.rows_key),
            initial=self.initial.get(self.rows_key) or [{}] * self.at_first,
            form_kwargs={"event_type": event_type},
        )

    @property
    def media(self):
        return super().media + self.rows.media + self.rows.empty_form.media

    @classmethod
    def initial_from(cls, config):
        rows = config.get(cls.rows_key) if isinstance(config, dict) else None
        kept = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return {**(config if isinstance(config, dict) else {}), cls.rows_key: kept[: cls.most]}

    def in_words(self):
        rows = dict(self._row_in_words(place, row) for place, row in enumerate(self.rows.forms, 1))
        return {**rows, **super().in_words()}

    def _row_in_words(self, place: int, row: RowForm) -> tuple[str, str]:
        name = row["name"].value()
        told = [words for key in row.fields if key not in NO_SETTING for _, words in said(row, key)]
        return f"{self.row_name.capitalize()} {f'“{name}”' if name else place}", "; ".join(told)

    def is_valid(self):
        return self.rows.is_valid() & super().is_valid()

    def clean(self):
        if not self.rows.is_valid():
            for sentence in self.rows.non_form_errors() or [
                f"Something is wrong in one of the {self.row_names or f'{self.row_name}s'} below."
            ]:
                self.add_error(None, sentence)
        return super().clean()

    def config(self):
        taken: set[str] = set()
        rows = []
        for form in self.rows.in_order():
            uid = form.cleaned_data["uid"] or _uid(form.cleaned_data.get("name", ""), taken)
            taken.add(uid)
            rows.append({"uid": uid, **form.values()})
        return {**super().config(), self.rows_key: rows}


def _uid(name: str, taken: set[str]) -> str:
    """Made from the first name, so that conditions and exports can be read; a number where it is taken."""
    stem = slugify(name)[:30] or "arm"
    number, uid = 1, stem
    while uid in taken | RESERVED:
        number += 1
        uid = f"{stem}-{number}"
    return uid
