"""Contacts in hand while enrollments are: for steps that write about people.

Elsewhere contacts are locked before enrollments; here the enrollments are held already. So nobody is waited for:
whom somebody else writes about just now is asked again a moment later.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection

from automation.models import Visit
from campaigns.step_kinds import Outcome, Wait

A_MOMENT = timedelta(seconds=1)
BUSY = "Something else is being written about them just now."

# What a contact became by a merge is written about instead of it.
_CURRENT = "SELECT id, coalesce(merged_into_id, id) FROM contacts_contact WHERE id = ANY(%s)"
_HOLD = """
SELECT id FROM contacts_contact WHERE id = ANY(%s) AND merged_into_id IS NULL ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""


def held(contact_ids: Sequence[int]) -> dict[int, int]:
    """Lock those contacts that nobody has in hand: contact → what it is by now (itself, or what it was merged into)."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT, [sorted(set(contact_ids))])
        current = dict(cursor.fetchall())
        cursor.execute(_HOLD, [sorted(set(current.values()))])
        free = {pk for (pk,) in cursor.fetchall()}
    return {pk: now_is for pk, now_is in current.items() if now_is in free}


def with_people(
    visits: Sequence[Visit], now: datetime, work: Callable[[list[Visit], dict[int, int]], list[Outcome]]
) -> list[Outcome]:
    """The outcomes of `work(visits, contacts)` for those whose contacts are free, in the order of all visits."""
    contacts = held([visit.enrollment.contact_id for visit in visits])
    going = [visit for visit in visits if visit.enrollment.contact_id in contacts]
    outcomes = iter(work(going, contacts) if going else [])
    return [
        next(outcomes) if visit.enrollment.contact_id in contacts else Wait(BUSY, now + A_MOMENT) for visit in visits
    ]


def hops_of(visits: Sequence[Visit], contacts: dict[int, int]) -> dict[int, int]:
    """Contact → how many deeds of the engine's own led to these visits; the changes they make count one more."""
    found: dict[int, int] = {}
    for visit in visits:
        pk = contacts[visit.enrollment.contact_id]
        found[pk] = max(found.get(pk, 0), visit.enrollment.hops)
    return found
