"""What a person decides about enrollments that a fault has stopped."""

from datetime import datetime

from django.db.models import Q, QuerySet

from automation.enrolling import leave
from automation.models import Enrollment
from ops.deciding import decide

PARKED = Q(state=Enrollment.State.PARKED)


def release(enrollments: QuerySet[Enrollment], by, now: datetime) -> int:
    """They try the step again that went wrong; how many."""
    fields = {"state": Enrollment.State.ACTIVE, "due_at": now, "reason": "", "explanation": ""}

    def act(ids: list[int]) -> None:
        Enrollment.objects.filter(pk__in=ids).update(**fields)

    return decide(enrollments.filter(PARKED), by, "Let it try again.", act)


def discard(enrollments: QuerySet[Enrollment], by, now: datetime) -> int:
    """They leave their campaign."""

    def act(ids: list[int]) -> None:
        leave(ids, "discarded", "A person took them out after a fault.", now)

    return decide(enrollments.filter(PARKED), by, "Took it out of the campaign.", act)
