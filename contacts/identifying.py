"""Who is it? From the ids that products send to contacts, made and joined as needed."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import OperationalError, connection

from contacts import merging

USER, ANONYMOUS = "user", "anonymous"
Id = tuple[str, str]  # (kind, value)


class Person(NamedTuple):
    """The ids of one item. At least one of `user` and `anonymous` is given; `previous` joins the user."""

    user: str
    anonymous: str = ""
    previous: str = ""

    @property
    def id(self) -> Id:
        """The id that decides whose the item is."""
        return (USER, self.user) if self.user else (ANONYMOUS, self.anonymous)

    @property
    def ids(self) -> list[Id]:
        named = [(USER, self.user), (ANONYMOUS, self.anonymous)]
        return [id_ for id_ in [*named, (USER, self.previous), (ANONYMOUS, self.previous)] if id_[1]]


def identify(
    people: Iterable[Person],
    now: datetime,
    writing: Iterable[Id] = (),
    joins_users: bool = True,
    triggers: bool = True,
) -> dict[Id, int]:
    """The contact of every id, made where it is missing; a fixed number of queries, in one transaction.

    An anonymous contact joins the user that it turns out to be; one that is another known user's stays. Two
    known users become one only where `previous` says so and `joins_users` allows it.
    Contacts that are joined, and those of the ids in `writing`, come back locked, in the order of their ids.
    """
    people, locked = list(dict.fromkeys(people)), False
    ids = sorted({id_ for person in people for id_ in person.ids})
    # Again and again until what is stored says what the items say: another request may get ahead of us.
    for _ in range(6):
        plan = Plan(*_stored(ids), joins_users)
        for person in people:
            plan.take(person)
        if not locked:
            locked = True
            touched = plan.touched()
            _lock(touched | {plan.owner[id_] for id_ in writing if plan.owner[id_] > 0})
            if touched:  # look again under the lock: two users must not get the same anonymous contact
                continue
        if plan.is_done:
            return {id_: plan.owner[id_] for id_ in ids if id_ in plan.owner}
        if plan.missing:
            _make({id_: plan.root(contact) for id_, contact in plan.missing.items()}, now, triggers)
        merging.merge(plan.merges, now)
    raise OperationalError("The ids of a batch change hands faster than they can be read.")


class Plan:
    """What must be written so that every person is one contact, worked out item by item.

    `owner` is id → contact; a number below zero is a contact to be made.
    """

    def __init__(self, owner: dict[Id, int], known: set[int], joins_users: bool = True):
        self.owner, self.joins_users = owner, joins_users
        self.known = known  # contacts that have a user id
        self.became: dict[int, int] = {}
        self.missing: dict[Id, int] = {}
        self.merges: list[tuple[int, int]] = []

    def take(self, person: Person) -> None:
        if person.user and person.anonymous:
            self._join((USER, person.user), (ANONYMOUS, person.anonymous))
        elif person.id not in self.owner:
            self._add(person.id, self._fresh())
        if person.previous and person.previous != person.user:
            before = (USER, person.previous)
            other = before if before in self.owner else (ANONYMOUS, person.previous)
            self._join((USER, person.user), other, told=self.joins_users)

    def touched(self) -> set[int]:
        """The contacts that get an id or are merged."""
        found = {contact for pair in self.merges for contact in pair}
        return found | {contact for token in self.missing.values() if (contact := self.root(token)) > 0}

    @property
    def is_done(self) -> bool:
        return not self.missing and not self.merges

    def root(self, contact: int) -> int:
        while contact in self.became:
            contact = self.became[contact]
        return contact

    def _join(self, user: Id, other: Id, told: bool = False) -> None:
        """One contact for both ids; but another known user's id stays, unless we are told to join them."""
        ours, theirs = self._of(user), self._of(other)
        if theirs and theirs != ours and theirs in self.known and not told:
            theirs = 0
        if not ours:
            ours = theirs or self._fresh()
            self._add(user, ours)
        elif theirs and theirs != ours:
            ours = self._unite(ours, theirs)
        if other not in self.owner:
            self._add(other, ours)

    def _of(self, id_: Id) -> int:
        """The contact of an id; 0: none yet."""
        return self.root(self.owner.get(id_, 0))

    def _fresh(self) -> int:
        return -1 - len(self.missing)

    def _add(self, id_: Id, contact: int) -> None:
        self.missing[id_] = self.owner[id_] = contact
        if id_[0] == USER:
            self.known.add(contact)

    def _unite(self, winner: int, loser: int) -> int:
        if winner < 0 < loser:  # what exists already need not be merged into what does not
            winner, loser = loser, winner
        elif loser > 0:
            self.merges.append((winner, loser))
        self.became[loser] = winner
        self.known.add(winner)
        return winner


_LOCK = "SELECT FROM contacts_contact WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

_STORED = """
SELECT i.kind, i.value, i.contact_id, i.kind = 'user' OR EXISTS (
    SELECT FROM contacts_identity u WHERE u.contact_id = i.contact_id AND u.kind = 'user'
)
FROM json_to_recordset(%s) AS wanted (kind text, value text)
JOIN contacts_identity i ON i.kind = wanted.kind AND i.value = wanted.value
"""

# The contact's number is drawn first and the contact made last, only where its id was still free: so two
# requests that bring the same new id end with one contact, and none is left over. The foreign key is
# checked at commit.
_MAKE = """
WITH wanted AS MATERIALIZED (
    SELECT kind, value, contact FROM json_to_recordset(%s) AS wanted (kind text, value text, contact bigint)
), fresh AS MATERIALIZED (
    SELECT contact, nextval(pg_get_serial_sequence('contacts_contact', 'id')) AS id
    FROM (SELECT DISTINCT contact FROM wanted WHERE contact < 0 ORDER BY contact DESC) AS numbered
), won AS (
    INSERT INTO contacts_identity (kind, value, contact_id, created_at)
    SELECT kind, value, coalesce(fresh.id, wanted.contact), %s
    FROM wanted LEFT JOIN fresh USING (contact) ORDER BY kind, value
    ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id
), made AS (
    INSERT INTO contacts_contact (id, attributes, timezone, is_test, fence, created_at, updated_at)
    SELECT id, '{}', '', false, 0, %s, %s FROM fresh WHERE id IN (SELECT contact_id FROM won) ORDER BY id
    RETURNING id
)
INSERT INTO contacts_change (contact_id, kind, names, triggers, parked_because, due_at)
SELECT id, 'created', '[]', %s, '', %s FROM made ORDER BY id
"""


def _stored(ids: Collection[Id]) -> tuple[dict[Id, int], set[int]]:
    """id → contact for the ids that are there, and which of these contacts have a user id."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [_json({"kind": kind, "value": value} for kind, value in ids)])
        rows = cursor.fetchall()
    return {(kind, value): contact for kind, value, contact, _ in rows}, {row[2] for row in rows if row[3]}


def _lock(contacts: Collection[int]) -> None:
    if contacts:
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [sorted(contacts)])


def _make(missing: dict[Id, int], now: datetime, triggers: bool) -> None:
    rows = ({"kind": kind, "value": value, "contact": contact} for (kind, value), contact in missing.items())
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, [_json(rows), now, now, now, triggers, now])


def _json(rows: Iterable[dict]) -> str:
    """One parameter for any number of rows; a list of arrays would cost its length in adapting."""
    return msgspec.json.encode(list(rows)).decode()
