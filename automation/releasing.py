"""What a person decides about enrollments that a fault has stopped."""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from automation.enrolling import leave
from automation.models import Enrollment
from ops.deciding import decide

PARKED = Q(state=Enrollment.State.PARKED)


def hold_campaigns(ids: Iterable[int]) -> None:
    """Nobody publishes, pauses or archives them until this transaction ends; waits for who is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM campaigns_campaign WHERE id = ANY(%s) ORDER BY id FOR SHARE", [sorted(set(ids))])


def _hold_those_of(enrollments: QuerySet[Enrollment]) -> None:
    hold_campaigns(enrollments.order_by().values_list("campaign_id", flat=True).distinct())


@transaction.atomic
def release(enrollments: QuerySet[Enrollment], by, now: datetime) -> int:
    """They try the step again that went wrong; how many."""
    fields = {"state": Enrollment.State.ACTIVE, "due_at": now, "reason": "", "explanation": ""}

    def act(ids: list[int]) -> None:
        Enrollment.objects.filter(pk__in=ids).update(**fields)

    _hold_those_of(enrollments.filter(PARKED))
    return decide(enrollments.filter(PARKED), by, "Let it try again.", act)


@transaction.atomic
def discard(enrollments: QuerySet[Enrollment], by, now: datetime) -> int:
    """They leave their campaign."""

    def act(ids: list[int]) -> None:
        leave(ids, "discarded", "A person took them out after a fault.", now)

    _hold_those_of(enrollments.filter(PARKED))
    return decide(enrollments.filter(PARKED), by, "Took it out of the campaign.", act)
