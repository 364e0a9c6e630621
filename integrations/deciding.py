"""What a person decides about pushes: made again at once, or given up; and about connections: paused, resumed."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from automation.webhooks import deciding as calls
from integrations.models import Connection, Push
from ops import audit

State, PARKED = Push.State, calls.PARKED
AGAIN = "Had it pushed again."


def again(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Made now, with as many attempts as before. Who has gone on by “failed” stays gone."""
    return calls.again(pushes, by, now, AGAIN)


def release(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Parked → queued: three more attempts, each alone."""
    return calls.release(pushes, by, now, AGAIN)


def discard(pushes: QuerySet[Push], by, now: datetime) -> int:
    """Parked → failed; whoever waits for it goes on by “failed”."""
    return calls.discard(pushes, by, now, "Gave the push up.")


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
