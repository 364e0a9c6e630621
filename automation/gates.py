"""Letting people through gates: in the order of their arrival, never more inside than there are places.

Only `admit` lets people in, one gate at a time and under that gate's lock, so two workers cannot give away the same
place. Whether a place is free follows from the enrollments: whoever finished, left early for whatever reason (archived,
merged, taken out by a person), came to the step that ends the section or came back to the gate is inside no more. Who
is parked stays inside until a person decides: nobody else may do then what they may go on with.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Q, Subquery

from automation.gate_models import Gate, Place
from automation.models import Visit
from campaigns import choices as choosing
from campaigns.document import parse
from campaigns.models import Version

# {p}: a place that was taken. Visits are numbered as they begin.
_OVER = """(
    e.left_at IS NOT NULL
    OR EXISTS (SELECT FROM automation_place again WHERE again.enrollment_id = p.enrollment_id
        AND again.gate_id = p.gate_id AND again.occurrence > p.occurrence)
    OR (g.until <> '' AND EXISTS (
        SELECT FROM automation_visit done JOIN automation_visit here ON here.enrollment_id = done.enrollment_id
        WHERE done.enrollment_id = p.enrollment_id AND done.step_uid = g.until AND here.step_uid = g.step_uid
            AND here.occurrence = p.occurrence AND done.id > here.id))
)"""
_INSIDE = f"""(
    SELECT count(*) FROM automation_place p JOIN automation_enrollment e ON e.id = p.enrollment_id
    WHERE p.gate_id = g.id AND p.state = 'inside' AND NOT {_OVER}
)"""
# Their visit says where they stand: those whose step was removed, and who go elsewhere when they get in, too.
_STANDS = """EXISTS (SELECT FROM automation_visit stands WHERE stands.enrollment_id = e.id AND stands.left_at IS NULL
    AND stands.step_uid = g.step_uid AND stands.occurrence = p.occurrence)"""
# Whoever is there still: held, and at the gate. Others that wait were moved away, or are out.
_WAITS = f"p.gate_id = g.id AND p.state = 'waiting' AND e.state = 'held' AND {_STANDS}"
_WAITING = f"SELECT p.id FROM automation_place p JOIN automation_enrollment e ON e.id = p.enrollment_id WHERE {_WAITS}"
_OPEN = f"""
SELECT g.id FROM automation_gate g JOIN campaigns_campaign c ON c.id = g.campaign_id
WHERE c.state IN ('active', 'draining') AND EXISTS ({_WAITING}) AND {_INSIDE} < g.places ORDER BY g.id
"""

# As it is, like everybody who moves people: nobody gets in once a pause or another version has been decided.
_HOLD_CAMPAIGN = """
SELECT c.id FROM campaigns_campaign c JOIN automation_gate g ON g.campaign_id = c.id
WHERE g.id = %s AND c.state IN ('active', 'draining') FOR SHARE OF c SKIP LOCKED
"""
_LOCK = "SELECT id FROM automation_gate WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED"
_TIDY = f"""
UPDATE automation_place p SET state = 'left' FROM automation_gate g, automation_enrollment e
WHERE g.id = %s AND p.gate_id = g.id AND e.id = p.enrollment_id AND (
    (p.state = 'inside' AND {_OVER})
    OR (p.state = 'waiting' AND (e.left_at IS NOT NULL OR NOT {_STANDS}))
)
"""
# An enrollment that somebody has in hand just now (to take it out, say) is passed by: its turn comes right after.
_LET_IN = f"""
WITH free AS MATERIALIZED (
    SELECT g.places - {_INSIDE} AS places FROM automation_gate g WHERE g.id = %(gate)s
), turn AS MATERIALIZED (
    SELECT p.id, p.enrollment_id FROM automation_gate g, automation_place p
    JOIN automation_enrollment e ON e.id = p.enrollment_id
    WHERE g.id = %(gate)s AND {_WAITS} ORDER BY p.arrived_at, p.enrollment_id
    LIMIT (SELECT greatest(places, 0) FROM free) FOR UPDATE OF e SKIP LOCKED
), taken AS (
    UPDATE automation_place SET state = 'inside', taken_at = %(now)s WHERE id IN (SELECT id FROM turn)
), woken AS (
    UPDATE automation_enrollment SET state = 'active', due_at = %(now)s, scheduled_at = %(now)s
    WHERE id IN (SELECT enrollment_id FROM turn)
)
SELECT count(*) FROM turn
"""


def is_due(now: datetime) -> bool:
    """Is there a free place for which somebody waits?"""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS ({_OPEN})")
        return cursor.fetchone()[0]


def admit(now: datetime) -> int:
    """Let in whoever's turn it is, at every gate; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        open_gates = [pk for (pk,) in cursor.fetchall()]
    return sum(_admit_at(pk, now) for pk in open_gates)


@transaction.atomic
def _admit_at(gate_id: int, now: datetime) -> int:
    with connection.cursor() as cursor:
        for lock in (_HOLD_CAMPAIGN, _LOCK):
            cursor.execute(lock, [gate_id])
            if not cursor.fetchone():
                return 0  # another worker is at it, or somebody changes the campaign
        cursor.execute(_TIDY, [gate_id])
        # In a statement of its own: it sees what was committed before the lock was had.
        cursor.execute(_LET_IN, {"gate": gate_id, "now": now})
        return cursor.fetchone()[0]


def follow(campaign, version, now: datetime) -> None:
    """A listener to publishing: gates are as wide as the new version says, at once.

    People who drain finish on their version, so their gate stays as it is where the new version has it otherwise.
    """
    drains = choosing.parse(version.choices).drains
    known = {gate.step_uid: gate for gate in Gate.objects.filter(campaign=campaign, up_to=None)}
    for step in parse(version.document).steps:
        if step.kind == "gate":
            _settle(known.get(step.uid), _gate(campaign, step.uid, step.config), version.number, drains)
    if not drains:
        _unite(campaign)


def _settle(before: Gate | None, wanted: Gate, number: int, drains: bool) -> None:
    if before is None:
        wanted.save()
    elif drains and (before.places, before.until) != (wanted.places, wanted.until):
        before.up_to = number - 1
        before.save(update_fields=["up_to"])
        wanted.save()
    else:
        before.places, before.until = wanted.places, wanted.until
        before.save(update_fields=["places", "until"])


def _unite(campaign) -> None:
    """Everybody inside follows the same version from now on: one gate for all of them."""
    for old in Gate.objects.filter(campaign=campaign, up_to__isnull=False):
        Place.objects.filter(gate=old).update(
            gate=Gate.objects.get(campaign=campaign, step_uid=old.step_uid, up_to=None)
        )
        old.delete()


def _gate(campaign, uid: str, config: dict) -> Gate:
    return Gate(campaign=campaign, step_uid=uid, places=config["places"], until=config.get("until") or "")


def standing(campaign) -> dict[str, tuple[int, int, int]]:
    """Gate by its step: places, how many are inside, how many wait; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT g.step_uid, g.places, {_INSIDE}, (SELECT count(*) FROM ({_WAITING}) AS waiting)"
            " FROM automation_gate g WHERE g.campaign_id = %s",
            [campaign.pk],
        )
        return {uid: (places, inside, waiting) for uid, places, inside, waiting in cursor.fetchall()}


def queue_up(visits: Sequence[Visit], now: datetime) -> None:
    """Whoever comes to the gate is at the end of its queue; all visits are of one step of one version."""
    first = visits[0]
    gate = _gate_at(first)
    if gate is None:
        campaign, step = first.enrollment.campaign, first.step  # type: ignore[attr-defined]
        Gate.objects.bulk_create([_gate(campaign, step.uid, step.config)], ignore_conflicts=True)
        gate = _gate_at(first)
    Place.objects.bulk_create(
        [
            Place(gate=gate, enrollment=visit.enrollment, occurrence=visit.occurrence, arrived_at=now)
            for visit in sorted(visits, key=lambda visit: visit.enrollment.pk)
        ],
        ignore_conflicts=True,
    )


def _gate_at(visit: Visit) -> Gate | None:
    """That of the version: the oldest that is for it still."""
    row = visit.enrollment
    number = Version.objects.filter(pk=row.version_id).values("number")
    its = Gate.objects.filter(campaign=row.campaign_id, step_uid=visit.step_uid)
    fitting = its.filter(Q(up_to=None) | Q(up_to__gte=Subquery(number)))
    return fitting.order_by(F("up_to").asc(nulls_last=True)).first()


def places_of(visits: Sequence[Visit]) -> dict[tuple[int, int], Place]:
    """The places of these visits of one step, by (enrollment, occurrence)."""
    first = visits[0]
    rows = Place.objects.filter(
        gate__campaign=first.enrollment.campaign_id,
        gate__step_uid=first.step_uid,
        enrollment__in=[visit.enrollment.pk for visit in visits],
    )
    return {(place.enrollment_id, place.occurrence): place for place in rows}
