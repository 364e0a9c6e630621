"""What is wrong with the configuration of a wait: the field, and a sentence that says the remedy."""

from collections.abc import Iterator
from typing import Any

from automation import dates
from automation.waiting import LONGEST, read, read_date
from lib.durations import UNITS, duration
from lib.weekdays import are_weekdays, read_time

MODES = ("for", "weekday", "date", "field", "random")
REMEDIES = ("continue", "exit", "skip")
OFFSETS = {unit: int(LONGEST.total_seconds() / seconds) for unit, seconds in UNITS.items()}
Fault = tuple[str, str]


def faults(config: Any) -> list[Fault]:
    """In the order of the form; takes anything that JSON can hold."""
    mode = config.get("mode", "for")
    if mode not in MODES:
        return [("mode", "Choose what to wait for: a length of time, a weekday, a date.")]
    found = list(CHECKS[mode](config))
    if not found and read(config) is None:
        found.append(("mode", "This wait cannot be read; fill it in again."))
    return found


def _for(config: dict) -> Iterator[Fault]:
    span = list(_about_span(config, "amount", "unit"))
    yield from span
    yield from _about_days(config)
    yield from _about_time(config)
    if not span and config.get("at") and config["unit"] in ("days", "weeks") and config["amount"] % 1:
        yield "amount", f"Write a whole number of {config['unit']}, or no time of day."


def _about_span(config: dict, amount: str, unit: str) -> Iterator[Fault]:
    number = config.get(amount)
    if number is None and unit not in config:  # a new step
        yield amount, "Say how long to wait, such as 2 days."
    elif config.get(unit) not in list(UNITS):
        yield unit, "Choose minutes, hours, days or weeks to wait."
    elif isinstance(number, bool) or not isinstance(number, int | float) or not number > 0:
        yield amount, "Say how long to wait: a number above 0."
    elif duration(min(number, 10**8), config[unit]) > LONGEST:
        yield amount, "A wait is at most 2 years long."


def _weekday(config: dict) -> Iterator[Fault]:
    if not config.get("days"):
        yield "days", "Choose at least one weekday to wait for."
    yield from _about_days(config)
    yield from _about_time(config, needed=True)


def _date(config: dict) -> Iterator[Fault]:
    if read_date(config.get("date")) is None:
        yield "date", "Date: write the day to wait for, such as 2026-12-24."
    yield from _about_time(config)
    yield from _remedies(config)


def _field(config: dict) -> Iterator[Fault]:
    if sentence := dates.why_not(config.get("field")):
        yield "field", sentence
    offset, unit = config.get("offset", 0), config.get("offset_unit", "days")
    if unit not in list(OFFSETS):
        yield "offset_unit", "Before or after: choose minutes, hours, days or weeks."
    elif isinstance(offset, bool) or not isinstance(offset, int) or abs(offset) > OFFSETS[unit]:
        yield "offset", f"Before or after: write a whole number of at most {OFFSETS[unit]:,} {unit}."
    yield from _about_time(config)
    yield from _remedies(config)


def _random(config: dict) -> Iterator[Fault]:
    found = [*_about_span(config, "amount", "unit"), *_about_span(config, "to_amount", "to_unit")]
    yield from found
    if not found and duration(config["amount"], config["unit"]) >= duration(config["to_amount"], config["to_unit"]):
        yield "to_amount", "The longest wait must be longer than the shortest."


def _about_days(config: dict) -> Iterator[Fault]:
    if not are_weekdays(config.get("days") or []):
        yield "days", "Weekdays: choose among Monday to Sunday."


def _about_time(config: dict, needed: bool = False) -> Iterator[Fault]:
    at = config.get("at")
    if (needed or at not in (None, "")) and read_time(at) is None:
        yield "at", "Time of day: write one such as 15:00."


def _remedies(config: dict) -> Iterator[Fault]:
    if config.get("past", "continue") not in REMEDIES:
        yield "past", "If the date is past: choose to go on, to leave, or to skip the next mail."
    if config.get("missing", "exit") not in REMEDIES:
        yield "missing", "If there is no date: choose to go on, to leave, or to skip the next mail."


CHECKS = {"for": _for, "weekday": _weekday, "date": _date, "field": _field, "random": _random}
