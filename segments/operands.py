"""What stands on the right of an operator: nothing, one value, several, two, a span of time, weekdays."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, OperationalError, connection, transaction
from django.db.models import Value
from django.db.models.expressions import Combinable

from lib.durations import UNITS, in_words
from lib.words import listed
from segments.leaves import AT_ANY_TIME, Scope, quoted
from segments.sql import Sql
from segments.values import TYPES, Moment, Type, Unreadable, read_number, read_text

MAX_VALUES, MAX_PATTERN, MAX_COUNT = 10_000, 200, 1_000_000
MAX_SPAN = timedelta(days=36_525)
PATTERNS_SECONDS = 1
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Parts = dict[str, Combinable]


@dataclass(frozen=True)
class Operand:
    """`read` makes a value the named parts of an operator's SQL or raises Unreadable; `words` says it."""

    key: str
    read: Callable[[Any, Type, Scope], Parts]
    words: Callable[[Any, Type], str]


def _one(value: Any, type_: Type, scope: Scope) -> Parts:
    return _part(type_.read(value, scope.now), "value")


def _part(read: Any, name: str) -> Parts:
    """An instant or a day has two ends, a text no case."""
    if isinstance(read, Moment):
        return {"start": Value(read.start), "end": Value(read.end)}
    return {name: Sql("lower({text})", text=Value(read)) if isinstance(read, str) else Value(read)}


def _items(value: Any) -> list:
    if isinstance(value, list) and len(value) > MAX_VALUES:
        raise Unreadable(f"The list is too long; use at most {MAX_VALUES:,} values.")
    if not isinstance(value, list) or not value:
        raise Unreadable("Write at least one value.")
    return value


def _many(value: Any, type_: Type, scope: Scope) -> Parts:
    read = [_item(item, number, type_, scope.now) for number, item in enumerate(_items(value))]
    if type_.key == "number":
        return {"values": Sql("{list}::numeric[]", list=Value(read))}
    return {"values": Sql("dripline_lower({list}::text[])", list=Value(read))}


def _item(item: Any, number: int, type_: Type, now: datetime) -> Any:
    try:
        return type_.read(item, now)
    except Unreadable as fault:
        raise Unreadable(str(fault), f"[{number}]") from fault


def _words_of_many(value: list, type_: Type) -> str:
    words = [type_.words(item) for item in value]
    if len(words) > 8:
        words = [*words[:6], f"{len(words) - 6:,} more"]
    return listed(words, "or")


def _pair(value: Any, type_: Type, scope: Scope) -> Parts:
    if not isinstance(value, list) or len(value) != 2:
        raise Unreadable("Write two values, the lower one first.")
    low, high = (_item(item, number, type_, scope.now) for number, item in enumerate(value))
    if low > high:
        raise Unreadable("The first value is above the second; change their order.")
    if type_.key == "date":
        return {"start": Value(low.start), "end": Value(high.end)}
    return {"low": Value(low), "high": Value(high)}


def _span(value: Any, type_: Type, scope: Scope) -> Parts:
    span = read_span(value)
    now = scope.instant
    return {"now": Value(now), "past": Value(now - span), "future": Value(now + span)}


def read_span(value: Any) -> timedelta:
    if not isinstance(value, dict) or set(value) != {"amount", "unit"}:
        raise Unreadable("Write a number and a unit, such as 7 days.")
    if not isinstance(value["unit"], str) or value["unit"] not in UNITS:
        raise Unreadable(f"The unit must be one of {', '.join(UNITS)}.")
    try:
        amount = float(read_number(value["amount"], AT_ANY_TIME))
    except Unreadable:
        amount = math.nan
    seconds = amount * UNITS[value["unit"]]
    if not 1 <= seconds <= MAX_SPAN.total_seconds():
        raise Unreadable("The number must be above 0 and at most 100 years long, such as 7 days.")
    return timedelta(seconds=seconds)


def _calendar_days(value: Any, type_: Type, scope: Scope) -> Parts:
    span = read_span(value)
    if span % timedelta(days=1):
        raise Unreadable("An anniversary is a day; use whole days or weeks.")
    return {"today": Value(scope.now.date()), "days": Value(span.days)}


def _weekdays(value: Any, type_: Type, scope: Scope) -> Parts:
    names = [day.lower() if isinstance(day, str) else day for day in _items(value)]
    for number, name in enumerate(names):
        if name not in WEEKDAYS:
            raise Unreadable(f"{quoted(name)} is not a weekday; write one such as Monday.", f"[{number}]")
    return {"numbers": Sql("{list}::int[]", list=Value([WEEKDAYS.index(name) + 1 for name in names]))}


def _count(value: Any, type_: Type, scope: Scope) -> Parts:
    number = read_number(value, scope.now)
    if not 0 <= number <= MAX_COUNT or number != int(number):
        raise Unreadable("Write a whole number, such as 3.")
    return {"count": Value(int(number))}


def _pattern(value: Any, type_: Type, scope: Scope) -> Parts:
    pattern = read_text(value, scope.now)
    if len(pattern) > MAX_PATTERN:
        raise Unreadable(f"The pattern is too long; use at most {MAX_PATTERN} characters.")
    if re.search(r"\\[1-9]", pattern):
        raise Unreadable("The pattern refers back to a group (\\1); that can take for ever, so write it out.")
    if scope.asks_database and not _is_known_pattern(pattern, scope.memo):
        raise Unreadable(f"{quoted(pattern)} is not a valid pattern; check its brackets and repetitions.")
    return {"pattern": Value(pattern)}


def _is_known_pattern(pattern: str, memo: dict[str, Any]) -> bool:
    """Each is tried once a condition; all of them have a second together, as somebody waits for the answer."""
    tried, spent = memo.setdefault("patterns", {}), memo.get("patterns_took", 0.0)
    if pattern not in tried:
        if spent > PATTERNS_SECONDS:
            raise Unreadable("The patterns of this condition are too many or too complicated; make them simpler.")
        began = time.monotonic()
        tried[pattern] = _is_pattern(pattern)
        memo["patterns_took"] = spent + time.monotonic() - began
    return tried[pattern]


def _is_pattern(pattern: str) -> bool:
    """PostgreSQL itself is asked, half a second at most: there is no second reader of patterns."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 500")
            cursor.execute("SELECT 'dripline' ~* %s", [pattern])
            transaction.set_rollback(True)
    except (DataError, OperationalError):
        return False
    return True


def _words_of_days(value: Any, type_: Type) -> str:
    return " or ".join(day.capitalize() for day in value)


NOTHING = Operand("nothing", lambda value, type_, scope: {}, lambda value, type_: "")
ONE = Operand("one", _one, lambda value, type_: type_.words(value))
MANY = Operand("many", _many, _words_of_many)
PAIR = Operand("pair", _pair, lambda value, type_: " and ".join(map(type_.words, value)))
SPAN = Operand("span", _span, lambda value, type_: in_words(read_span(value)))
CALENDAR_DAYS = Operand("span", _calendar_days, SPAN.words)
WEEKDAY = Operand("weekdays", _weekdays, _words_of_days)
COUNT = Operand("count", _count, lambda value, type_: TYPES["number"].words(value))
PATTERN = Operand("one", _pattern, lambda value, type_: quoted(value))
