"""When a schedule runs, and when a broadcast goes out: their settings, the instants that they mean, and the words.

Pure functions. A local time that the clocks leave out becomes the next valid minute; one shown twice, its first.
"""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from automation import cron_lines, times, waiting
from lib.weekdays import DAY_NAMES, WEEKDAYS
from lib.words import listed

LONGEST = 400  # days between two runs, and some
DAY = timedelta(days=1)
HOURS = (1, 2, 3, 4, 6, 8, 12)


class Schedule(msgspec.Struct):
    """Every so many hours, every day, on working days, every week on some days, every month or in some months on a day
    (its last, where it is shorter), or as a cron line says. Several times a day: `at` is one of them."""

    every: Literal["hours", "day", "weekdays", "week", "month", "months", "cron"] = "day"
    hours: int = 1
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    day: int = 1
    months: list[int] = []
    at: str = "09:00"
    cron: str = ""
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
    # From a day away: a gap in the night may push a run over midnight.
    begin = times.local(near, zone) - way * DAY
    if schedule.every == "cron":
        clock = cron_lines.times(schedule.cron, begin, way)
    else:
        clock = _times(schedule, begin.date(), way)
    return (times.instant(shown, zone) for shown in clock)


def _times(schedule: Schedule, first: date, way: int) -> Iterator[datetime]:
    """What the clocks show at its runs."""
    of_a_day = _of_a_day(schedule)[::way]
    for count in range(LONGEST):
        day = first + way * count * DAY
        if _fits(schedule, day):
            yield from (datetime.combine(day, at) for at in of_a_day)


def _of_a_day(schedule: Schedule) -> list[time]:
    at = time.fromisoformat(schedule.at)
    apart = schedule.hours if schedule.every == "hours" else 24
    return [at.replace(hour=hour) for hour in range(at.hour % apart, 24, apart)]


def _fits(schedule: Schedule, day: date) -> bool:
    if schedule.every == "weekdays":
        return day.weekday() < 5
    if schedule.every == "week":
        return WEEKDAYS[day.weekday()] in schedule.days
    if schedule.every in ("month", "months"):
        in_month = schedule.every == "month" or day.month in schedule.months
        return in_month and day.day == min(schedule.day, calendar.monthrange(day.year, day.month)[1])
    return True


def broadcast_day(text: str) -> date | None:
    """ "2026-12-24", of a year in which anybody may be written to."""
    found = waiting.read_date(text)
    return found if found and 2000 <= found.year < 9000 else None


def moment(broadcast: Broadcast, zone: tzinfo) -> datetime | None:
    """When it goes out; None: at once."""
    return times.instant(datetime.fromisoformat(broadcast.at), zone) if broadcast.at else None


def zone_named(name: str, site: ZoneInfo) -> ZoneInfo:
    return ZoneInfo(name) if name else site


def in_words(schedule: Schedule) -> str:
    """ "Every Monday and Thursday at 09:00"; of any settings."""
    zone = f" ({schedule.zone[:64]})" if schedule.zone else ""
    if schedule.every == "cron":
        return f"{cron_lines.in_words(schedule.cron)}{zone}"
    if schedule.every == "hours":
        often = "hour" if schedule.hours == 1 else f"{schedule.hours} hours"
        return f"Every {often}, counted from {schedule.at[:5]}{zone}"
    return f"{_often(schedule)} at {schedule.at[:5]}{zone}"


def _often(schedule: Schedule) -> str:
    if schedule.every == "week":
        names = [DAY_NAMES[WEEKDAYS.index(day)] for day in WEEKDAYS if day in schedule.days]
        return f"Every {listed(names)}" if names else "Every week"
    if schedule.every in ("month", "months"):
        names = [calendar.month_name[month] for month in sorted(set(schedule.months)) if 1 <= month <= 12]
        return f"Every {listed(names) if schedule.every == 'months' and names else 'month'} on day {schedule.day}"
    return {"day": "Every day", "weekdays": "Every Monday to Friday"}[schedule.every]
