"""Weekdays and times of day as configurations hold them (“mon”, “15:00”) and as sentences say them."""

import re
from collections.abc import Iterable
from datetime import time
from typing import Any, Literal

from lib.words import listed

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
EVERY_DAY = range(7)  # Monday is 0
CHOICES = [(day, name[:3]) for day, name in zip(WEEKDAYS, DAY_NAMES, strict=True)]  # for inputs


def numbers(days: Iterable[str]) -> list[int]:
    """Of these weekdays; none named: every day."""
    return [WEEKDAYS.index(day) for day in days] or list(EVERY_DAY)


def are_weekdays(value: Any) -> bool:
    return isinstance(value, list) and all(day in list(WEEKDAYS) for day in value)


def read_time(text: Any) -> time | None:
    """ "15:00"; None for anything else."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    return time(int(found[1]), int(found[2])) if found else None


def in_words(days: Iterable[int]) -> str:
    """ "Monday", "Monday or Thursday", "Monday to Friday", "any day"."""
    found = sorted(set(days))
    if len(found) == len(WEEKDAYS):
        return "any day"
    if len(found) > 2 and found[-1] - found[0] == len(found) - 1:
        return f"{DAY_NAMES[found[0]]} to {DAY_NAMES[found[-1]]}"
    return listed([DAY_NAMES[day] for day in found], "or")
