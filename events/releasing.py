"""What a person decides about changes that the pipeline could not carry."""

from datetime import datetime

from django.db.models import Q, QuerySet

from contacts.models import Change
from ops.deciding import decide

PARKED = Q(due_at=None)


def release(changes: QuerySet[Change], by, now: datetime) -> int:
    """The pipeline reads them again; how many."""

    def act(ids: list[int]) -> None:
        Change.objects.filter(pk__in=ids).update(due_at=now, parked_because="")

    return decide(changes.filter(PARKED), by, "Let the pipeline read it again.", act)


def discard(changes: QuerySet[Change], by, now: datetime) -> int:
    """What was written about the contacts stays; that it starts or changes anything is given up."""
    return decide(changes.filter(PARKED), by, "Discarded it.", lambda ids: Change.objects.filter(pk__in=ids).delete())
