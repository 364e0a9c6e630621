"""The types of values: how a tree's value is read, how SQL reads the same type, how a sentence says it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from lib.clean_json import Unclean, clean
from segments.leaves import AT_ANY_TIME, quoted

MAX_TEXT = 1_000
_number = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})? *")
_day = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
YES, NO = ("true", "yes", "1"), ("false", "no", "0")


class Unreadable(ValueError):
    """A value that is not what its operator takes; says what to write. `place` is an index, such as [2]."""

    def __init__(self, sentence: str, place: str = ""):
        super().__init__(sentence)
        self.place = place


class Moment(NamedTuple):
    """From `start` to just before `end`: a whole day, or an instant (PostgreSQL counts microseconds)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Type:
    """One type: `json` reads it from the jsonb {j} (dates in {zone}), `column` from the column {c}."""

    key: str
    noun: str
    json: str
    column: str
    read: Callable[[Any, datetime], Any]
    words: Callable[[Any], str]


def read_text(value: Any, now: datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(read_number(value, now))
    if not isinstance(value, str) or not value:
        raise Unreadable("Write a text to compare with.")
    if len(value) > MAX_TEXT:
        raise Unreadable(f"The text is too long; use at most {MAX_TEXT:,} characters.")
    try:
        return clean(value)
    except Unclean as fault:
        raise Unreadable(str(fault).replace("The request", "The text")) from fault


def read_number(value: Any, now: datetime) -> Decimal:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        value = _digits(value)
    if isinstance(value, str) and len(value) <= 100 and _number.fullmatch(value):
        return Decimal(value.strip())
    raise Unreadable(_unreadable(value, "a number", "write one such as 18 or 99.50"))


def _unreadable(value: Any, noun: str, remedy: str) -> str:
    return f"{quoted(value)} is not {noun}; {remedy}." if value not in ("", None) else f"Fill in {noun}."


def _digits(value: int | float | Decimal) -> str:
    # The text of a very long integer is refused by Python itself.
    return "a very long number" if isinstance(value, int) and value.bit_length() > 330 else str(value)


def read_boolean(value: Any, now: datetime) -> bool:
    word = str(value).strip().lower() if isinstance(value, bool | str) or value in (0, 1) else ""
    if word in YES + NO:
        return word in YES
    raise Unreadable("Write yes or no.")


def read_moment(value: Any, now: datetime) -> Moment:
    """A day of the calendar of `now`'s zone, or an instant."""
    try:
        start, span = _moment(value, now)
        if 1000 <= start.year <= 9998:
            return Moment(start, start + span)
    except (TypeError, ValueError, OverflowError):
        pass
    raise Unreadable(_unreadable(value, "a date", "write 2026-12-31, or with a time 2026-12-31 18:00"))


def _moment(value: Any, now: datetime) -> tuple[datetime, timedelta]:
    if _day.fullmatch(value):
        day = date.fromisoformat(value)
        start = datetime.combine(day, time(), now.tzinfo)
        return start, datetime.combine(day + timedelta(days=1), time(), now.tzinfo) - start
    if not _day.match(value):
        raise ValueError("no ISO 8601")
    instant = datetime.fromisoformat(value)
    return (instant if instant.tzinfo else instant.replace(tzinfo=now.tzinfo)), timedelta(microseconds=1)


def word_number(value: Any) -> str:
    number = read_number(value, AT_ANY_TIME)
    return f"{number:f}" if abs(number.adjusted()) < 30 else str(number)


def word_moment(value: Any) -> str:
    if _day.fullmatch(value):
        day = date.fromisoformat(value)
        return f"{day.day} {day:%B} {day.year}"
    instant = datetime.fromisoformat(value)
    return f"{instant.day} {instant:%B} {instant.year}, {instant:%H:%M} {instant.tzname() or ''}".rstrip()


def word_boolean(value: Any) -> str:
    return "yes" if read_boolean(value, AT_ANY_TIME) else "no"


def word_text(value: Any) -> str:
    return quoted(read_text(value, AT_ANY_TIME))


# For “is set” where nobody said what a field holds.
_anything = "nullif(nullif(nullif({j}, 'null'), '\"\"'), '[]')"
TYPES = {
    type_.key: type_
    for type_ in (
        Type("text", "a text", "lower(dripline_text({j}))", "lower(nullif({c}, ''))", read_text, word_text),
        Type("number", "a number", "dripline_number({j})", "{c}", read_number, word_number),
        Type("boolean", "yes or no", "dripline_boolean({j})", "{c}", read_boolean, word_boolean),
        Type("date", "a date", "dripline_time({j}, {zone})", "{c}", read_moment, word_moment),
        Type("list", "a list", "dripline_list({j})", "{c}", read_text, word_text),
        Type("any", "a value", _anything, "{c}", read_text, word_text),
    )
}


def guessed(value: Any, allowed: tuple[str, ...]) -> str:
    """The type that a value has to the eye, among those that its operator knows."""
    if "any" in allowed:
        return "any"
    sample = value[0] if isinstance(value, list) and value else value
    natural = {bool: "boolean", int: "number", float: "number"}.get(type(sample), "text")
    if natural in allowed:
        return natural
    if "date" in allowed and isinstance(sample, str) and _day.match(sample):
        return "date"
    return allowed[0]
