"""When send windows are open for somebody: the first stretch of time in which all that concern them are. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from automation.times import DAY, instant, local
from campaigns.windows import Window
from lib.chances import share_of

AHEAD = timedelta(days=8)
SPREAD = timedelta(minutes=15)


@dataclass(frozen=True)
class Stretch:
    """From `opens` to just before `closes`."""

    opens: datetime
    closes: datetime

    def release(self, *names: object) -> datetime:
        """Somebody's own moment, so that not everybody goes on at once: within 15 minutes, while it is open."""
        return self.opens + share_of("window", *names) * min(SPREAD, self.closes - self.opens)


def opening(windows: Sequence[Window], now: datetime, zone: tzinfo) -> Stretch | None:
    """Now, or the next stretch in which all are open; None: there is none within 8 days."""
    at = now
    while at <= now + AHEAD:
        found = [next_stretch(window, at, zone) for window in windows]
        opens = max([at, *(stretch.opens for stretch in found)])
        closes = min(stretch.closes for stretch in found)
        if opens < closes:
            return Stretch(opens, closes)
        at = opens
    return None


def next_stretch(window: Window, at: datetime, zone: tzinfo) -> Stretch:
    """The one that is open then, or opens next: after at most 7 days."""
    return next(stretch for stretch in _stretches(window, local(at, zone).date(), zone) if stretch.closes > at)


def _stretches(window: Window, today: date, zone: tzinfo) -> Iterator[Stretch]:
    """Those of yesterday (which may last over midnight), today, and the week after."""
    for day in (today + count * DAY for count in range(-1, 9)):
        if day.weekday() in window.weekdays:
            yield _stretch(window, day, zone)


def _stretch(window: Window, day: date, zone: tzinfo) -> Stretch:
    first = datetime.combine(day, window.opens_at)
    last = datetime.combine(day + window.over_midnight * DAY, window.closes_at)
    opens, closes = instant(first, zone), instant(last, zone)
    # A window that lies where the clocks leave time out is as long as ever, and opens after it.
    return Stretch(opens, closes if closes > opens else opens + (last - first))
