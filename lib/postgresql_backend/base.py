"""Django's backend for PostgreSQL, but for one thing: points in time are read by Python's own C code.

psycopg matches each with a regular expression in Python, 2.7 µs against 0.4, and a mail on its way has thirty.
"""

from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql import base
from psycopg.adapt import Loader


class UtcLoader(Loader):
    """The text of a `timestamptz` in a session whose time zone is UTC, such as `2026-03-02 09:00:00.5+00`."""

    timezone = UTC  # Django looks here whether the zone is the one that it wants

    def load(self, data: Any) -> datetime:
        return datetime.fromisoformat(bytes(data).decode())


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        if self.timezone == UTC:
            connection.adapters.register_loader("timestamptz", UtcLoader)
        return connection
