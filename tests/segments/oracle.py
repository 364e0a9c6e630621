"""What the leaves about behaviour mean, once more, in plain Python: slow, and written without a look at the SQL."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lib.durations import duration
from tests.segments.behaviour import Deed

DAY = timedelta(days=1)


def holds(leaf: dict, deeds: list[Deed], now: datetime) -> bool:
    """Is the leaf true of somebody who did this, in the order of recording?"""
    if "not" in leaf:
        return not holds(leaf["not"], deeds, now)
    return _followed(leaf, deeds, now) if "sequence" in leaf else _measured(leaf, deeds, now)


def _fitting(leaf: dict, deeds: list[Deed], now: datetime) -> list[Deed]:
    when = leaf.get("when")
    return [
        deed
        for deed in deeds
        if deed.type == leaf["event"] and _in_time(when, deed.at, now) and _fits(leaf.get("where"), deed)
    ]


def _in_time(when: dict | None, at: datetime, now: datetime) -> bool:
    if not when:
        return True
    if when.keys() & {"from", "to"}:
        day = str(at.astimezone(now.tzinfo).date())
        return when.get("from", "0") <= day <= when.get("to", "9")
    calendar = when.get("calendar")
    age = (now.date() - at.astimezone(now.tzinfo).date()) if calendar else now - at
    zero = timedelta()
    if span := when.get("in the last"):
        return zero <= age < _span(span)
    if span := when.get("more than ago"):
        return age >= _span(span)
    short, long = sorted(map(_span, when["between ago"]))
    return short <= age < long


def _span(span: dict) -> timedelta:
    return duration(span["amount"], span["unit"])


def _fits(where: dict | None, deed: Deed) -> bool:
    """Of the filters only a number that is at least …, and its complement."""
    if not where:
        return True
    if "not" in where:
        return not _fits(where["not"], deed)
    number = as_number(deed.properties.get(where["field"].removeprefix("event.")))
    return number is not None and number >= where["value"]


def as_number(value: Any) -> Decimal | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    if isinstance(value, str) and re.fullmatch(r" *[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})? *", value, re.I | re.A):
        return Decimal(value.strip())
    return None


def as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).lower() if isinstance(value, str | int | float) and value != "" else None


def _measured(leaf: dict, deeds: list[Deed], now: datetime) -> bool:
    fitting = _fitting(leaf, deeds, now)
    if "op" not in leaf:
        return bool(fitting)
    found = _measure(leaf, fitting)
    if leaf["op"] == "is not":
        return found is None or found != leaf["value"]
    return found is not None and (_dated if isinstance(found, datetime) else _compared)(leaf, found, now)


def _measure(leaf: dict, fitting: list[Deed]) -> Any:
    measure = leaf.get("measure", "count")
    if measure == "count":
        return len(fitting)
    if measure in ("first", "last"):
        return (min if measure == "first" else max)((deed.at for deed in fitting), default=None)
    sent = [deed.properties.get(leaf["property"]) for deed in fitting]
    if measure == "distinct":
        return len({as_text(value) for value in sent} - {None})
    numbers = [number for value in sent if (number := as_number(value)) is not None]
    if measure == "sum":
        return sum(numbers)
    if not numbers:
        return None
    return {"min": min, "max": max, "average": lambda all_: sum(all_) / len(all_)}[measure](numbers)


def _compared(leaf: dict, found: Any, now: datetime) -> bool:
    value = leaf["value"]
    if leaf["op"] == "between":
        return value[0] <= found <= value[1]
    return {
        "is": found == value, ">": found > value, "≥": found >= value, "<": found < value, "≤": found <= value,
    }[leaf["op"]]  # fmt: skip


def _dated(leaf: dict, found: datetime, now: datetime) -> bool:
    value = leaf["value"]
    if leaf["op"] in ("in the last", "more than ago"):
        return _in_time({leaf["op"]: value}, found, now)
    day = found.astimezone(now.tzinfo).date()
    if leaf["op"] == "between":
        return date.fromisoformat(value[0]) <= day <= date.fromisoformat(value[1])
    asked = date.fromisoformat(value)
    return {"before": day < asked, "after": day > asked, "on": day == asked}[leaf["op"]]


def _followed(leaf: dict, deeds: list[Deed], now: datetime) -> bool:
    first, second = leaf["sequence"]
    within, negative = _span(leaf["within"]), leaf.get("then") == "did not"
    place = {id(deed): number for number, deed in enumerate(deeds)}
    for one in _fitting({**first, "when": leaf.get("when")}, deeds, now):
        after = any(
            (one.at, place[id(one)]) < (other.at, place[id(other)])
            and other.at <= one.at + within
            and _same(leaf.get("same"), one, other)
            for other in _fitting(second, deeds, now)
        )
        if after != negative and (not negative or one.at + within < now):
            return True
    return False


def _same(names: list[str] | None, one: Deed, other: Deed) -> bool:
    if not names:
        return True
    left, right = as_text(one.properties.get(names[0])), as_text(other.properties.get(names[1]))
    return left is not None and left == right
