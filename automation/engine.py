"""What campaigns ask of and tell the engine, through `campaigns.doors`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Min, Q

from automation.enrolling import leave
from automation.models import Enrollment, Refusal, Visit
from campaigns.doors import Place
from campaigns.models import Campaign, Message

KEEP_REFUSALS = timedelta(days=90)

# Locked in the order of everybody. In a burst this comes seconds after the mail: what follows counts from the mail.
WAKE = """
WITH held AS MATERIALIZED (
    SELECT e.id, least(m.settled_at, %(now)s) AS at
    FROM automation_visit v JOIN campaigns_message m ON m.id = v.message_id
    JOIN automation_enrollment e ON e.id = v.enrollment_id
    WHERE v.message_id = ANY(%(messages)s) AND v.left_at IS NULL AND e.state = 'held'
    ORDER BY e.id FOR UPDATE OF e
)
UPDATE automation_enrollment e SET state = 'active', due_at = held.at, scheduled_at = held.at
FROM held WHERE e.id = held.id
"""


def standing(campaign: Campaign) -> list[Place]:
    """Who is inside, by version and step."""
    rows = (
        Enrollment.objects.active()
        .filter(campaign=campaign)
        .values("version_id", "step_uid")
        .annotate(
            count=Count("pk"),
            due_from=Min("due_at"),
            due_to=Max("due_at"),
            held=Count("pk", filter=Q(state=Enrollment.State.HELD)),
            parked=Count("pk", filter=Q(state=Enrollment.State.PARKED)),
        )
        .order_by("version_id", "step_uid")
    )
    return [Place(version=row.pop("version_id"), uid=row.pop("step_uid"), **row) for row in rows]


def exit_everyone(campaign: Campaign, now: datetime) -> None:
    """An archived campaign holds nobody."""
    inside = Enrollment.objects.active().filter(campaign=campaign).values_list("pk", flat=True)
    leave(list(inside), "archived", "The campaign was archived.", now)


def wake(messages: Sequence[Message], now: datetime) -> None:
    """Their message is settled: the enrollments go on with its outcome, as of when that was."""
    with connection.cursor() as cursor:
        cursor.execute(WAKE, {"messages": [message.pk for message in messages], "now": now})


def withdrawn(message_ids: Collection[UUID]) -> set[UUID]:
    """Those whose visit is over: whoever left could not cancel what was just being handed over.

    Not those who went on because nobody knew what had become of it: only a person has that sent again.
    """
    over = Visit.objects.filter(message__in=message_ids, left_at__isnull=False).exclude(arm=Message.Outcome.UNKNOWN)
    return set(over.values_list("message_id", flat=True))


def forget_refusals(now: datetime) -> None:
    Refusal.objects.filter(at__lt=now - KEEP_REFUSALS).delete()


def release(enrollment: Enrollment, now: datetime) -> None:
    """A person lets a parked enrollment try again."""
    Enrollment.objects.filter(pk=enrollment.pk, state=Enrollment.State.PARKED).update(
        state=Enrollment.State.ACTIVE, due_at=now, reason="", explanation=""
    )
