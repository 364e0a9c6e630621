"""Local times of a zone as instants (UTC). Pure functions; what they take as local time is naive, as a clock shows it.

A local time that the clocks leave out becomes the next valid minute; one that they show twice, its first occurrence.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from lib.weekdays import EVERY_DAY

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def local(at: datetime, zone: tzinfo) -> datetime:
    """What the clocks show there."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def instant(wanted: datetime, zone: tzinfo) -> datetime:
    """When the clocks there show this, for the first time, or would have shown it."""
    first, second = (wanted.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first if local(first, zone) == wanted else _after_gap(wanted, second, first, zone)


def _after_gap(wanted: datetime, low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The end of a gap: after `low`, not after `high`, whose clock is past `wanted`. Clocks turn at whole minutes."""
    low, high = low.replace(second=0, microsecond=0), high.replace(second=0, microsecond=0)
    while high - low > MINUTE:
        middle = low + (high - low) // MINUTE // 2 * MINUTE
        low, high = (low, middle) if local(middle, zone) >= wanted else (middle, high)
    return high


def next_time(after: datetime, at: time, zone: tzinfo, days: Collection[int] = EVERY_DAY) -> datetime:
    """The next time of day on an allowed weekday; `after` itself, where it is one."""
    return _first(local(after, zone).date(), after, at, zone, days)


def calendar_day(begun: datetime, count: int, at: time, zone: tzinfo, days: Collection[int] = EVERY_DAY) -> datetime:
    """That time of the `count`th calendar day, or of the first allowed weekday from then on."""
    return _first(local(begun, zone).date() + count * DAY, begun, at, zone, days)


def _first(day: date, after: datetime, at: time, zone: tzinfo, days: Collection[int]) -> datetime:
    # The 8th day: where only today's weekday is allowed, and its time has passed.
    candidates = (day + count * DAY for count in range(9))
    found = (instant(datetime.combine(on, at), zone) for on in candidates if on.weekday() in days)
    return next(moment for moment in found if moment >= after)


def next_weekday(after: datetime, zone: tzinfo, days: Collection[int]) -> datetime:
    """`after`, or the same time of the next allowed weekday."""
    there = local(after, zone)
    return after if there.weekday() in days else next_time(after, there.time(), zone, days)


def moved(at: datetime, days: int, zone: tzinfo) -> datetime:
    """So many calendar days on (or back), at the same local time."""
    return instant(local(at, zone) + days * DAY, zone)


def at_time(on: datetime, at: time, zone: tzinfo) -> datetime:
    """That time of the local day on which `on` lies."""
    return instant(datetime.combine(local(on, zone).date(), at), zone)


def in_year(day: datetime, year: int) -> datetime:
    """The anniversary of a local time; of 29 February: the 28th, as in conditions."""
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
