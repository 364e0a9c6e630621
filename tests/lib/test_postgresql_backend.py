"""Points in time come from the database as they went in, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db
TIMES = [
    datetime(2026, 3, 2, 9, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 0, 0, 5, tzinfo=UTC),
    datetime(2026, 3, 2, 9, 0, 0, 650_000, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
]


def read(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql}", values)
        return cursor.fetchone()[0]


@pytest.mark.parametrize("at", TIMES, ids=str)
def test_a_time_comes_back_as_it_went_in_and_in_utc(at):
    found = read("%s::timestamptz", at)
    assert found == at and found.tzinfo is UTC


def test_none_stays_none_and_arrays_hold_times():
    assert read("NULL::timestamptz") is None
    assert read("ARRAY[%s::timestamptz]", TIMES[1]) == [TIMES[1]]
