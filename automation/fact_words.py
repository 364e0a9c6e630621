"""What a step saw, as a person reads it: the facts of a visit by the names that its kind gives them."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from django.utils.dateparse import parse_datetime

from campaigns.step_kinds import STEP_KINDS
from events import sentences
from lib.words import capital, in_plain_words
from lib.words import facts as flat

# What the engine itself notes beside the kinds: holds before a message exists, and what woke somebody.
OF_THE_ENGINE = {
    "held_until": "Held until",
    "held_because": "Held because",
    "because": "Because",
    "again": "Times that it began anew",
    "fuse": "The fuse",
    "fuse_released": "Let go on by a person",
    "mailed_that_day": "People mailed that day",
    "best_day_before": "The most on a day before",
    "bounced": "Went to addresses that do not exist",
    "delivered": "Arrived",
}
IMPORTANCE = {0: "low", 1: "normal", 2: "high"}
Named = list[tuple[str, str]]


def clock_time(at: datetime, zone: tzinfo) -> str:
    """“Tue 24 Nov 2026, 14:02”, by the clocks there."""
    return f"{at.astimezone(zone):%a %-d %b %Y, %H:%M}"


def in_words(kind: str, facts: Mapping[str, Any], zone: tzinfo, types: Mapping[str, str] | None = None) -> Named:
    """(name, value) of each that a reader can use; takes whatever a visit may hold. `types`: names of event types."""
    its = STEP_KINDS.get(kind)
    names = {**(its.saw if its else {}), **OF_THE_ENGINE, **(its.saw if its else {})}
    if kind == "wait" and "woken" in facts:
        names["until"] = "Would have waited until"
    order = {key: place for place, key in enumerate(names)}  # the database keeps none
    known = sorted(facts.items(), key=lambda fact: order.get(fact[0], len(order)))
    said = [one for key, value in known if key != "woken" for one in _one(key, value, names, zone)]
    if isinstance(woken := facts.get("woken"), dict):
        said += _woken(woken, zone, types or {})
    return [one for one in said if one[0]]


def _one(key: str, value: Any, names: Mapping[str, str], zone: tzinfo) -> Iterator[tuple[str, str]]:
    if key == "seen" and isinstance(value, dict):  # by the labels of the fields that were compared
        yield from ((capital(str(label)), _value(seen, zone)) for label, seen in value.items())
    elif key == "capped" and isinstance(value, dict):
        yield from _capped(value, zone)
    elif isinstance(value, dict | list):
        yield from ((_spaced(path), said) for path, said in flat({names.get(key, key): value}))
    else:
        yield names.get(key, _spaced(key)), _value(value, zone)


def _woken(told: Mapping[str, Any], zone: tzinfo, types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if event := told.get("event"):
        at = f", {_value(told['at'], zone)}" if told.get("at") else ""
        yield "Woken by", f"{sentences.sentence(str(event), dict(types))}{at}"
    elif told.get("because"):
        yield "Woken because", str(told["because"])
    else:
        yield "Woken by", "a condition that came true"


def _capped(told: Mapping[str, Any], zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield "Frequency limit", _value(told.get("limit"), zone)
    yield "Waited for a place since", _value(told.get("since"), zone)
    priority = told.get("priority")
    yield "Importance", IMPORTANCE.get(priority, "normal") if isinstance(priority, int) else "normal"


def _value(value: Any, zone: tzinfo) -> str:
    at = _moment(value)
    return clock_time(at, zone) if at else in_plain_words(value)


def _moment(value: Any) -> datetime | None:
    """An instant, as steps write it; a day or a local time is none."""
    if not (isinstance(value, str) and 19 <= len(value) <= 35 and value[4:5] == "-"):
        return None
    try:
        at = parse_datetime(value)
    except ValueError:
        return None
    return at if at and at.tzinfo and 1 < at.year < 9999 else None  # it has a year in every zone


def _spaced(key: str) -> str:
    return capital(key.replace("_", " ").replace(".", " › "))


def carried(values: Mapping[str, Any], zone: tzinfo) -> Named:
    """What came with an event or an answer, by the names that its sender gives."""
    return [(path.replace(".", " › "), _value(_at(values, path) or said, zone)) for path, said in flat(dict(values))]


def _at(values: Any, path: str) -> str | None:
    """The text itself, where it is an instant: it is told by the clocks of the reader."""
    found = values.get(path) if isinstance(values, dict) else None
    return found if _moment(found) else None
