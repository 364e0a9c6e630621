"""A statement that is kept in the database as a function: a connection plans it once, and not for every batch.

Planning a long statement may cost more than running it over a hundred rows. PL/pgSQL keeps plans per connection,
whoever stands in between (PgBouncer), where a prepared statement would be lost. Plans are made for no values in
particular, with the few rows that PostgreSQL guesses, so what it might guess wrongly is said as `planning`.

The function's name tells its text, so that code of another release, still at work while this one is brought in,
goes on calling its own.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import connection

KEPT_VERSIONS = 3


@dataclass(frozen=True)
class KeptStatement:
    """A statement with its parameters, `%(name)s`, and the columns that it gives, each by name with its SQL type."""

    name: str
    sql: str
    parameters: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    planning: tuple[str, ...] = ()

    @cached_property
    def function(self) -> str:
        """Its name in the database."""
        return f"{self.name}_{hashlib.sha256(self._text.encode()).hexdigest()[:8]}"

    @cached_property
    def _text(self) -> str:
        places = {name: f"${number}::{kind}" for number, (name, kind) in enumerate(self.parameters.items(), 1)}
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"""({", ".join(self.parameters.values())})
RETURNS {f"TABLE ({columns})" if columns else "void"} LANGUAGE plpgsql
{" ".join(f"SET {setting}" for setting in ("plan_cache_mode = force_generic_plan", *self.planning))}
AS $body$
#variable_conflict use_column
BEGIN
    {"RETURN QUERY" if columns else ""} {self.sql % places};
END
$body$"""

    def run(self, **values: Any) -> list[tuple]:
        """Its rows; none where it gives none."""
        places = ", ".join(f"%({name})s" for name in self.parameters)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.function}({places})", values)
            return cursor.fetchall() if self.columns else []

    def keep(self) -> None:
        """Have it in the database; of those of earlier releases the last ones stay."""
        with connection.cursor() as cursor:
            cursor.execute(_KEPT, [f"^{self.name}_[0-9a-f]{{8}}$"])
            kept = dict(cursor.fetchall())
            if self.function in kept:
                return
            cursor.execute(f"CREATE OR REPLACE FUNCTION {self.function} {self._text}")
            for signature in list(kept.values())[KEPT_VERSIONS - 1 :]:
                cursor.execute(f"DROP FUNCTION {signature}")


_KEPT = """
SELECT proname, oid::regprocedure::text FROM pg_proc
WHERE proname ~ %s AND pronamespace = current_schema()::regnamespace
ORDER BY oid DESC
"""
