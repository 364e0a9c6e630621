"""What a person decides about a step that the fuse holds: so many go on, or all who wait leave.

The campaign is held against every batch meanwhile: nobody is held by a fuse that was just released.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from automation import fuse_notices, fuses
from automation.enrolling import leave
from automation.fuse_models import Fuse
from automation.models import Enrollment, Visit
from campaigns.doors import Blown
from campaigns.models import Campaign, Step
from lib.outages import again_after_deadlock
from lib.words import people
from ops import audit

AT_ONCE, SHOWN = 500, 20
DECIDED = "Somebody has decided about it meanwhile; nothing was done."
SPREAD = timedelta(minutes=15)

# Who waits longest goes first; whoever leaves just now is passed by. The visit says where they wait: where its step was
# removed they go elsewhere when they are let go.
_WAKE = """
WITH turn AS MATERIALIZED (
    SELECT e.id, v.id AS visit, v.entered_at FROM automation_enrollment e
    JOIN automation_visit v ON v.enrollment_id = e.id AND v.left_at IS NULL
    WHERE e.campaign_id = %(campaign)s AND e.left_at IS NULL AND e.state = 'held'
        AND v.step_uid = %(step)s AND v.facts ->> 'fuse' = 'held'
    ORDER BY v.entered_at, e.id LIMIT %(people)s
), locked AS MATERIALIZED (
    SELECT id FROM automation_enrollment WHERE id IN (SELECT id FROM turn) AND state = 'held' ORDER BY id FOR UPDATE
), placed AS MATERIALIZED (
    SELECT id, visit, %(now)s::timestamptz + %(span)s::interval * (
        row_number() OVER (ORDER BY entered_at, id) - 1) / count(*) OVER () AS at
    FROM turn JOIN locked USING (id)
), marked AS (
    UPDATE automation_visit v SET facts = v.facts || %(facts)s::jsonb, explanation = %(words)s
    FROM placed p WHERE v.id = p.visit
)
UPDATE automation_enrollment e SET state = 'active', due_at = p.at, scheduled_at = p.at FROM placed p WHERE e.id = p.id
"""


class Refused(ValueError):
    """Says in one sentence why that cannot be done."""


@dataclass(frozen=True)
class Terms:
    """How many of those who wait go on (who waits longest first), and how many more may come that day; None: all.

    `first`: who waited longest when that was decided, so that the same said twice lets nobody else go; None: unasked.
    """

    people: int
    more: int | None = 0
    first: int | None = None


def blown(campaign: Campaign | None, now: datetime) -> list[Blown]:
    """A reader for the pages of campaigns: steps that wait for a person, of one campaign or of all."""
    asked = all_blown().filter(campaign=campaign) if campaign else all_blown()
    rows = list(with_waiting(asked.order_by("blown_at", "pk"))[:SHOWN])
    return [_told(row, fuses.today(now)) for row in rows]


def _told(row: Any, day: date) -> Blown:
    words = fuse_notices.step_words(row)
    return Blown(row.pk, row.campaign, row.step_uid, words, fuses.sentence(row, day), row.blown_at, row.waiting)


def all_blown() -> QuerySet[Fuse]:
    """Those that wait for a person: of campaigns that are not over, of steps that are there or where somebody waits."""
    there = Step.objects.filter(version=OuterRef("campaign__live"), uid=OuterRef("step_uid"))
    rows = Fuse.objects.filter(Exists(there) | Exists(_at_it()), blown_at__isnull=False)
    return rows.exclude(campaign__state=Campaign.State.ARCHIVED).select_related("campaign__live")


def with_waiting(rows: QuerySet[Fuse]) -> QuerySet[Any]:
    """`waiting`: how many people are held by it."""
    waits = _at_it().order_by().values("kind").annotate(its=Count("pk")).values("its")
    return rows.annotate(waiting=Coalesce(Subquery(waits[:1]), 0))


def _at_it() -> QuerySet[Visit]:
    """Of the fuse of the outer query."""
    return _waiting(enrollment__campaign=OuterRef("campaign"), step_uid=OuterRef("step_uid"))


def first_waiting(fuse: Fuse) -> int | None:
    """Who waits longest: an enrollment's id; None where nobody waits."""
    waiting = _waiting(enrollment__campaign=fuse.campaign_id, step_uid=fuse.step_uid)
    return waiting.order_by("entered_at", "enrollment_id").values_list("enrollment_id", flat=True).first()


def _waiting(**where: Any) -> QuerySet[Visit]:
    inside = {"enrollment__left_at": None, "enrollment__state": Enrollment.State.HELD}
    rows = Visit.objects.filter(left_at=None, facts__fuse="held")
    return rows.filter(**inside, **where)


def _decision(act: Callable[..., int]) -> Callable[..., int]:
    """Of a fuse that is still blown: with its campaign held, so that no batch is under way."""

    @again_after_deadlock
    @wraps(act)
    def decided(fuse: Fuse, *terms: Any) -> int:
        with transaction.atomic():
            Campaign.objects.select_for_update(no_key=True).get(pk=fuse.campaign_id)
            row = Fuse.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=fuse.pk)
            if row.blown_at is None:
                raise Refused(DECIDED)
            return act(row, *terms)

    return decided


@_decision
def release(fuse: Fuse, terms: Terms, by, now: datetime) -> int:
    """So many go on, many over a quarter of an hour; the fuse is whole again once nobody waits. How many they are."""
    if terms.first is not None and terms.first != first_waiting(fuse):
        raise Refused(DECIDED)
    day = fuses.today(now)
    woken = _wake(fuse, terms.people, by, now)
    left = _waiting(enrollment__campaign=fuse.campaign_id, step_uid=fuse.step_uid).count()
    if left and terms.more != 0:
        raise Refused("Those who wait go before others: let all of them go on, or nobody else today.")
    fuse.delivered_before, fuse.bounced_before = fuses.counted(fuse.campaign_id, fuse.step_uid, day)
    fuse.released_on, fuse.more = day, terms.more
    fuse.blown_at = fuse.blown_at if left else None
    fuse.save()
    audit.note(by, fuse.campaign, f"Let {people(woken)} go on whom the fuse had held{_besides(terms)}.")
    return woken


def _besides(terms: Terms) -> str:
    if terms.more is None:
        return ", and whoever else comes that day"
    return f", and {terms.more:,} more that day" if terms.more else ""


def _wake(fuse: Fuse, people: int, by, now: datetime) -> int:
    span = SPREAD if people > AT_ONCE else timedelta()
    asked: dict[str, Any] = {
        "campaign": fuse.campaign_id, "step": fuse.step_uid, "people": people, "now": now,
        "span": f"{span.total_seconds()} seconds", "words": "A person let them go on, whom the fuse had held.",
        "facts": f'{{"fuse": "released", "fuse_released": "{now.isoformat()}"}}',
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, asked)
        return cursor.rowcount


@_decision
def take_out(fuse: Fuse, by, now: datetime) -> int:
    """All who wait leave the campaign; how many they are."""
    waiting = _waiting(enrollment__campaign=fuse.campaign_id, step_uid=fuse.step_uid)
    ids = list(waiting.values_list("enrollment_id", flat=True))
    count = leave(ids, "fuse", "A person took them out, whom the fuse had held.", now)
    Fuse.objects.filter(pk=fuse.pk).update(blown_at=None)
    audit.note(by, fuse.campaign, f"Took {people(count)} out whom the fuse had held.")
    return count
