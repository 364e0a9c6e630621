"""Due work: rows with `due_at`, claimed in batches, worked off inside the claiming transaction.

`due_at` is null exactly when the engine will not pick the row up by itself. A batch that fails is
halved until the culprit is alone; the culprit is parked, the others go on.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, models, transaction

log = structlog.get_logger(__name__)
Row = TypeVar("Row")


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
