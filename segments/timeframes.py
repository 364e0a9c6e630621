"""When something happened: the `when` of a leaf, read to a window of time and said in words.

A window goes from `start` to just before `end`. In elapsed time, an age of exactly N is “more than N ago”, and not
“in the last N”; with `calendar` the same is counted in whole days, today having the age 0. So “in the last 3 days”,
“between 3 and 7 days ago” and “more than 7 days ago” leave out nothing and count nothing twice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import OuterRef, Value
from django.db.models.expressions import Combinable

from lib.durations import in_words
from segments.leaves import Problem, Scope, joined_path, quoted
from segments.operands import read_span
from segments.sql import Sql
from segments.values import Unreadable, read_moment, word_moment

SHAPES = {"in the last", "more than ago", "between ago", "from", "to", "since"}
TICK = timedelta(microseconds=1)  # PostgreSQL counts no finer
DAY = timedelta(days=1)


_lived: ContextVar[Callable[[datetime], datetime] | None] = ContextVar("lived", default=None)


@contextmanager
def as_lived(real: Callable[[datetime], datetime]) -> Iterator[None]:
    """Within it `now` is that of a clock that goes quicker (of a test run): `real` turns its times back."""
    token = _lived.set(real)
    try:
        yield
    finally:
        _lived.reset(token)


@dataclass(frozen=True)
class Window:
    """`edges` are the ages at which an event enters or leaves it, as time passes."""

    start: datetime | Combinable | None = None
    end: datetime | None = None
    edges: tuple[timedelta, ...] = ()

    @property
    def is_ever(self) -> bool:
        return self.start is None and self.end is None


def problems(when: Any, path: str, scope: Scope) -> Iterator[Problem]:
    """What is wrong with a `when` of any shape."""
    try:
        window(when, scope)
    except Unreadable as fault:
        yield Problem(joined_path(path, "when") + fault.place, str(fault))


def window(when: Any, scope: Scope) -> Window:
    """The window at `scope.now`; no `when`: ever. Raises Unreadable."""
    found, real = _window(when, scope), _lived.get()
    if real is None:
        return found
    start = _turned_back(found.start, real) if isinstance(found.start, datetime) else found.start
    return replace(found, start=start, end=_turned_back(found.end, real) if found.end else None)


def _turned_back(edge: datetime, real: Callable[[datetime], datetime]) -> datetime:
    """What happens just now is within it: a tick stays a tick, however quickly the clock goes."""
    return real(edge - TICK) + TICK


def _window(when: Any, scope: Scope) -> Window:
    if when in (None, {}):
        return Window()
    shape = _shape(when)
    calendar = when.get("calendar", False)
    if not isinstance(calendar, bool):
        raise Unreadable("Write true or false.", ".calendar")
    if shape in ("from", "to"):
        return _dates(when, scope)
    if shape == "since":
        return _since_entry(when["since"], calendar, scope)
    ages = _ages(shape, when[shape], calendar)
    return _days(ages, scope.now) if calendar else _elapsed(ages, scope.instant)


def _shape(when: Any) -> str:
    if not isinstance(when, dict):
        raise Unreadable("This is no time; write one such as in the last 7 days.")
    if unknown := sorted(map(str, when.keys() - SHAPES - {"calendar"})):
        raise Unreadable(f"{quoted(unknown[0])} says nothing about a time; write one such as in the last 7 days.")
    shapes = when.keys() & SHAPES
    if not shapes or (len(shapes) > 1 and shapes != {"from", "to"}):
        raise Unreadable("Choose one way to say when, such as in the last 7 days.")
    return min(shapes)


Ages = tuple[timedelta, timedelta | None]  # from this age on, up to just before that one


def _ages(shape: str, value: Any, calendar: bool) -> Ages:
    if shape != "between ago":
        span = _span(value, calendar, f".{shape}")
        return (timedelta(), span) if shape == "in the last" else (span, None)
    if not isinstance(value, list) or len(value) != 2:
        raise Unreadable("Write two times, such as 3 days and 7 days.", f".{shape}")
    short, long = sorted(_span(one, calendar, f".{shape}[{number}]") for number, one in enumerate(value))
    if short == long:
        raise Unreadable("The two times are the same; make one of them longer.", f".{shape}")
    return short, long


def _span(value: Any, calendar: bool, place: str) -> timedelta:
    try:
        span = read_span(value)
    except Unreadable as fault:
        raise Unreadable(str(fault), place) from fault
    if calendar and span % DAY:
        raise Unreadable("Days of the calendar are whole; use days or weeks.", place)
    return span


def _elapsed(ages: Ages, now: datetime) -> Window:
    newest, oldest = ages
    start = None if oldest is None else now - oldest + TICK
    return Window(start, now - newest + TICK, tuple(age for age in ages if age is not None))


def _days(ages: Ages, now: datetime) -> Window:
    newest, oldest = ages
    return Window(None if oldest is None else _midnight(now, oldest - DAY), _midnight(now, newest - DAY))


def _midnight(now: datetime, ago: timedelta) -> datetime:
    """When the day that lies so many days back began, by the calendar of `now`."""
    return datetime.combine(now.date() - ago, time(), now.tzinfo)


def _dates(when: dict, scope: Scope) -> Window:
    ends = {}
    for word in when.keys() & {"from", "to"}:
        try:
            ends[word] = read_moment(when[word], scope.now)
        except Unreadable as fault:
            raise Unreadable(str(fault), f".{word}") from fault
    start, end = (ends["from"].start if "from" in ends else None), (ends["to"].end if "to" in ends else None)
    if start and end and start >= end:
        raise Unreadable("The first date is after the second; change their order.", ".from")
    return Window(start, end)


def _since_entry(value: Any, calendar: bool, scope: Scope) -> Window:
    if value != "entry":
        raise Unreadable("Only “entry” can stand here: since they entered the campaign.", ".since")
    if scope.subject.key != "enrollment":
        raise Unreadable("Only inside a campaign there is an entry; choose another time.", ".since")
    entered = OuterRef("entered_at")
    if not calendar:
        return Window(entered)
    return Window(Sql("date_trunc('day', {at}, {zone})", at=entered, zone=Value(scope.zone)))


def turns_at_midnight(when: Any, scope: Scope) -> bool:
    """Does the window move with the calendar?"""
    return isinstance(when, dict) and bool(when.get("calendar")) and not when.keys() & {"from", "to", "since"}


def words(when: Any) -> str:
    """Such as “ in the last 7 days”; with a space before it, empty for ever."""
    if when in (None, {}):
        return ""
    shape, calendar = _shape(when), bool(when.get("calendar"))
    if shape == "since":
        return " since the day they entered" if calendar else " since they entered"
    if shape in ("from", "to"):
        return _words_of_dates(when)
    newest, oldest = _ages(shape, when[shape], calendar)
    if oldest is None:
        return f" more than {_words(newest, calendar)} ago"
    if newest:
        return f" between {_words(newest, calendar)} and {_words(oldest, calendar)} ago"
    return f" in the last {_words(oldest, calendar)}"


def _words(span: timedelta, calendar: bool) -> str:
    return in_words(span).replace("day", "calendar day") if calendar else in_words(span)


def _words_of_dates(when: dict) -> str:
    if "from" not in when:
        return f" until {word_moment(when['to'])}"
    if "to" not in when:
        return f" since {word_moment(when['from'])}"
    return f" from {word_moment(when['from'])} to {word_moment(when['to'])}"
