"""F9: waits over changes of the clock and ends of months. A wait is a length of time; what is shown is local time."""

from datetime import UTC, datetime, timedelta

import pytest

from automation.zones import in_zone
from events import partitions
from ops.models import SiteSettings

DAY = timedelta(days=1)
# Zone, the local time (as shown) of a moment, and of the moment a day later.
NIGHTS = [
    ("Europe/Berlin", datetime(2026, 3, 28, 9, tzinfo=UTC), "28 Mar 2026, 10:00", "29 Mar 2026, 11:00"),
    ("Europe/Berlin", datetime(2026, 10, 24, 8, tzinfo=UTC), "24 Oct 2026, 10:00", "25 Oct 2026, 09:00"),
    ("America/New_York", datetime(2026, 3, 7, 15, tzinfo=UTC), "7 Mar 2026, 10:00", "8 Mar 2026, 11:00"),
    ("America/New_York", datetime(2026, 10, 31, 14, tzinfo=UTC), "31 Oct 2026, 10:00", "1 Nov 2026, 09:00"),
    ("Australia/Lord_Howe", datetime(2026, 4, 3, 23, tzinfo=UTC), "4 Apr 2026, 10:00", "5 Apr 2026, 09:30"),
    ("Australia/Lord_Howe", datetime(2026, 10, 2, 23, 30, tzinfo=UTC), "3 Oct 2026, 10:00", "4 Oct 2026, 10:30"),
    ("Africa/Casablanca", datetime(2026, 2, 14, 9, tzinfo=UTC), "14 Feb 2026, 10:00", "15 Feb 2026, 09:00"),
    ("Africa/Casablanca", datetime(2026, 3, 21, 10, tzinfo=UTC), "21 Mar 2026, 10:00", "22 Mar 2026, 11:00"),
    ("Europe/Berlin", datetime(2028, 2, 28, 9, tzinfo=UTC), "28 Feb 2028, 10:00", "29 Feb 2028, 10:00"),
    ("Europe/Berlin", datetime(2028, 2, 29, 9, tzinfo=UTC), "29 Feb 2028, 10:00", "1 Mar 2028, 10:00"),
    ("Europe/Berlin", datetime(2026, 1, 31, 9, tzinfo=UTC), "31 Jan 2026, 10:00", "1 Feb 2026, 10:00"),
    ("Europe/Berlin", datetime(2026, 12, 31, 9, tzinfo=UTC), "31 Dec 2026, 10:00", "1 Jan 2027, 10:00"),
]


@pytest.mark.parametrize(("zone", "moment", "shown", "a_day_later"), NIGHTS)
def test_a_day_is_24_hours_and_what_is_shown_is_what_the_clock_on_the_wall_says(zone, moment, shown, a_day_later):
    site = SiteSettings()
    assert shown in in_zone(moment, zone, site)
    assert a_day_later in in_zone(moment + DAY, zone, site)


@pytest.mark.django_db
@pytest.mark.parametrize("moment", [datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, 12, tzinfo=UTC)])
def test_the_months_to_come_are_made_on_the_last_day_of_one(moment):
    made = partitions.ensure(moment)
    first_of_next = (moment.replace(day=1) + 32 * DAY).replace(day=1)
    assert f"events_event_y{first_of_next:%Ym%m}" in made or partitions.ensure(first_of_next) == []
