"""Two contacts that turned out to be one.

`merge` does what must hold at once, in the caller's transaction: the ids, the attributes, the news that the
pipeline has not read yet. `move_history` moves the rest afterwards, as due work. The loser's own row stays
as it was, so that work in hand for it can still be rendered and the merge can be undone.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from contacts.models import LANES, Change, CompanyMember, ConsentRecord, Contact, ContactTag, Identity, Merge
from lib import lanes
from lib.due import Question, work_off
from lib.registry import Registry

# A transaction under way during the merge may still write to the loser: history is moved a second time.
SECOND_LOOK = timedelta(minutes=10)
LANE_LOCK = 7301  # the class of the advisory locks that events.pipeline takes on its lanes

# Apps above register `step(winner_id, loser_id, now)`: moves what they keep, and returns True when more is
# left for another round. It runs inside a transaction that holds both contacts and their lanes, and may run again.
Step = Callable[[int, int, datetime], bool | None]
merge_steps: Registry[Step] = Registry("merge step")


@transaction.atomic
def merge(pairs: Sequence[tuple[int, int]], now: datetime) -> None:
    """Merge each (winner, loser); a fixed number of queries.

    A winner that was merged itself stands for the contact it became; a loser that was merged already is
    left alone. So chains, circles and repetitions end well, and two workers may say the same at once.
    """
    if not pairs:
        return
    rows = _locked({pk for pair in pairs for pk in pair})
    states = _States(rows)
    merges = [made for winner, loser in pairs if (made := _absorb(rows, states, winner, loser, now))]
    if not merges:
        return
    losers = [made.loser_id for made in merges]
    fields = ["attributes", "address", "timezone", "created_at", "last_seen_at", "updated_at", "fence"]
    Contact.objects.bulk_update(_followed(rows), [*fields, "merged_into"])
    Merge.objects.bulk_create(merges)
    _move_people(losers)
    _move_news(losers)
    winners = {_root(rows, pk) for pk in losers}
    Change.objects.bulk_create(
        Change(contact_id=pk, kind=Change.Kind.MERGED, due_at=now, triggers=False) for pk in sorted(winners)
    )


is_due = Question(lambda now: Merge.objects.due(now))


def move_history(now: datetime, limit: int = 100) -> int:
    """Move what belonged to losers, one merge a transaction; the number of merges worked on."""
    for done in range(limit):
        with transaction.atomic():
            rows = list(Merge.objects.claim(now, 1))
            work_off(rows, lambda rows: _move(rows[0], now), _park)
        if not rows:
            return done
    return limit


def _move(row: Merge, now: datetime) -> None:
    winner_id = _became(row.loser_id)  # the winner may have been merged on since
    if winner_id is not None:
        lanes.hold(LANE_LOCK, (pk % LANES for pk in (winner_id, row.loser_id)))  # nobody asks about the two meanwhile
    both = Contact.objects.filter(pk__in=[winner_id or row.winner_id, row.loser_id]).order_by("pk")
    list(both.select_for_update(no_key=True).values_list("pk"))
    if _became(row.loser_id) != winner_id:
        return  # merged on while we waited: it is due still
    if winner_id is None:  # undone
        row.due_at = None
        row.save(update_fields=["due_at"])
        return
    _move_people([row.loser_id])
    _move_news([row.loser_id])
    Change.objects.filter(contact=row.loser_id, due_at=None).update(contact=winner_id)
    ConsentRecord.objects.filter(contact=row.loser_id).update(contact=winner_id)
    # Apps above come first: enrollments are locked before messages everywhere.
    more = [step(winner_id, row.loser_id, now) for step in reversed(list(merge_steps))]
    second_look = row.at + SECOND_LOOK
    if not any(more):
        row.due_at = second_look if now < second_look else None
    row.save(update_fields=["due_at"])


def _became(loser_id: int) -> int | None:
    return Contact.objects.values_list("merged_into", flat=True).get(pk=loser_id)


def _park(row: Merge, fault: Exception) -> None:
    row.due_at, row.fault = None, f"Its history could not be moved: {fault}"[:1000]
    row.save(update_fields=["due_at", "fault"])


# --- who is concerned ---


def _locked(ids: Collection[int]) -> dict[int, Contact]:
    """The contacts, what they became and what became them, all locked in the order of their ids."""
    wanted = set(ids)
    while True:
        family = Q(pk__in=wanted) | Q(merged_into__in=wanted) | Q(merged_from__in=wanted)
        keys = set(Contact.objects.filter(family).values_list("pk", flat=True)) | wanted
        locking = Contact.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
        rows = {contact.pk: contact for contact in locking}
        roots = {contact.merged_into_id for contact in rows.values() if contact.merged_into_id}
        if roots <= rows.keys():
            return rows
        wanted = keys | roots  # one of them was merged while we waited


def _root(rows: dict[int, Contact], pk: int) -> int:
    while parent := rows[pk].merged_into_id:
        pk = parent
    return pk


def _followed(rows: dict[int, Contact]) -> list[Contact]:
    """Every contact with its end of the chain: `merged_into` never names a contact that was merged itself."""
    for pk, contact in rows.items():
        contact.merged_into_id = None if (root := _root(rows, pk)) == pk else root
    return list(rows.values())


# --- what a contact is ---


class _States:
    """Tags, companies and ids of the contacts, for the undo rows."""

    def __init__(self, rows: Iterable[int]):
        keys = list(rows)
        self.tags = _grouped(ContactTag.objects.filter(contact__in=keys).values_list("contact", "tag"))
        members = CompanyMember.objects.filter(contact__in=keys)
        self.companies = _grouped(members.values_list("contact", "company"))
        self.identities = _grouped(Identity.objects.filter(contact__in=keys).values_list("contact", "id"))

    def of(self, contact: Contact) -> dict[str, Any]:
        return {
            "attributes": contact.attributes,
            "address": contact.address_id,
            "timezone": contact.timezone,
            "created_at": contact.created_at.isoformat(),
            "last_seen_at": contact.last_seen_at.isoformat() if contact.last_seen_at else None,
            "tags": sorted(self.tags.get(contact.pk, [])),
            "companies": sorted(self.companies.get(contact.pk, [])),
            "identities": sorted(self.identities.get(contact.pk, [])),
        }

    def unite(self, winner: int, loser: int) -> None:
        """A later merge of the same batch must see what this one did."""
        for kept in (self.tags, self.companies, self.identities):
            kept[winner] = kept.get(winner, set()) | kept.get(loser, set())
        self.identities.pop(loser, None)


def _grouped(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    groups: dict[int, set[int]] = {}
    for key, value in pairs:
        groups.setdefault(key, set()).add(value)
    return groups


def _absorb(rows: dict[int, Contact], states: _States, winner_id: int, loser_id: int, now: datetime) -> Merge | None:
    """Let the winner have what it lacks; None where there is nothing to merge."""
    if winner_id not in rows or loser_id not in rows or rows[loser_id].merged_into_id:
        return None
    winner, loser = rows[_root(rows, winner_id)], rows[loser_id]
    if winner is loser:
        return None
    undo = {"winner": states.of(winner), "loser": states.of(loser)}
    states.unite(winner.pk, loser.pk)
    winner.attributes = _filled(winner.attributes, loser.attributes)
    winner.address_id = winner.address_id or loser.address_id
    winner.timezone = winner.timezone or loser.timezone
    winner.created_at = min(winner.created_at, loser.created_at)
    winner.last_seen_at = max(filter(None, [winner.last_seen_at, loser.last_seen_at]), default=None)
    winner.updated_at = loser.updated_at = now
    winner.fence, loser.fence = winner.fence + 1, loser.fence + 1
    loser.merged_into_id = winner.pk
    return Merge(winner=winner, loser=loser, at=now, undo=undo, due_at=now)


def _filled(ours: dict, theirs: dict) -> dict:
    """Our values, and theirs where we have none."""
    united = dict(ours)
    for key, value in theirs.items():
        mine = united.get(key)
        if mine is None:
            united[key] = value
        elif isinstance(mine, dict) and isinstance(value, dict):
            united[key] = _filled(mine, value)
    return united


# --- following `merged_into` ---

_IDENTITIES = """
UPDATE contacts_identity SET contact_id = contact.merged_into_id
FROM contacts_contact AS contact
WHERE contact.id = contacts_identity.contact_id
    AND contact.id = ANY(%s) AND contact.merged_into_id IS NOT NULL
"""
_TAGS = """
INSERT INTO contacts_contacttag (contact_id, tag_id, added_at)
SELECT contact.merged_into_id, worn.tag_id, min(worn.added_at)
FROM contacts_contacttag AS worn JOIN contacts_contact AS contact ON contact.id = worn.contact_id
WHERE contact.id = ANY(%s) AND contact.merged_into_id IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (contact_id, tag_id) DO NOTHING
"""
_COMPANIES = """
INSERT INTO contacts_companymember (contact_id, company_id, since)
SELECT contact.merged_into_id, member.company_id, min(member.since)
FROM contacts_companymember AS member JOIN contacts_contact AS contact ON contact.id = member.contact_id
WHERE contact.id = ANY(%s) AND contact.merged_into_id IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (contact_id, company_id) DO NOTHING
"""
_NEWS = """
UPDATE contacts_change SET contact_id = contact.merged_into_id
FROM contacts_contact AS contact
WHERE contact.id = contacts_change.contact_id AND contact.merged_into_id IS NOT NULL
    AND contacts_change.lane = ANY(%s) AND contacts_change.contact_id = ANY(%s)
    AND contacts_change.due_at IS NOT NULL
"""


def _move_people(losers: list[int]) -> None:
    with connection.cursor() as cursor:
        for statement in (_IDENTITIES, _TAGS, _COMPANIES):
            cursor.execute(statement, [losers])


def _move_news(losers: list[int]) -> None:
    """Let the pipeline read what happened just now as the winner's.

    A lane that a worker has in hand is passed by, else its news would be read twice; what the worker makes
    of it is moved as history.
    """
    if free := lanes.hold_free(LANE_LOCK, (pk % LANES for pk in losers)):
        with connection.cursor() as cursor:
            cursor.execute(_NEWS, [sorted(free), losers])
