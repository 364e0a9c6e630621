"""Send windows: on which days and between which times mails may go out, and what becomes of those outside of them.

Times are those of the reader's time zone; `automation.opening` says when a window opens for somebody.
"""

from datetime import time
from typing import Any, Literal

import msgspec

from lib import weekdays
from lib.weekdays import Weekday, are_weekdays, read_time
from ops.models import SiteSettings

DAY, WEEK = 24 * 60, 7 * 24 * 60
OUTSIDE = [("hold", "it waits until the window opens"), ("cancel", "it is not sent")]


class Window(msgspec.Struct, kw_only=True, frozen=True, rename={"start": "from", "end": "to"}):
    """From a time to another one, which is the next day's where it is not later. No times: whole days.

    `days` are those on which it opens; none: every day.
    """

    days: list[Weekday] = []
    start: str = ""
    end: str = ""
    outside: Literal["hold", "cancel"] = "hold"

    @property
    def weekdays(self) -> list[int]:
        return weekdays.numbers(self.days)

    @property
    def opens_at(self) -> time:
        return read_time(self.start) or time()

    @property
    def closes_at(self) -> time:
        return read_time(self.end) or time()

    @property
    def over_midnight(self) -> bool:
        return self.closes_at <= self.opens_at


def read(config: Any) -> Window | None:
    """The window of a configuration; None where there is none."""
    if not config:
        return None
    try:
        return msgspec.convert(config, Window)
    except msgspec.ValidationError:
        return None


def faults(config: Any) -> list[tuple[str, str]]:
    """What is wrong with it, as (field, sentence); takes anything that JSON can hold."""
    if not config:
        return []
    if not isinstance(config, dict):
        return [("from", "The send window cannot be read; fill it in again.")]
    found = []
    if not are_weekdays(config.get("days") or []):
        found.append(("days", "Send window: choose among Monday to Sunday."))
    times = [config.get(name) or "" for name in ("from", "to")]
    for name, value, word in zip(("from", "to"), times, ("opens", "closes"), strict=True):
        if read_time(value) is None and any(times):
            found.append((name, f"Send window: write when it {word}, such as 09:00."))
    if not found and any(times) and times[0] == times[1]:
        found.append(("to", "Send window: it must close at another time than it opens."))
    if config.get("outside", "hold") not in list(dict(OUTSIDE)):
        found.append(("outside", "Send window: choose whether mails outside of it wait or are not sent."))
    if not found and read(config) is None:
        found.append(("from", "The send window cannot be read; fill it in again."))
    return found


def words(window: Window) -> str:
    """ "Monday to Friday, 09:00 to 18:00"."""
    days = weekdays.in_words(window.weekdays)
    if not window.start:
        return days
    end = f"{window.start} to {window.end}{' the next day' if window.over_midnight else ''}"
    return f"{days}, {end}" if window.days else end


def awake(site: SiteSettings) -> Window | None:
    """When marketing may go out as far as the site's quiet hours are concerned; None: it has none."""
    if not site.has_quiet_hours:
        return None
    start, end = f"{site.quiet_to:%H:%M}", f"{site.quiet_from:%H:%M}"
    return Window(start=start, end=end, outside="cancel" if site.quiet_cancels else "hold")


def meet(one: Window, other: Window) -> bool:
    """Is there a minute of the week in which both are open?"""
    return bool(_minutes(one) & _minutes(other))


def _minutes(window: Window) -> int:
    """A bit for each minute of the week in which it is open."""
    opens, closes = (at.hour * 60 + at.minute for at in (window.opens_at, window.closes_at))
    length = closes - opens + window.over_midnight * DAY
    found = 0
    for day in window.weekdays:
        found |= ((1 << length) - 1) << (day * DAY + opens)
    return (found | found >> WEEK) & ((1 << WEEK) - 1)
