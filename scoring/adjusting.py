"""What people, steps and the API do to scores: give points, set, reset, take back; move the lifecycle stage."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from contacts.models import Contact
from scoring import settling, telling
from scoring.document import MAX_POINTS, Fading
from scoring.models import Score, ScoreChange, ScoreModel, ScoreRule
from scoring.stage import settle_apart
from segments import membership
from segments.membership import Cause, Occasion

MAX_REASON = 200
ADD, SET, RESET = ScoreRule.Effect.ADD, ScoreRule.Effect.SET, ScoreRule.Effect.RESET
# What the occasion of a settling is called, by what gave the points.
CAUSES = {ScoreChange.Cause.HAND: Cause.HAND, ScoreChange.Cause.STEP: Cause.STEP, ScoreChange.Cause.API: Cause.API}


class Refused(ValueError):
    """Says in one sentence why that cannot be done."""


@dataclass(frozen=True)
class Deed:
    """`effect` add, set or reset; set and reset concern the engagement part (fit follows what is known of them)."""

    effect: str
    points: int = 0
    reason: str = ""
    fading: Fading = field(default_factory=Fading)
    cause: str = ScoreChange.Cause.HAND


@transaction.atomic
def adjust(
    model: ScoreModel,
    contact_ids: Collection[int],
    deed: Deed,
    now: datetime,
    by=None,
    hops: Mapping[int, int] | None = None,
    key: UUID | None = None,
) -> int:
    """Do it to these contacts, and tell of bands crossed; returns how many were concerned.

    In the caller's transaction, or one of its own. `hops`: of those whom the engine's own events led here.
    `key`: for one contact, a second call with it does nothing. Raises Refused.
    """
    _check(model, deed)
    ids = _hold(contact_ids)
    rows = [_row(model, pk, deed, now, by, key) for pk in ids]
    if key and ScoreChange.objects.filter(rule=None, event_id=key).exists():
        return 0
    ScoreChange.objects.bulk_create(rows)
    _settle(model, ids, Occasion(now, CAUSES[ScoreChange.Cause(deed.cause)], hops=hops or {}))
    return len(ids)


def _check(model: ScoreModel, deed: Deed) -> None:
    if not model.is_active:
        raise Refused(f"The score model “{model}” is off; turn it on first.")
    if deed.effect not in ScoreRule.Effect.values:
        raise Refused("The effect must be add, set or reset.")
    if deed.effect == ADD and not deed.points:
        raise Refused(f"The points must be a whole number other than 0, from −{MAX_POINTS:,} to {MAX_POINTS:,}.")
    if abs(deed.points) > MAX_POINTS:
        raise Refused(f"The points must be from −{MAX_POINTS:,} to {MAX_POINTS:,}.")
    if len(deed.reason) > MAX_REASON:
        raise Refused(f"The reason is longer than {MAX_REASON} characters; shorten it.")


def _hold(contact_ids: Collection[int]) -> list[int]:
    """The contacts that are there and were not merged into others, in their lanes."""
    membership.hold(contact_ids)
    return list(Contact.objects.current().filter(pk__in=contact_ids).order_by("pk").values_list("pk", flat=True))


def _row(model: ScoreModel, contact_id: int, deed: Deed, now: datetime, by, key: UUID | None) -> ScoreChange:
    fades = deed.fading
    return ScoreChange(
        model=model,
        contact_id=contact_id,
        event_id=key,
        at=now,
        cause=deed.cause,
        effect=deed.effect,
        points=0 if deed.effect == RESET else deed.points,
        half_life=fades.seconds if fades.how == "half" else None,
        lasts=fades.seconds if fades.how == "expires" else None,
        reason=deed.reason,
        by=by,
    )


def _settle(model: ScoreModel, ids: Collection[int], occasion: Occasion) -> None:
    settle_apart({(model.pk, pk) for pk in ids}, occasion)


@transaction.atomic
def move_stage(
    model: ScoreModel,
    contact_ids: Collection[int],
    stage: int,
    now: datetime,
    by=None,
    forced: bool = False,
    hops: Mapping[int, int] | None = None,
) -> int:
    """Move to a stage (1: the first; 0, forced: none); forward only unless forced. How many moved. Raises Refused."""
    if not model.is_active:
        raise Refused(f"The score model “{model}” is off; turn it on first.")
    if not (0 if forced else 1) <= stage <= len(model.stages):
        raise Refused("There is no such stage; choose one of the model’s.")
    ids = _hold(contact_ids)
    settled = settling.settle({model.pk: ids}, now, every=True)
    moving = [one for one in settled if (one.stage != stage if forced else one.stage < stage)]
    Score.objects.filter(model=model, contact__in=[one.contact_id for one in moving]).update(stage=stage)
    moved = [one._replace(was_stage=one.stage, stage=stage) for one in moving]
    stayed = [one for one in settled if one not in moving]
    occasion = Occasion(now, Cause.HAND, hops=hops or {})
    telling.tell([*moved, *stayed], occasion)
    telling.note([one._replace(changed=True) for one in moved] + stayed, now, hops=hops)
    return len(moved)


@transaction.atomic
def take_back(change: ScoreChange, now: datetime, by=None) -> None:
    """End what was given by hand, step or API; the score follows. Raises Refused for what a rule gave."""
    if not change.model.is_active:
        raise Refused(f"The score model “{change.model}” is off; turn it on first.")
    if change.rule_id:
        raise Refused("A rule gave this; change the rule, or take points by hand.")
    membership.hold([change.contact_id])
    live = ScoreChange.objects.live().filter(pk=change.pk)
    if live.update(ended_at=now, ended_because=ScoreChange.Ended.TAKEN_BACK):
        _settle(change.model, [change.contact_id], Occasion(now, Cause.HAND))
