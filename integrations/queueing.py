"""Pushes before they are made: written with the step, cancelled with those who leave."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F

from integrations.models import Connection, Push
from lib.ids import uuid7


def key_of(enrollment_id: int, step_uid: str, occurrence: int) -> str:
    return f"visit:{enrollment_id}:{step_uid}:{occurrence}"


def queue(connection: Connection, visits: Sequence, now: datetime) -> list[Push]:
    """A push for each visit of one step, due at once; one query."""
    return Push.objects.bulk_create(
        Push(
            id=uuid7(now),
            key=key_of(visit.enrollment.pk, visit.step_uid, visit.occurrence),
            connection=connection,
            contact_id=visit.enrollment.contact_id,
            enrollment=visit.enrollment,
            campaign_id=visit.enrollment.campaign_id,
            step_uid=visit.step_uid,
            occurrence=visit.occurrence,
            extras=visit.step.config.get("values", []),
            due_at=now,
            created_at=now,
        )
        for visit in visits
    )


def cancel(enrollment_ids: Collection[int], explanation: str, now: datetime) -> None:
    """Who leaves is not written any more; what is being written is not heard."""
    Push.objects.filter(enrollment_id__in=enrollment_ids, state__in=Push.OPEN).update(
        state=Push.State.CANCELLED,
        reason=explanation[:400],
        due_at=None,
        lease_until=None,
        settled_at=now,
        fence=F("fence") + 1,
    )
