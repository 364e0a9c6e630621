"""What a person decides about calls of webhooks, and the like: made again at once, let go on after a fault, given up.

Pushes to CRMs are decided about here as well: they stand in the same states, and leave a visit by the same ways.
"""

from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from automation.call_models import Call
from automation.models import Enrollment
from automation.webhooks import settling
from ops.deciding import decide

State = Call.State
PARKED = Q(state=State.PARKED)
REPEATABLE = Q(state__in=[State.QUEUED, State.PARKED, State.FAILED])


def again(calls: QuerySet[Any], by, now: datetime, said: str = "Had it called again.") -> int:
    """Made now, under the same id, with all its attempts before it. Who has gone on by “failed” stays gone."""
    every = calls.model._default_manager

    def act(ids: list) -> None:
        rows = every.filter(pk__in=ids)
        rows.filter(state=State.FAILED).update(by_hand=True)
        rows.filter(state=State.PARKED).update(alone=True)
        rows.update(state=State.QUEUED, due_at=now, settled_at=None, tries=0, losses=0, reason="", fence=F("fence") + 1)

    return decide(calls.filter(REPEATABLE), by, said, act)


def release(calls: QuerySet[Any], by, now: datetime, said: str = "Had it called again.") -> int:
    """Parked → queued: three more attempts, each alone."""
    return again(calls.filter(PARKED), by, now, said)


def discard(calls: QuerySet[Any], by, now: datetime, said: str = "Gave the call up.") -> int:
    """Parked → failed; whoever waits for it goes on by “failed”."""
    every = calls.model._default_manager

    def act(ids: list) -> None:
        rows = list(every.filter(pk__in=ids))
        places = sorted({row.enrollment_id for row in rows})
        list(Enrollment.objects.filter(pk__in=places).order_by("pk").select_for_update(no_key=True).values_list("pk"))
        every.filter(pk__in=ids).update(
            state=State.FAILED, settled_at=now, reason="A person gave it up.", fence=F("fence") + 1
        )
        settling.wake(rows, now)

    return decide(calls.filter(PARKED), by, said, act)
