"""What a person decides about merges whose history could not be moved."""

from datetime import datetime

from django.db.models import Q, QuerySet

from contacts.models import Merge
from ops.deciding import decide

PARKED = Q(due_at=None) & ~Q(fault="")


def release(merges: QuerySet[Merge], by, now: datetime) -> int:
    """Their history is moved again, from where it stopped; how many."""
    return _write(merges, by, "Let its history be moved again.", due_at=now)


def discard(merges: QuerySet[Merge], by, now: datetime) -> int:
    """The contacts stay merged; what was not moved stays with the one that was merged away."""
    return _write(merges, by, "Left the rest of its history where it is.")


def _write(merges: QuerySet[Merge], by, note: str, **fields) -> int:
    def act(ids: list[int]) -> None:
        Merge.objects.filter(pk__in=ids).update(fault="", **fields)

    return decide(merges.filter(PARKED), by, note, act)
