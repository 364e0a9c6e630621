"""The forms of triggers that time brings: dates of people, schedules, broadcasts."""

import calendar
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.functional import SimpleLazyObject
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from automation import cron_lines
from automation.dating import OF_PEOPLE
from automation.forms.triggers import ONLY_IF, segments
from automation.forms.wait import FieldName, dated
from automation.scheduling import HOURS, broadcast_day
from campaigns.config_form import ConfigForm
from lib.typed import DayText, TimeText
from lib.weekdays import DAY_NAMES, WEEKDAYS, read_time
from segments.forms import ConditionField

WHEN = [("on", "on that day"), ("before", "before it"), ("after", "after it")]
EVERY = [
    ("hours", "Every few hours"), ("day", "Every day"), ("weekdays", "Monday to Friday"), ("week", "Every week"),
    ("month", "Every month"), ("months", "In some months: quarterly, yearly"), ("cron", "As a cron line says"),
]  # fmt: skip
HOURLY = [(count, "Every hour" if count == 1 else f"Every {count} hours") for count in HOURS]
WRONG_DAYS = "Write 0 to 365 days before or after the date."
WRONG_TIME = "Write a time of day such as 09:00."
NEEDED = {"at": WRONG_TIME, "days": "Choose at least one day of the week.", "months": "Choose at least one month."}


class TimeField(TimeText):
    """A time of day that says by itself what is wrong with it."""

    default_error_messages = {"required": WRONG_TIME}

    def clean(self, value):
        text = super().clean(value)
        if text and read_time(text) is None:
            raise forms.ValidationError(WRONG_TIME)
        return text


class DateForm(ConfigForm):
    """Which date, how long before or after it, at what time."""

    field = FieldName(
        label="Which date",
        help_text="A date of the person, such as birthday, or of their company: company.renews_at.",
        error_messages={"required": "Choose the field that holds the date."},
    )
    when = forms.ChoiceField(label="When", choices=WHEN, initial="on", widget=UnfoldAdminSelectWidget())
    days = forms.IntegerField(
        label="How many days",
        required=False,
        min_value=0,
        max_value=365,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": "0"}),
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), WRONG_DAYS),
    )
    at = TimeField(label="Time of day", initial="09:00", help_text="In the time zone of each person, else the site’s.")
    anniversary = forms.BooleanField(label="Every year, as of a birthday", required=False, widget=UnfoldBooleanWidget())
    filter = ConditionField("contact", label=ONLY_IF, required=False, help_text="Looked at once, on that day.")

    shown_for = {"when": {"days": ["before", "after"]}}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        field: Any = self.fields["field"].widget
        field.options = SimpleLazyObject(_dates_of_people)

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        offset = config.get("offset")
        offset = offset if isinstance(offset, int) and not isinstance(offset, bool) else 0
        when = "before" if offset < 0 else "after" if offset else "on"
        return {"at": "09:00", **config, "when": when, "days": abs(offset) or None}

    def clean(self):
        super().clean()
        if self.cleaned_data.get("days") is None and "days" not in self.errors:
            self.add_error("days", WRONG_DAYS)  # says nothing where it is not asked
        return self.cleaned_data

    def config(self) -> dict[str, Any]:
        typed = self.cleaned_data
        signs = {"before": -1, "after": 1}
        offset = signs.get(typed["when"], 0) * (typed["days"] or 0)
        kept = {"field": typed["field"], "offset": offset, "at": typed["at"], "anniversary": typed["anniversary"]}
        return {**kept, "filter": typed["filter"]}


def _dates_of_people() -> list[tuple[str, str]]:
    return [(key, label) for key, label in dated(None) if key.startswith(OF_PEOPLE)]


def _segment(empty: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label="Who",
        required=False,
        choices=lambda: [("", empty), *segments()],
        coerce=int,
        empty_value=None,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "This segment no longer exists; choose another one."},
    )


def _zone() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=lambda: [
            ("", "The site’s"),
            *((name, name.replace("_", " ")) for name in sorted(available_timezones())),
        ],
        widget=UnfoldAdminSelectWidget(),  # a panel comes too late for those that scripts make
        error_messages={"invalid_choice": "There is no such time zone; choose one of the list."},
    )


class ScheduleForm(ConfigForm):
    """How often, when, and who."""

    every = forms.ChoiceField(label="How often", choices=EVERY, initial="day", widget=UnfoldAdminSelectWidget())
    hours = forms.TypedChoiceField(
        label="How many hours apart",
        required=False,
        choices=HOURLY,
        coerce=int,
        empty_value=None,
        initial=1,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"invalid_choice": "Choose how many hours lie between two runs."},
    )
    days = forms.MultipleChoiceField(
        label="On",
        required=False,
        choices=list(zip(WEEKDAYS, DAY_NAMES, strict=True)),
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"invalid_choice": "Choose among Monday to Sunday."},
    )
    months = forms.TypedMultipleChoiceField(
        label="In",
        required=False,
        choices=[(number, calendar.month_name[number]) for number in range(1, 13)],
        coerce=int,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="Quarterly: January, April, July and October. Once a year: one of them.",
        error_messages={"invalid_choice": "Choose among January to December."},
    )
    day = forms.IntegerField(
        label="Day of the month",
        required=False,
        min_value=1,
        max_value=31,
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="The last day, where the month is shorter.",
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), "Write a day of the month: 1 to 31."),
    )
    at = TimeField(
        label="Time of day",
        required=False,
        initial="09:00",
        help_text="Of runs every few hours: when one of them is.",
    )
    cron = forms.CharField(
        label="Cron line",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "30 7 * * 1-5", "spellcheck": "false"}),
        help_text="Minute, hour, day of the month, month, weekday. 30 7 * * 1-5: Monday to Friday at 07:30. "
        "Once an hour at most.",
    )
    zone = _zone()
    segment = _segment("Everybody whom the filters let in")
    filter = ConditionField("contact", label=ONLY_IF, required=False, help_text="Looked at in each run.")

    shown_for = {
        "every": {
            "hours": ["hours"],
            "days": ["week"],
            "months": ["months"],
            "day": ["month", "months"],
            "at": [key for key, _ in EVERY if key != "cron"],
            "cron": ["cron"],
        }
    }

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        return {"hours": 1, "day": 1, "at": "09:00", **config}

    def clean(self):
        super().clean()
        typed = self.cleaned_data
        if fault := cron_lines.problem(typed.get("cron") or ""):
            self.add_error("cron", fault)  # says nothing where it is not asked; so do those that follow
        for name, fault in NEEDED.items():
            if not typed.get(name) and name not in self.errors:
                self.add_error(name, fault)
        return typed

    def config(self) -> dict[str, Any]:
        typed = {**self.cleaned_data, "day": self.cleaned_data["day"] or 1}
        return {name: value for name, value in typed.items() if self._counts(name) and value not in (None, "")}


class BroadcastForm(ConfigForm):
    """To whom, and when."""

    segment = _segment("Everybody whom the filters let in")
    filter = ConditionField("contact", label=ONLY_IF, required=False, help_text="Looked at when it goes out.")
    when = forms.ChoiceField(
        label="When",
        choices=[("now", "as soon as it is activated"), ("at", "at a time")],
        initial="now",
        widget=UnfoldAdminSelectWidget(),
    )
    date = DayText(label="Date", required=False)
    time = TimeField(label="Time of day", required=False, initial="09:00")
    zone = _zone()

    shown_for = {"when": {"date": ["at"], "time": ["at"], "zone": ["at"]}}

    @classmethod
    def initial_from(cls, config: dict[str, Any]) -> dict[str, Any]:
        given = config.get("at")
        day, _, hour = given.partition("T") if isinstance(given, str) else ("", "", "")
        return {**config, "when": "at" if day else "now", "date": day, "time": hour or "09:00"}

    def clean(self):
        super().clean()
        typed = self.cleaned_data
        if typed.get("when") == "at":
            if broadcast_day(typed.get("date") or "") is None:
                self.add_error("date", "Write the date on which it goes out, such as 2026-12-24.")
            if not typed.get("time") and "time" not in self.errors:
                self.add_error("time", WRONG_TIME)
        return typed

    def config(self) -> dict[str, Any]:
        typed = self.cleaned_data
        config = {"segment": typed["segment"], "filter": typed["filter"]}
        if typed["when"] == "at":
            config |= {"at": f"{typed['date']}T{typed['time']}", "zone": typed["zone"]}
        return {name: value for name, value in config.items() if value not in (None, "")}
