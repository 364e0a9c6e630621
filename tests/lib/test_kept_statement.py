"""Statements that the database keeps as functions: what they give, and what a new release leaves of the old ones."""

import pytest
from django.db import connection

from lib.kept_statement import KEPT_VERSIONS, KeptStatement

pytestmark = pytest.mark.django_db


def doubled(by: int = 2) -> KeptStatement:
    return KeptStatement(
        "test_doubled",
        f"SELECT n, n * {by} AS result FROM unnest(%(numbers)s) AS n WHERE n > %(above)s ORDER BY n",
        parameters={"numbers": "int[]", "above": "int"},
        columns={"n": "int", "result": "int"},
        planning=("enable_nestloop = off",),
    )


def kept() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'test\\_doubled\\_%%'")
        return cursor.fetchone()[0]


def test_it_gives_what_the_statement_gives():
    statement = doubled()
    statement.keep()
    assert statement.run(numbers=[3, 1, 2], above=1) == [(2, 4), (3, 6)]
    assert statement.run(numbers=[], above=1) == []


def test_one_without_columns_gives_nothing():
    statement = KeptStatement("test_doubled", "PERFORM %(n)s", parameters={"n": "int"})
    statement.keep()
    assert statement.run(n=1) == []


def test_keeping_it_again_changes_nothing():
    doubled().keep()
    doubled().keep()
    assert kept() == 1


def test_code_of_the_release_before_goes_on_working():
    before = doubled(2)
    before.keep()
    doubled(3).keep()
    assert before.run(numbers=[5], above=0) == [(5, 10)]
    assert doubled(3).run(numbers=[5], above=0) == [(5, 15)]


def test_of_many_releases_the_last_are_kept():
    for by in range(10):
        doubled(by).keep()
    assert kept() == KEPT_VERSIONS
    assert doubled(9).run(numbers=[1], above=0) == [(1, 9)]


def test_the_settings_of_its_plan_are_its_own():
    statement = doubled()
    statement.keep()
    statement.run(numbers=[1], above=0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_nestloop")
        assert cursor.fetchone() == ("on",)
