"""Due work: rows with `due_at`, claimed in batches, worked off inside the claiming transaction.

`due_at` is null exactly when the engine will not pick the row up by itself. A batch that fails is
halved until the culprit is alone; the culprit is parked, the others go on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, models, transaction

log = structlog.get_logger(__name__)
Row = TypeVar("Row")


class Moment(models.Expression):
    """A time that is filled in when a question is asked."""

    output_field = models.DateTimeField()

    def as_sql(self, compiler, connection):
        return "%s::timestamptz", [self.__class__]


class Question:
    """Is there a row of these querysets? Asked ten times a second, and so turned into SQL only once.

    Each is made by a function of the time; what it is given is an expression: to be compared, and to be added to.
    """

    def __init__(self, *made: Callable[[Any], models.QuerySet]):
        self.made = made

    def __call__(self, now: datetime) -> bool:
        sql, params = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(sql, [now if one is Moment else one for one in params])
            return cursor.fetchone()[0]

    @cached_property
    def _compiled(self) -> tuple[str, list[Any]]:
        made = [rows(Moment()).order_by().values("pk").query.sql_with_params() for rows in self.made]
        asked = " OR ".join(f"EXISTS ({sql})" for sql, _ in made)
        return f"SELECT {asked}", [one for _, params in made for one in params]


class DueQuerySet(models.QuerySet):
    """Rows with `due_at`."""

    def due(self, now: datetime):
        return self.filter(due_at__lte=now)

    def claim(self, now: datetime, limit: int):
        """Lock up to `limit` due rows, oldest first, passing by those that another worker holds."""
        return self.due(now).order_by("due_at").select_for_update(skip_locked=True, of=("self",))[:limit]


def work_off(rows: Sequence[Row], work: Callable[[Sequence[Row]], Any], park: Callable[[Row, Exception], Any]):
    """Run `work(rows)` in a savepoint; where it fails, halve the batch until the culprit is parked alone.

    A lost connection, a deadlock or a full server is nobody's fault: it propagates, the transaction
    rolls back and the rows stay due.
    """
    if not rows:
        return
    try:
        with transaction.atomic():
            work(rows)
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:  # noqa: BLE001  any other fault belongs to a row of the batch
        if len(rows) == 1:
            log.exception("due.parked", row=str(rows[0]), database=isinstance(fault, DatabaseError))
            park(rows[0], fault)
            return
        middle = len(rows) // 2
        work_off(rows[:middle], work, park)
        work_off(rows[middle:], work, park)
