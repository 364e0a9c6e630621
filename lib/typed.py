"""Times of day and days as people type them, put as configurations hold them: “9:00” is 09:00, in whosever digits."""

import re

from django import forms

from lib.widgets import DateInput, TimeInput

_TIME = re.compile(r"(\d{1,2}):(\d{2})(:00)?")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def tidy_time(text: str) -> str:
    """ "09:00"; what is no time of day as it is, for whoever checks it to say so."""
    found = _TIME.fullmatch(text.strip())
    return f"{int(found[1]):02}:{int(found[2]):02}" if found else text


def tidy_day(text: str) -> str:
    """ "2026-12-24"; what is none as it is."""
    found = _DAY.fullmatch(text.strip())
    return f"{int(found[1]):04}-{int(found[2]):02}-{int(found[3]):02}" if found else text


class TimeText(forms.CharField):
    """A time of day; what it means is checked with the rest of the configuration."""

    widget = TimeInput

    def to_python(self, value):
        return tidy_time(super().to_python(value) or "")


class DayText(forms.CharField):
    """A day, likewise."""

    widget = DateInput

    def to_python(self, value):
        return tidy_day(super().to_python(value) or "")
