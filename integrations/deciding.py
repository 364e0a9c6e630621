"""What a person decides about pushes: made again at once, or given up; and about connections: paused, resumed."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from automation.models import Enrollment
from automation.webhooks.settling import wake
from integrations.models import Connection, Push
from ops import audit
from ops.deciding import decide

State = Push.State
PARKED = Q(state=State.PARKED)
REPEATABLE = Q(state__in=[State.QUEUED, State.PARKED, State.FAILED])


def again(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Made now, with as many attempts as before. Who has gone on by “failed” stays gone."""

    def act(ids: list) -> None:
        rows = Push.objects.filter(pk__in=ids)
        rows.filter(state=State.FAILED).update(by_hand=True)
        rows.filter(state=State.PARKED).update(alone=True)
        rows.update(state=State.QUEUED, due_at=now, settled_at=None, tries=0, losses=0, reason="", fence=F("fence") + 1)

    return decide(pushes.filter(REPEATABLE), by, "Had it pushed again.", act)


def release(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Parked → queued: three more attempts, each alone."""
    return again(pushes.filter(PARKED), by, now)


def discard(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Parked → failed; whoever waits for it goes on by “failed”."""

    def act(ids: list) -> None:
        rows = list(Push.objects.filter(pk__in=ids))
        places = sorted({row.enrollment_id for row in rows})
        list(Enrollment.objects.filter(pk__in=places).order_by("pk").select_for_update(no_key=True).values_list("pk"))
        Push.objects.filter(pk__in=ids).update(
            state=State.FAILED, settled_at=now, reason="A person gave it up.", fence=F("fence") + 1
        )
        wake(rows, now)

    return decide(pushes.filter(PARKED), by, "Gave the push up.", act)


@transaction.atomic
def pause(connection: Connection, by, now: datetime) -> None:
    """Nothing is written until it is resumed; raises ValueError where it is paused already."""
    if not Connection.objects.filter(pk=connection.pk).pause(f"{by} paused it.", now):
        raise ValueError(f"{connection} is paused already.")
    audit.note(by, connection, "Paused the connection.")


@transaction.atomic
def resume(connection: Connection, by, now: datetime) -> int:
    """It goes on at once with what has waited; returns how many pushes that are."""
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    if not connection.is_paused:
        raise ValueError(f"{connection} is not paused.")
    connection.resume()
    audit.note(by, connection, "Resumed the connection.")
    return Push.objects.filter(connection=connection, state=State.QUEUED).update(due_at=now)
