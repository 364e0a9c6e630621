"""When a wait is over: its configuration, and the instant that it means for somebody. Pure functions."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal

import msgspec

from automation import times
from automation.dates import Reading
from lib import weekdays
from lib.durations import duration
from lib.weekdays import Weekday, read_time

LONGEST = timedelta(days=730)
Unit = Literal["minutes", "hours", "days", "weeks"]
Remedy = Literal["continue", "exit", "skip"]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS_IN = {"days": 1, "weeks": 7}


class Wait(msgspec.Struct, kw_only=True):
    """The configuration; which of it counts depends on the mode.

    `for`: amount, unit; may: at, days · `weekday`: days, at · `date`: date, at · `field`: field; may: offset (before:
    below 0), offset_unit, at, anniversary · `random`: amount, unit, to_amount, to_unit · a date: past, missing.
    """

    mode: Literal["for", "weekday", "date", "field", "random"] = "for"
    amount: float = 0
    unit: Unit = "days"
    to_amount: float = 0
    to_unit: Unit = "days"
    at: str = ""
    days: list[Weekday] = []
    date: str = ""
    field: str = ""
    offset: int = 0
    offset_unit: Unit = "days"
    anniversary: bool = False
    past: Remedy = "continue"
    missing: Remedy = "exit"

    @property
    def span(self) -> timedelta:
        return duration(self.amount, self.unit)

    @property
    def to_span(self) -> timedelta:
        return duration(self.to_amount, self.to_unit)

    @property
    def time_of_day(self) -> time | None:
        return read_time(self.at)

    @property
    def weekdays(self) -> list[int]:
        return weekdays.numbers(self.days)

    @property
    def has_date(self) -> bool:
        return self.mode in ("date", "field")


def read(config: Any) -> Wait | None:
    """The configuration, typed; None where it is none."""
    try:
        return msgspec.convert(config, Wait)
    except (msgspec.ValidationError, TypeError):
        return None


def read_date(text: Any) -> date | None:
    """ "2026-12-24", of a year that can be reckoned with; None for anything else."""
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except (TypeError, ValueError):
        return None
    return found if found and 1000 <= found.year <= 9997 else None


def until(wait: Wait, begun: datetime, zone: tzinfo, chance: float, reading: Reading | None = None) -> datetime | None:
    """When a wait that began then is over there; before `begun`: its date is past. None: there is no usable date.

    `chance`, from 0 to 1, is theirs; `reading` is what the field holds.
    """
    if wait.has_date:
        found = _dated(wait, begun, zone, reading)
        return found if found and found - begun <= LONGEST else None
    if wait.mode == "random":
        return begun + drawn(wait, chance)
    if wait.mode == "weekday":
        return times.next_time(begun, wait.time_of_day or time(), zone, wait.weekdays)
    return _after(wait, begun, zone)


def drawn(wait: Wait, chance: float) -> timedelta:
    """Between the two durations, to the second."""
    return timedelta(seconds=round((wait.span + (wait.to_span - wait.span) * chance).total_seconds()))


def _after(wait: Wait, begun: datetime, zone: tzinfo) -> datetime:
    """ "2 days" is 48 hours; "2 days at 15:00" the second calendar day; "2 hours at 15:00" the next 15:00 then."""
    at = wait.time_of_day
    if at is None:
        return times.next_weekday(begun + wait.span, zone, wait.weekdays) if wait.days else begun + wait.span
    if wait.unit in DAYS_IN:
        return times.calendar_day(begun, int(wait.amount) * DAYS_IN[wait.unit], at, zone, wait.weekdays)
    return times.next_time(begun + wait.span, at, zone, wait.weekdays)


def _dated(wait: Wait, begun: datetime, zone: tzinfo, reading: Reading | None) -> datetime | None:
    if wait.mode == "date":
        day = read_date(wait.date)
        return times.instant(datetime.combine(day, wait.time_of_day or time()), zone) if day else None
    moment = reading.moment(zone) if reading else None
    if moment is None or moment - begun > 2 * LONGEST:  # whatever the offset
        return None
    return _anniversary(wait, moment, begun, zone) if wait.anniversary else _off(wait, moment, zone)


def _off(wait: Wait, moment: datetime, zone: tzinfo) -> datetime:
    """Days before and after are those of the calendar, so that 9 o'clock stays 9 o'clock."""
    if wait.offset_unit not in DAYS_IN:
        return _at(wait, moment, zone) + wait.offset * duration(1, wait.offset_unit)
    return _at(wait, times.moved(moment, wait.offset * DAYS_IN[wait.offset_unit], zone), zone)


def _at(wait: Wait, moment: datetime, zone: tzinfo) -> datetime:
    at = wait.time_of_day
    return times.at_time(moment, at, zone) if at else moment


def _anniversary(wait: Wait, moment: datetime, begun: datetime, zone: tzinfo) -> datetime:
    """The first that, with its offset, is not past; none before the first year is over."""
    first = times.local(moment, zone)
    start = max(first.year + 1, times.local(begun, zone).year - 3)
    found = (_off(wait, times.instant(times.in_year(first, start + count), zone), zone) for count in range(9))
    return next(day for day in found if day >= begun)


def sample(now: datetime) -> Reading:
    """A date to explain by: a month from now."""
    day = (now + timedelta(days=30)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Reading(f"{day:%Y-%m-%d}", day, floating=True, whole_day=True)
