"""Lanes: locks by number, held to the end of the transaction.

Who waits for lanes takes all that a transaction needs at once, so that nobody waits in a circle; who has locked
what comes after lanes, or lanes already, takes only those that are free.
"""

from collections.abc import Iterable

from django.db import connection

_HOLD = "SELECT pg_advisory_xact_lock(%s, lane) FROM unnest(%s::int[]) AS lane"
_HOLD_FREE = "SELECT lane FROM unnest(%s::int[]) AS lane WHERE pg_try_advisory_xact_lock(%s, lane)"


def hold(lock: int, lanes: Iterable[int]) -> None:
    """Take these lanes of a class of locks, in their order, waiting for whoever has one in hand."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [lock, sorted(set(lanes))])


def hold_free(lock: int, lanes: Iterable[int]) -> set[int]:
    """Take those lanes of a class of locks that nobody has in hand just now; which ones these are."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_FREE, [sorted(set(lanes)), lock])
        return {lane for (lane,) in cursor.fetchall()}
