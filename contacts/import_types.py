"""What a cell may be: each type reads a text as a value, or says that it cannot."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lib.clean_json import MAX_SAFE_INTEGER

YES = frozenset(("yes", "true", "1", "y", "t", "on", "x", "ja", "oui", "si", "sí", "sim"))
NO = frozenset(("no", "false", "0", "n", "f", "off", "nein", "non", "não"))
MAX_LIST = 200
_plain = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?(e[+-]?\d{1,3})?\Z", re.IGNORECASE | re.ASCII)
_comma = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\Z", re.ASCII)
_day = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:,?[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z", re.ASCII)
_split = re.compile(r"[,;|]")


class Unreadable(ValueError):
    """A text is not of the type; which one and the text say enough."""


Reader = Callable[[str, ZoneInfo], Any]


class Type(NamedTuple):
    """One choice of the form; `noun` stands in “cannot be read as …”."""

    key: str
    label: str
    noun: str
    read: Reader


def text(cell: str, zone: ZoneInfo) -> str:
    return cell


def number(cell: str, zone: ZoneInfo) -> int | float:
    if cell.isdigit() and cell.isascii() and len(cell) < 16:
        return int(cell)
    return _number(cell, _plain, ",")


def number_with_comma(cell: str, zone: ZoneInfo) -> int | float:
    return _number(cell, _comma, ".")


def _number(cell: str, pattern: re.Pattern[str], separator: str) -> int | float:
    found = cell.replace(" ", "").replace("\xa0", "").replace("\u202f", "")
    if not pattern.match(found):
        raise Unreadable
    value = float(found.replace(separator, "").replace(",", "."))
    if not abs(value) <= MAX_SAFE_INTEGER:
        raise Unreadable
    return int(value) if value.is_integer() else value


def yes_no(cell: str, zone: ZoneInfo) -> bool:
    word = cell.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise Unreadable


def iso_date(cell: str, zone: ZoneInfo) -> str:
    if not cell[:4].isdigit() or len(cell) < 10:
        raise Unreadable
    try:
        if len(cell) == 10:
            return date.fromisoformat(cell).isoformat()
        return _moment(datetime.fromisoformat(cell), zone)
    except ValueError:
        raise Unreadable


def day_first(cell: str, zone: ZoneInfo) -> str:
    return _written(cell, zone, day=1, month=3)


def month_first(cell: str, zone: ZoneInfo) -> str:
    if "/" not in cell:
        raise Unreadable
    return _written(cell, zone, day=3, month=1)


def since_1970(cell: str, zone: ZoneInfo) -> str:
    if not (cell.isdigit() and cell.isascii() and 9 <= len(cell) <= 13):
        raise Unreadable
    seconds = int(cell) if len(cell) < 12 else int(cell) / 1000
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _written(cell: str, zone: ZoneInfo, day: int, month: int) -> str:
    found = _day.match(cell)
    if not found:
        raise Unreadable
    parts = int(found[4]), int(found[month]), int(found[day])
    try:
        if found[5] is None:
            return date(*parts).isoformat()
        return _moment(datetime(*parts, int(found[5]), int(found[6]), int(found[7] or 0)), zone)
    except ValueError:
        raise Unreadable


def _moment(at: datetime, zone: ZoneInfo) -> str:
    """A time that names no zone is one of the site's."""
    try:
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC).isoformat()
    except OverflowError:
        raise Unreadable


def words(cell: str, zone: ZoneInfo) -> list[str]:
    found = list(dict.fromkeys(word for part in _split.split(cell) if (word := part.strip())))
    if len(found) > MAX_LIST:
        raise Unreadable
    return found


TYPES = {
    kind.key: kind
    for kind in (
        Type("text", "Text", "text", text),
        Type("number", "Number, as 1,234.56", "a number such as 1,234.56", number),
        Type("number_comma", "Number, as 1.234,56", "a number such as 1.234,56", number_with_comma),
        Type("yes_no", "Yes or no", "yes or no", yes_no),
        Type("date", "Date, as 2026-11-24", "a date such as 2026-11-24", iso_date),
        Type("date_dmy", "Date, as 24.11.2026 or 24/11/2026", "a date such as 24.11.2026", day_first),
        Type("date_mdy", "Date, as 11/24/2026", "a date such as 11/24/2026", month_first),
        Type("date_unix", "Date, as seconds since 1970", "a number of seconds since 1970", since_1970),
        Type("list", "List: several values in one cell", "a list of at most 200 values", words),
    )
}


def fits(key: str, values: list[str]) -> bool:
    """Whether every one of the values can be read as this type."""
    zone = ZoneInfo("UTC")
    try:
        for value in values:
            TYPES[key].read(value, zone)
    except Unreadable:
        return False
    return bool(values)
