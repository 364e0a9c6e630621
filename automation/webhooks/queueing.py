"""Calls before they are made: written with the step, cancelled with those who leave."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F

from automation.call_models import Call
from automation.webhooks import receivers
from automation.webhooks.config import origin
from lib.ids import uuid7


def queue(visits: Sequence, now: datetime) -> list[Call]:
    """A call for each visit of one step, due at once; a fixed number of queries."""
    if not visits:
        return []
    step = visits[0].step
    receiver = receivers.receiver(origin(step.config["url"]), now)
    name = answer_name(step)
    return Call.objects.bulk_create(
        Call(
            id=uuid7(now),
            enrollment=visit.enrollment,
            campaign_id=visit.enrollment.campaign_id,
            receiver=receiver,
            step_uid=visit.step_uid,
            occurrence=visit.occurrence,
            config=step.config,
            answer_name=name,
            due_at=now,
            created_at=now,
        )
        for visit in visits
    )


def answer_name(step) -> str:
    """Under what name the answer is kept: as the step says, else its name, else its uid."""
    return step.config.get("answer") or re.sub(r"[^a-z0-9]+", "_", step.name.lower()).strip("_") or step.uid


def cancel(enrollment_ids: Collection[int], explanation: str, now: datetime) -> None:
    """Who leaves has nothing called any more; what is being called is not heard."""
    Call.objects.filter(enrollment_id__in=enrollment_ids, state__in=Call.OPEN).update(
        state=Call.State.CANCELLED,
        reason=explanation[:400],
        due_at=None,
        lease_until=None,
        settled_at=now,
        fence=F("fence") + 1,
    )
