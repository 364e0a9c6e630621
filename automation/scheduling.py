"""When a schedule runs, and when a broadcast goes out: their settings, the instants that they mean, and the words.

Pure functions. A local time that the clocks leave out becomes the next valid minute; one shown twice, its first.
"""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from automation import times
from lib.weekdays import DAY_NAMES, WEEKDAYS

LONGEST = 70  # days between two runs, and some
DAY = timedelta(days=1)


class Schedule(msgspec.Struct):
    """Every day, on working days, every week on some days, every month on a day (its last, where it is shorter)."""

    every: Literal["day", "weekdays", "week", "month"] = "day"
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    day: int = 1
    at: str = "09:00"
    zone: str = ""
    segment: int | None = None


class Broadcast(msgspec.Struct):
    """To a segment, or else everybody; at a local time, or else as soon as the campaign is activated."""

    segment: int | None = None
    at: str = ""
    zone: str = ""


def next_run(schedule: Schedule, after: datetime, zone: tzinfo) -> datetime:
    """The first run after a moment."""
    return next(run for run in _runs(schedule, after, zone, 1) if run > after)


def last_run(schedule: Schedule, until: datetime, zone: tzinfo) -> datetime:
    """The last run that is not after a moment."""
    return next(run for run in _runs(schedule, until, zone, -1) if run <= until)


def _runs(schedule: Schedule, near: datetime, zone: tzinfo, way: int) -> Iterator[datetime]:
    # The day before, too: a gap in the night may push a run over midnight.
    first, at = times.local(near, zone).date() - way * DAY, time.fromisoformat(schedule.at)
    for count in range(LONGEST):
        day = first + way * count * DAY
        if _fits(schedule, day):
            yield times.instant(datetime.combine(day, at), zone)


def _fits(schedule: Schedule, day: date) -> bool:
    if schedule.every == "weekdays":
        return day.weekday() < 5
    if schedule.every == "week":
        return WEEKDAYS[day.weekday()] in schedule.days
    if schedule.every == "month":
        return day.day == min(schedule.day, calendar.monthrange(day.year, day.month)[1])
    return True


def moment(broadcast: Broadcast, zone: tzinfo) -> datetime | None:
    """When it goes out; None: at once."""
    return times.instant(datetime.fromisoformat(broadcast.at), zone) if broadcast.at else None


def zone_named(name: str, site: ZoneInfo) -> ZoneInfo:
    return ZoneInfo(name) if name else site


def in_words(schedule: Schedule) -> str:
    """ "Every Monday and Thursday at 09:00"."""
    if schedule.every == "week":
        names = [DAY_NAMES[WEEKDAYS.index(day)] for day in WEEKDAYS if day in schedule.days]
        often = f"Every {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))}" if names else "Every week"
    elif schedule.every == "month":
        often = f"Every month on day {schedule.day}"
    else:
        often = {"day": "Every day", "weekdays": "Every Monday to Friday"}[schedule.every]
    return f"{often} at {schedule.at[:5]}{f' ({schedule.zone[:64]})' if schedule.zone else ''}"
