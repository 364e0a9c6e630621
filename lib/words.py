"""Times and values as a person says them: “in 2 hours”, “3 days ago”, `cart.items` as a list of words."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.html import format_html

from lib.durations import UNITS, in_words

WEEK = timedelta(days=7)
LONGEST_VALUE = 300


def capital(words: str) -> str:
    """With a capital at its beginning, the rest as it is."""
    return words[:1].upper() + words[1:]


def people(count: int) -> str:
    """“1 person”, “1,204 people”."""
    return "1 person" if count == 1 else f"{count:,} people"


def listed(names: Sequence[str], word: str = "and") -> str:
    """“Monday”, “Monday and Thursday”, “Monday, Tuesday and Thursday”."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def moment(at: datetime, now: datetime) -> str:
    """“just now”, “3 hours ago”, “in 2 days”; more than a week away it is the day."""
    distance = abs(at - now)
    if distance >= WEEK:
        return day(at, now)
    if distance < timedelta(seconds=5):
        return "just now" if at <= now else "any moment"
    if at < now:
        return f"{_largest(distance)} ago"
    return f"in {_largest(_rounded(distance))}"


def _largest(distance: timedelta) -> str:
    return in_words(distance).partition(" and ")[0]


def _rounded(distance: timedelta) -> timedelta:
    """To its largest unit: a wait of a day is “in 1 day” also a minute after it has begun."""
    for unit in ("days", "hours", "minutes"):
        span = timedelta(seconds=UNITS[unit])
        if distance >= span / 2:
            distance = round(distance / span) * span
    return distance


def day(at: datetime, now: datetime) -> str:
    """“24 Nov”, and the year where it is not this one."""
    local = timezone.localtime(at)
    year = "" if local.year == timezone.localtime(now).year else f" {local.year}"
    return f"{local.day} {local:%b}{year}"


def day_and_time(at: datetime) -> str:
    """“Tue 24 Nov 2026, 14:02”, in the site's time zone."""
    local = timezone.localtime(at)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def spoken(at: datetime, zone: tzinfo) -> str:
    """ "Tue 24 Nov 2026, 14:02 (Europe/Paris)"."""
    return f"{at.astimezone(zone):%a %-d %b %Y, %H:%M} ({zone})"


def due_time(at: datetime | None, now: datetime, rests: bool) -> str:
    """When what is due then is done, with the exact time to hover over; empty: not by itself."""
    if at and rests:
        return "when it is resumed"
    return "now" if at and at <= now else spoken_time(at, now, empty="")


def facts(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """A nested object as (dotted path, value in words), by name: the database keeps no order of its own."""
    for key, value in sorted(values.items()):
        place = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict) and value:
            yield from facts(value, place)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield from _entries(value, place)
        else:
            yield place, in_plain_words(value)


def _entries(values: list, path: str) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(values, start=1):
        place = f"{path} {number}"
        if isinstance(item, dict):
            yield from facts(item, place)
        else:
            yield place, in_plain_words(item)


def in_plain_words(value: Any) -> str:
    """One value: yes and no, numbers without noise, dates as days, lists with commas."""
    if value is None or value in ("", [], {}):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _cut(", ".join(in_plain_words(item) for item in value))
    if isinstance(value, float):
        return f"{value:.10g}"
    return _date(value) or _cut(value) if isinstance(value, str) else _cut(str(value))


def _date(text: str) -> str:
    """An ISO date or time as a person writes it; empty for any other text."""
    if not (10 <= len(text) <= 35 and text[:4].isdigit() and text[4] == "-"):
        return ""
    try:
        if len(text) == 10 and (only_day := parse_date(text)):
            return f"{only_day.day} {only_day:%b %Y}"
        at = parse_datetime(text)
        return day_and_time(at if timezone.is_aware(at) else timezone.make_aware(at)) if at else ""
    except (ValueError, OverflowError):  # no date, or one at the end of time, which is in no year elsewhere
        return ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def spoken_time(at, now, empty: str = "never") -> str:
    """A time as words, with the exact time to hover over."""
    if at is None:
        return empty
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), day_and_time(at), moment(at, now))
