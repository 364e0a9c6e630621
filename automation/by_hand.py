"""What a person does with somebody inside a campaign: move to a step, wake now, let out, try again.

Each is guarded by the state that it is about: what went on meanwhile is not done over. Each holds the campaign as it
is, as the engine does when it moves people: nobody is moved to a step while a version without that step is published.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from automation import enrolling, pace, releasing
from automation.documents import of_version
from automation.models import Enrollment, Visit
from automation.zones import spoken, zone_of
from campaigns.document import StepDoc
from campaigns.publishing import describe
from campaigns.step_kinds import STEP_KINDS
from lib.outages import again_after_deadlock
from ops import audit
from ops.models import SiteSettings

State = Enrollment.State


class Refused(ValueError):
    """Says in one sentence why that cannot be done."""


def steps_of(enrollment: Enrollment) -> list[StepDoc]:
    """The steps to which somebody can be moved: those of the version that they follow."""
    return of_version(enrollment.version_id).steps


@again_after_deadlock  # a mail of theirs may be in hand
@transaction.atomic
def move(enrollment: Enrollment, step_uid: str, by, now: datetime) -> str:
    """They go on with that step at once; what is queued for them is cancelled. Returns what was done."""
    row = _inside(enrollment)
    step = next((step for step in steps_of(row) if step.uid == step_uid), None)
    if step is None:
        raise Refused("That step is no longer part of the version that they follow; choose another one.")
    words = describe(step)
    said = f"A person moved them on to “{words}”."[:400]
    enrolling.cancel([row.pk], said, now)
    Visit.objects.filter(enrollment=row, left_at=None).update(left_at=now, arm="moved", explanation=said)
    Enrollment.objects.filter(pk=row.pk).update(
        state=State.ACTIVE,
        step_uid=step_uid,
        due_at=now,
        scheduled_at=now,
        listens=False,
        skips_message=False,  # a wait before said so of the mail that came next then
        reason="",
        explanation="",
    )
    audit.note(by, row, f"Moved it to the step “{words}”."[:400])
    return f"{enrollment.contact} goes on with “{words}”."


@transaction.atomic
def wake(enrollment: Enrollment, by, now: datetime) -> str:
    """Their wait is over now, as if its time had come; who is held back is looked at once more."""
    row = _inside(enrollment)
    if row.state != State.ACTIVE or row.due_at is None or row.due_at <= now:
        raise Refused(f"{enrollment.contact} does not wait for a time just now, so there is nothing to wake.")
    held_back = is_held_back(row)
    Enrollment.objects.filter(pk=row.pk).update(due_at=now, scheduled_at=now, listens=False)
    _say_who_woke(row, by, now)
    audit.note(by, row, "Ended the wait.")
    if held_back:
        return f"{enrollment.contact} is looked at again now; what still holds their mail back goes on holding it."
    return f"{enrollment.contact} goes on now."


def is_held_back(row: Enrollment) -> bool:
    """Do they stand in a step that has its own reasons to wait, such as a window, quiet hours or a limit?"""
    visit = row.visits.filter(left_at=None).first()
    return visit is not None and not _is_a_wait(visit)


def _is_a_wait(visit: Visit) -> bool:
    return visit.kind in STEP_KINDS and STEP_KINDS[visit.kind].waits(visit)


def _say_who_woke(row: Enrollment, by, now: datetime) -> None:
    """The visit tells it; one that listens would find, too, that its time is not up. What is held looks again."""
    visit = row.visits.filter(left_at=None).first()
    if visit is None or not _is_a_wait(visit):
        return
    clock_of_run = pace.clock_of(row)
    at = spoken(clock_of_run(now) if clock_of_run else now, zone_of(row.contact.timezone, SiteSettings.get()))
    who = audit.name_of(by) if by else "A person"
    because = f"{who} ended the wait on {at}, before the time was up."
    visit.facts["woken"] = {"arm": "timeout", "because": because}
    visit.save(update_fields=["facts"])


@again_after_deadlock
@transaction.atomic
def let_out(enrollment: Enrollment, by, now: datetime) -> str:
    """They leave the campaign; what is queued for them is cancelled."""
    row = _inside(enrollment)
    enrolling.leave([row.pk], "by_hand", "A person took them out.", now)
    audit.note(by, row, "Took it out of the campaign.")
    return f"{enrollment.contact} has left “{enrollment.campaign}”."


@transaction.atomic
def retry(enrollment: Enrollment, by, now: datetime) -> str:
    """The step that went wrong is tried once more."""
    if not releasing.release(Enrollment.objects.filter(pk=enrollment.pk), by, now):
        raise Refused(f"{enrollment.contact} is not stopped by a fault any more, so nothing was done.")
    return f"{enrollment.contact} tries the step again."


def parked(ids: Collection[int]) -> QuerySet[Enrollment]:
    """Those of the chosen ones that are parked still."""
    return Enrollment.objects.filter(pk__in=ids, state=State.PARKED)


def _inside(enrollment: Enrollment) -> Enrollment:
    """The row, locked as it is, in a campaign that stays as it is; who is out stays out."""
    releasing.hold_campaigns([enrollment.campaign_id])
    row = Enrollment.objects.select_for_update().get(pk=enrollment.pk)
    if row.state not in Enrollment.INSIDE:
        raise Refused(f"{enrollment.contact} is not inside any more, so nothing was done.")
    if row.step_uid != enrollment.step_uid:
        raise Refused(f"{enrollment.contact} went on to another step meanwhile; look again.")
    return row
