"""Local times as instants, over both changes of the clock: a table worked out by hand, and what always holds."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.times import at_time, calendar_day, in_year, instant, local, moved, next_time, next_weekday

BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE = "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"
DAYS = {day: number for number, day in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))}

# Zone, what its clocks should show, the instant. Berlin turns at 02:00 → 03:00 on 29 March and 03:00 → 02:00 on
# 25 October 2026; New York at 02:00 → 03:00 on 8 March and 02:00 → 01:00 on 1 November; Lord Howe by half an hour, at
# 02:00 → 01:30 on 5 April and 02:00 → 02:30 on 4 October; Kathmandu, at +05:45, never.
INSTANTS = [
    (BERLIN, "2026-03-29 01:59", "2026-03-29 00:59"),
    (BERLIN, "2026-03-29 02:00", "2026-03-29 01:00"),
    (BERLIN, "2026-03-29 02:30", "2026-03-29 01:00"),
    (BERLIN, "2026-03-29 02:59", "2026-03-29 01:00"),
    (BERLIN, "2026-03-29 03:00", "2026-03-29 01:00"),
    (BERLIN, "2026-03-29 03:01", "2026-03-29 01:01"),
    (BERLIN, "2026-10-25 01:59", "2026-10-24 23:59"),
    (BERLIN, "2026-10-25 02:00", "2026-10-25 00:00"),
    (BERLIN, "2026-10-25 02:30", "2026-10-25 00:30"),
    (BERLIN, "2026-10-25 03:00", "2026-10-25 02:00"),
    (NEW_YORK, "2026-03-08 01:59", "2026-03-08 06:59"),
    (NEW_YORK, "2026-03-08 02:30", "2026-03-08 07:00"),
    (NEW_YORK, "2026-03-08 03:00", "2026-03-08 07:00"),
    (NEW_YORK, "2026-11-01 00:59", "2026-11-01 04:59"),
    (NEW_YORK, "2026-11-01 01:30", "2026-11-01 05:30"),
    (NEW_YORK, "2026-11-01 02:00", "2026-11-01 07:00"),
    (KATHMANDU, "2026-03-29 02:30", "2026-03-28 20:45"),
    (KATHMANDU, "2026-10-25 02:30", "2026-10-24 20:45"),
    (LORD_HOWE, "2026-04-05 01:29", "2026-04-04 14:29"),
    (LORD_HOWE, "2026-04-05 01:45", "2026-04-04 14:45"),
    (LORD_HOWE, "2026-04-05 02:00", "2026-04-04 15:30"),
    (LORD_HOWE, "2026-10-04 01:59", "2026-10-03 15:29"),
    (LORD_HOWE, "2026-10-04 02:15", "2026-10-03 15:30"),
    (LORD_HOWE, "2026-10-04 02:30", "2026-10-03 15:30"),
    (LORD_HOWE, "2026-10-04 02:31", "2026-10-03 15:31"),
    ("Pacific/Apia", "2011-12-30 12:00", "2011-12-30 10:00"),  # a day that its calendar left out
]
# Zone, from (UTC), time of day, weekdays, the next such moment (UTC).
NEXT = [
    (BERLIN, "2026-03-28 01:30", "02:30", "", "2026-03-28 01:30"),  # now
    (BERLIN, "2026-03-28 01:31", "02:30", "", "2026-03-29 01:00"),  # left out: 03:00
    (BERLIN, "2026-03-29 01:01", "02:30", "", "2026-03-30 00:30"),
    (BERLIN, "2026-10-25 00:29", "02:30", "", "2026-10-25 00:30"),
    (BERLIN, "2026-10-25 01:00", "02:30", "", "2026-10-26 01:30"),  # its second half past two is none
    (BERLIN, "2026-03-27 12:00", "09:00", "Mon", "2026-03-30 07:00"),
    (BERLIN, "2026-10-23 12:00", "09:00", "Mon", "2026-10-26 08:00"),
    (BERLIN, "2026-03-30 07:00", "09:00", "Mon", "2026-03-30 07:00"),
    (BERLIN, "2026-03-30 07:01", "09:00", "Mon", "2026-04-06 07:00"),
    (NEW_YORK, "2026-03-07 14:00", "02:30", "Sun", "2026-03-08 07:00"),
    (NEW_YORK, "2026-03-06 03:00", "09:00", "Fri", "2026-03-06 14:00"),  # Thursday evening there
    (NEW_YORK, "2026-11-01 05:00", "01:30", "Sun", "2026-11-01 05:30"),
    (NEW_YORK, "2026-11-01 06:00", "01:30", "Sun", "2026-11-08 06:30"),
    (KATHMANDU, "2026-03-29 18:14", "00:00", "Mon Wed", "2026-03-29 18:15"),
    (KATHMANDU, "2026-03-29 18:16", "00:00", "Mon Wed", "2026-03-31 18:15"),
    (LORD_HOWE, "2026-10-03 10:00", "02:15", "", "2026-10-03 15:30"),
    (LORD_HOWE, "2026-04-04 14:50", "01:45", "", "2026-04-05 15:15"),
]
# Zone, begun (UTC), how many days, time of day, weekdays, the instant.
CALENDAR_DAYS = [
    (BERLIN, "2026-03-27 12:00", 2, "15:00", "", "2026-03-29 13:00"),
    (BERLIN, "2026-03-27 22:59", 1, "00:00", "", "2026-03-27 23:00"),  # a minute later, the next day
    (BERLIN, "2026-03-27 23:00", 1, "00:00", "", "2026-03-28 23:00"),
    (BERLIN, "2026-03-27 12:00", 2, "02:30", "", "2026-03-29 01:00"),
    (BERLIN, "2026-10-23 12:00", 2, "02:30", "", "2026-10-25 00:30"),
    (BERLIN, "2026-10-23 12:00", 2, "15:00", "", "2026-10-25 14:00"),
    (BERLIN, "2026-10-23 12:00", 2, "15:00", "Tue Thu", "2026-10-27 14:00"),
    (NEW_YORK, "2026-03-07 12:00", 1, "15:00", "", "2026-03-08 19:00"),
    (NEW_YORK, "2026-10-31 12:00", 1, "15:00", "", "2026-11-01 20:00"),
    (KATHMANDU, "2026-10-24 18:00", 3, "15:00", "", "2026-10-27 09:15"),
    (LORD_HOWE, "2026-10-02 12:00", 1, "15:00", "", "2026-10-03 04:30"),
    (LORD_HOWE, "2026-10-02 12:00", 2, "15:00", "", "2026-10-04 04:00"),
    (LORD_HOWE, "2026-04-04 12:00", 1, "15:00", "", "2026-04-05 04:30"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def days(names: str) -> set[int]:
    return {DAYS[name] for name in names.split()} or set(range(7))


@pytest.mark.parametrize(("zone", "shown", "expected"), INSTANTS)
def test_a_local_time_is_the_instant_that_the_table_says(zone, shown, expected):
    assert instant(datetime.fromisoformat(shown), ZoneInfo(zone)) == utc(expected)


@pytest.mark.parametrize(("zone", "after", "at", "names", "expected"), NEXT)
def test_the_next_time_of_day_is_the_instant_that_the_table_says(zone, after, at, names, expected):
    assert next_time(utc(after), time.fromisoformat(at), ZoneInfo(zone), days(names)) == utc(expected)


@pytest.mark.parametrize(("zone", "begun", "count", "at", "names", "expected"), CALENDAR_DAYS)
def test_so_many_days_at_a_time_of_day_are_calendar_days(zone, begun, count, at, names, expected):
    assert calendar_day(utc(begun), count, time.fromisoformat(at), ZoneInfo(zone), days(names)) == utc(expected)


def test_the_same_time_of_the_next_allowed_weekday():
    berlin = ZoneInfo(BERLIN)
    friday = utc("2026-03-27 16:30")
    assert next_weekday(friday, berlin, days("Fri")) == friday
    assert next_weekday(friday, berlin, days("Mon Tue")) == utc("2026-03-30 15:30")


def test_calendar_days_keep_the_local_time_and_a_day_may_get_another_one():
    berlin = ZoneInfo(BERLIN)
    assert moved(utc("2026-03-30 07:00"), -3, berlin) == utc("2026-03-27 08:00")
    assert at_time(utc("2026-03-29 22:30"), time(9), berlin) == utc("2026-03-30 07:00")


def test_who_was_born_on_29_february_celebrates_on_the_28th():
    born = datetime(2004, 2, 29, 9)
    assert [in_year(born, year).day for year in (2026, 2027, 2028)] == [28, 28, 29]


ZONES = st.sampled_from(
    [BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE, "America/Santiago", "Africa/Cairo", "Asia/Tehran", "UTC"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
WEEKDAYS = st.sets(st.integers(0, 6), min_size=1)


@given(MOMENTS, ZONES.map(ZoneInfo))
def test_what_clocks_show_is_read_back(moment, zone):
    shown = local(moment, zone)
    found = instant(shown, zone)
    assert local(found, zone) == shown and found <= moment


@given(MOMENTS, TIMES, ZONES.map(ZoneInfo), WEEKDAYS)
def test_the_next_time_is_allowed_near_and_never_before(after, at, zone, allowed):
    found = next_time(after, at, zone, allowed)
    shown = local(found, zone)
    assert after <= found <= after + timedelta(days=8)
    assert shown.weekday() in allowed
    wanted = datetime.combine(shown.date(), at)
    exists = local(wanted.replace(tzinfo=zone).astimezone(UTC), zone) == wanted
    assert shown == wanted if exists else shown > wanted and shown - wanted <= timedelta(hours=1)
