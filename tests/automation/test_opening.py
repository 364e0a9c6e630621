"""When send windows open, over midnight and changes of the clock: a table worked out by hand, and what always holds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.opening import SPREAD, opening
from automation.times import local
from campaigns.windows import Window, faults, read, words
from lib.weekdays import WEEKDAYS

BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE = "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"
WORKING = ["mon", "tue", "wed", "thu", "fri"]
# Zone, days, from, to, now (UTC), opens (UTC; “now”), closes (UTC). 2 March 2026 is a Monday.
TABLE = [
    (BERLIN, [], "09:00", "18:00", "2026-03-02 07:59", "2026-03-02 08:00", "2026-03-02 17:00"),
    (BERLIN, [], "09:00", "18:00", "2026-03-02 08:00", "now", "2026-03-02 17:00"),
    (BERLIN, [], "09:00", "18:00", "2026-03-02 16:59", "now", "2026-03-02 17:00"),
    (BERLIN, [], "09:00", "18:00", "2026-03-02 17:00", "2026-03-03 08:00", "2026-03-03 17:00"),
    (BERLIN, WORKING, "09:00", "18:00", "2026-03-06 17:00", "2026-03-09 08:00", "2026-03-09 17:00"),
    (BERLIN, WORKING, "09:00", "18:00", "2026-03-27 17:00", "2026-03-30 07:00", "2026-03-30 16:00"),
    (BERLIN, [], "22:00", "02:00", "2026-03-03 00:30", "now", "2026-03-03 01:00"),
    (BERLIN, [], "22:00", "02:00", "2026-03-03 01:00", "2026-03-03 21:00", "2026-03-04 01:00"),
    (BERLIN, ["sat"], "22:00", "02:00", "2026-03-08 00:30", "now", "2026-03-08 01:00"),  # Sunday morning
    (BERLIN, ["sat"], "22:00", "02:00", "2026-03-08 21:30", "2026-03-14 21:00", "2026-03-15 01:00"),
    (BERLIN, ["sat"], "", "", "2026-03-08 12:00", "2026-03-13 23:00", "2026-03-14 23:00"),
    (BERLIN, [], "22:00", "06:00", "2026-03-28 22:00", "now", "2026-03-29 04:00"),  # a night of 7 hours
    (BERLIN, [], "22:00", "06:00", "2026-10-24 21:00", "now", "2026-10-25 05:00"),  # of 9
    (BERLIN, [], "02:10", "02:40", "2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30"),  # left out: 03:00
    (BERLIN, [], "02:30", "08:00", "2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 06:00"),
    (NEW_YORK, [], "02:30", "08:00", "2026-03-08 06:00", "2026-03-08 07:00", "2026-03-08 12:00"),
    (NEW_YORK, [], "01:30", "02:30", "2026-11-01 05:00", "2026-11-01 05:30", "2026-11-01 07:30"),
    (NEW_YORK, WORKING, "09:00", "18:00", "2026-10-30 23:00", "2026-11-02 14:00", "2026-11-02 23:00"),
    (KATHMANDU, [], "09:00", "18:00", "2026-03-29 03:14", "2026-03-29 03:15", "2026-03-29 12:15"),
    (KATHMANDU, ["sun"], "09:00", "18:00", "2026-10-25 12:15", "2026-11-01 03:15", "2026-11-01 12:15"),
    (LORD_HOWE, [], "02:00", "03:00", "2026-10-03 15:00", "2026-10-03 15:30", "2026-10-03 16:00"),
    (LORD_HOWE, [], "01:30", "03:00", "2026-04-04 14:00", "2026-04-04 14:30", "2026-04-04 16:30"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "days", "start", "end", "now", "opens", "closes"), TABLE)
def test_a_window_opens_and_closes_when_the_table_says(zone, days, start, end, now, opens, closes):
    found = opening([Window(days=days, start=start, end=end)], utc(now), ZoneInfo(zone))
    assert (found.opens, found.closes) == (utc(now if opens == "now" else opens), utc(closes))


def test_two_windows_open_together_or_never():
    berlin, office = ZoneInfo(BERLIN), Window(days=WORKING, start="08:00", end="18:00")
    awake = Window(start="09:30", end="21:00")
    both = opening([office, awake], utc("2026-03-06 18:00"), berlin)
    assert (both.opens, both.closes) == (utc("2026-03-09 08:30"), utc("2026-03-09 17:00"))
    assert opening([Window(start="22:00", end="06:00"), awake], utc("2026-03-06 18:00"), berlin) is None


ZONES = st.sampled_from([BERLIN, NEW_YORK, KATHMANDU, LORD_HOWE, "America/Santiago", "Africa/Cairo", "UTC"]).map(
    ZoneInfo
)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
DAYS = st.lists(st.sampled_from(WEEKDAYS), unique=True)
WINDOWS = st.builds(Window, days=DAYS, start=TIMES, end=TIMES) | st.builds(Window, days=DAYS)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(WINDOWS, MOMENTS, ZONES, st.integers())
def test_a_release_is_in_the_window_not_before_now_and_within_eight_days(window, now, zone, name):
    found = opening([window], now, zone)
    release = found.release(name)
    assert now <= found.opens <= release < found.closes and release - found.opens < SPREAD
    assert release <= now + timedelta(days=8)
    assert _shows(window, release, zone)


def _shows(window: Window, at: datetime, zone: ZoneInfo) -> bool:
    """By the clock on the wall, told without the code under test; an hour and more after the clocks turned is near."""
    near = [local(at + timedelta(minutes=minutes), zone) for minutes in (-61, -31, 0, 31, 61)]
    turned = len({at.astimezone(zone).utcoffset(), (at - timedelta(hours=3)).astimezone(zone).utcoffset()}) == 2
    return any(_is_in(window, there) for there in (near if turned else near[2:3]))


def _is_in(window: Window, there: datetime) -> bool:
    shown, yesterday = f"{there:%H:%M}", (there.weekday() - 1) % 7
    start, end = window.start or "00:00", window.end or "00:00"
    today_fits, yesterday_fits = there.weekday() in window.weekdays, yesterday in window.weekdays
    if start < end:
        return today_fits and start <= shown < end
    return (today_fits and shown >= start) or (yesterday_fits and shown < end)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"days": WORKING, "from": "09:00", "to": "18:00"}, "Monday to Friday, 09:00 to 18:00"),
        ({"from": "20:00", "to": "02:00", "outside": "cancel"}, "20:00 to 02:00 the next day"),
        ({"days": ["sat", "sun"]}, "Saturday or Sunday"),
    ],
)
def test_a_window_in_words(config, sentence):
    assert faults(config) == [] and words(read(config)) == sentence


def test_what_is_wrong_with_a_window_is_said_at_its_field():
    assert faults({"from": "9", "to": "18:00"}) == [("from", "Send window: write when it opens, such as 09:00.")]
    assert faults({"from": "09:00"}) == [("to", "Send window: write when it closes, such as 09:00.")]
    assert faults({"from": "09:00", "to": "09:00"})[0][0] == "to"
    assert faults({"days": ["someday"]})[0][0] == "days"
    for junk in (None, True, -1, float("nan"), 10**400, "\x00", "x" * 9999, [], [[]], {"a": []}):
        assert faults(junk) == [] if not junk else faults(junk) or isinstance(junk, dict)
        for name in ("days", "from", "to", "outside"):
            config = {"days": ["mon"], "from": "09:00", "to": "18:00", name: junk}
            assert faults(config) or read(config)
