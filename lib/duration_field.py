"""A form field for durations in words: “3 days”, “12 hours”, never seconds."""

import re
from datetime import timedelta

from django import forms

from lib.durations import UNITS, duration, in_words

WRITTEN = re.compile(r"\s*(\d{1,6}(?:\.\d+)?)\s*([a-z]+)\s*(?:and\s+)?", re.IGNORECASE)
REMEDY = "Write a number and a unit, such as 3 days, 12 hours or 45 minutes."


def read(text: str) -> timedelta:
    """“3 days”, “1 day and 6 hours”; ValueError with a remedy for anything else."""
    span, at = timedelta(), 0
    while at < len(text):
        found = WRITTEN.match(text, at)
        unit = _unit(found[2]) if found else None
        if not found or not unit:
            raise ValueError(REMEDY)
        span += duration(float(found[1]), unit)
        at = found.end()
    return span


def _unit(word: str) -> str | None:
    plural = word.lower().rstrip("s") + "s"
    return plural if plural in UNITS else None


class DurationInWords(forms.CharField):
    """Takes and shows a timedelta as words."""

    def __init__(self, *, longest: timedelta = timedelta(days=3650), **options):
        self.longest = longest
        super().__init__(**options)

    def prepare_value(self, value):
        return in_words(value) if isinstance(value, timedelta) else value

    def to_python(self, value):
        if isinstance(value, timedelta) or value in self.empty_values or not str(value).strip():
            return value if isinstance(value, timedelta) else None
        try:
            span = read(str(value).strip())
        except ValueError as fault:
            raise forms.ValidationError(str(fault))
        if not timedelta() < span <= self.longest:
            raise forms.ValidationError(f"Write something between a minute and {in_words(self.longest)}.")
        return span

    def has_changed(self, initial, data):
        return self.prepare_value(initial) != data
