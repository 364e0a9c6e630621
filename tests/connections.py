"""Connections to the test database that other threads and processes hold."""

from django.db import connection

OTHERS = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"


def others() -> int:
    """How many there are besides our own."""
    return _one(f"SELECT count(*) FROM pg_stat_activity WHERE {OTHERS}")


def others_busy() -> int:
    """How many of them are carrying out a statement."""
    return _one(f"SELECT count(*) FROM pg_stat_activity WHERE {OTHERS} AND state = 'active'")


def others_waiting_for_a_lane() -> int:
    """How many wait for an advisory lock; from pg_locks, since a transaction reads pg_stat_activity but once."""
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    return _one(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = {here}")


def others_waiting_for_a_row() -> int:
    """How many wait for a transaction to end that has a row in hand."""
    return _one("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")


def cut_others() -> int:
    """End them, as a database that goes away would; how many they were."""
    return _one(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OTHERS}")


def _one(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
