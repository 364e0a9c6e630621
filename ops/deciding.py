"""What a person decides about many rows at once: locked, acted on and noted in the audit log in one transaction."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ops import audit

MOST = 10_000


@transaction.atomic
def decide(rows: QuerySet, by, note: str, act: Callable[[list], Any]) -> int:
    """Call `act(ids)` for at most MOST of the rows, as they are once nobody else holds them; how many there were."""
    ids = list(rows.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True)[:MOST])
    if ids:
        act(ids)
        audit.note_all(by, rows.model, ids, note)
    return len(ids)
