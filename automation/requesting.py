"""Requests of other software to let contacts in: now, or at a time; what was planned can be cancelled."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from automation import releasing
from automation.admitting import entry_key
from automation.documents import of_version
from automation.enrolling import leave, occasion
from automation.entering import enter_contacts
from automation.models import Enrollment, EntryRequest
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS
from lib.due import Question, work_off
from lib.outages import again_after_deadlock
from ops.models import Source

API = "api"
BATCH = 200
LONGEST_PLAN = timedelta(days=730)
A_MOMENT = timedelta(seconds=2)  # somebody is changing the campaign: then again
State = EntryRequest.State


class Refused(ValueError):
    """Says in one sentence why that cannot be asked for."""


class TakenKey(Refused):
    """The caller's key came before, for something else."""


@again_after_deadlock
@transaction.atomic
def ask(
    campaign: Campaign,
    contact_id: int,
    source: Source,
    now: datetime,
    *,
    key: str = "",
    at: datetime | None = None,
    data: Mapping[str, Any] | None = None,
) -> tuple[EntryRequest, bool]:
    """Let a contact in now, or plan it; returns the request and whether it is a new one. Raises Refused."""
    if key and (there := _there(source, key)):
        return _same(there, campaign, contact_id), False
    _check(campaign, at, now)
    moment = max(at or now, now)
    row = EntryRequest(
        campaign=campaign, contact_id=contact_id, source=source, key=key, data=dict(data or {}),
        at=moment, due_at=moment, created_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:  # sent twice at once: the other one was first
        there = _there(source, key)
        if there is None:
            raise
        return _same(there, campaign, contact_id), False
    if moment <= now:
        _let_in(campaign.pk, now, [row])
    return row, True


def _there(source: Source, key: str) -> EntryRequest | None:
    return EntryRequest.objects.filter(source=source, key=key).first() if key else None


def _same(there: EntryRequest, campaign: Campaign, contact_id: int) -> EntryRequest:
    if (there.campaign_id, there.contact_id) != (campaign.pk, contact_id):
        raise TakenKey("This “id” came before, for another campaign or contact; send one of its own.")
    return there


def _check(campaign: Campaign, at: datetime | None, now: datetime) -> None:
    if campaign.state == Campaign.State.ARCHIVED:
        raise Refused(f"The campaign “{campaign}” is archived; nobody enters it any more.")
    if campaign.live_id is None:
        raise Refused(f"The campaign “{campaign}” is a draft; activate it first.")
    if at and at - now > LONGEST_PLAN:
        raise Refused("“at” is at most 2 years from now.")
    document = of_version(campaign.live_id)
    if not any(trigger.kind == API for trigger in document.triggers):
        label = TRIGGER_KINDS[API].label.lower()
        raise Refused(f"The campaign “{campaign}” does not take people in by “{label}”; add that to its triggers.")


@transaction.atomic
def cancel(pk: int, now: datetime) -> EntryRequest:
    """What is still planned does not happen; what is over stays as it is."""
    row = EntryRequest.objects.select_for_update().get(pk=pk)
    if row.state == State.PLANNED:
        row.state, row.due_at, row.decided_at = State.CANCELLED, None, now
        row.explanation = "Cancelled before its time."
        row.save(update_fields=["state", "due_at", "decided_at", "explanation"])
    return row


@again_after_deadlock  # a mail of theirs may be in hand
@transaction.atomic
def let_out(enrollment: Enrollment, why: str, now: datetime) -> bool:
    """They leave at once; what is queued for them is cancelled. False: they were out already."""
    releasing.hold_campaigns([enrollment.campaign_id])
    return bool(leave([enrollment.pk], API, why, now))


# --- the queue ---


is_due = Question(lambda now: EntryRequest.objects.due(now))


@transaction.atomic
def work(now: datetime) -> int:
    """One batch of those whose time has come; returns how many were decided."""
    rows = list(EntryRequest.objects.claim(now, BATCH))
    by_campaign: dict[int, list[EntryRequest]] = defaultdict(list)
    for row in rows:
        by_campaign[row.campaign_id].append(row)
    for campaign_id, its in sorted(by_campaign.items()):
        for wave in _waves(its):
            work_off(wave, partial(_let_in, campaign_id, now), lambda row, fault: _fail(row, now))
    return sum(row.due_at is None for row in rows)


def _waves(rows: Sequence[EntryRequest]) -> Iterator[list[EntryRequest]]:
    """Nobody twice in one: of two requests the second finds what came of the first."""
    left = list(rows)
    while left:
        wave = list({row.contact_id: row for row in reversed(left)}.values())
        yield wave
        taken = {row.pk for row in wave}
        left = [row for row in left if row.pk not in taken]


def _let_in(campaign_id: int, now: datetime, rows: Sequence[EntryRequest]) -> None:
    what = f"request:{min(row.pk for row in rows)}"
    data = {row.contact_id: row.data for row in rows}
    told = enter_contacts(campaign_id, list(data), now, API, what=what, data_of=data)
    if told is None:
        EntryRequest.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + A_MOMENT)
        return
    left = [row for row in rows if row.contact_id not in told.entered]
    inside = _inside(campaign_id, left) if left else {}
    for row in rows:
        row.due_at, row.decided_at = None, now
        if entered := told.entered.get(row.contact_id):
            row.state, row.enrollment_id = State.ENTERED, entered
        else:
            its = inside.get(row.pk)
            row.state, row.enrollment = State.REFUSED, its
            row.reason, row.explanation = told.refused.get(row.contact_id) or _unsaid(row, its, what)
    fields = ["state", "due_at", "enrollment", "reason", "explanation", "decided_at"]
    EntryRequest.objects.bulk_update(rows, fields)


def _inside(campaign_id: int, rows: Sequence[EntryRequest]) -> dict[int, Enrollment]:
    """By the request: the enrollment in which they were inside before, of the same entry key."""
    live = Campaign.objects.values_list("live", flat=True).get(pk=campaign_id)
    people = Enrollment.objects.active().filter(campaign=campaign_id, contact__in=[row.contact_id for row in rows])
    there = {(one.contact_id, one.entry_key): one for one in people}
    keys = {row.pk: entry_key(of_version(live), row.data) if live else "" for row in rows}
    return {row.pk: its for row in rows if (its := there.get((row.contact_id, keys[row.pk])))}


def _unsaid(row: EntryRequest, inside: Enrollment | None, what: str) -> tuple[str, str]:
    """Nobody let them in and nobody refused them: a repeat brought its data, or another request was quicker."""
    if inside is None:
        return "once", "They had entered before, and the campaign takes everybody in once."
    if inside.event_id == occasion(API, what, row.campaign_id, row.contact_id):
        return "inside", "They were inside already, and have the new data."
    return "inside", "They were already inside, let in by another request at the same moment."


def _fail(row: EntryRequest, now: datetime) -> None:
    explanation = "Something went wrong on our side; it was logged. Ask again."
    row.due_at, row.state = None, State.REFUSED
    EntryRequest.objects.filter(pk=row.pk).update(
        state=State.REFUSED, due_at=None, decided_at=now, reason="fault", explanation=explanation
    )
