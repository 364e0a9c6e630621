"""The one door in: items become contacts, events and Change rows, in one transaction.

The order of what is locked is the same for everyone: message ids, addresses, contacts, companies,
each sorted.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import msgspec
from django.db import OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from contacts import companies, identifying, traits
from contacts.companies import Joining
from contacts.traits import Telling
from events import sql
from events.items import Item, Refused
from events.models import RejectedEvent
from events.preparing import Prepared, key_of, prepare
from lib.clean_json import Unclean, clean
from lib.due import work_off
from lib.ids import uuid7
from ops.models import Source

OWN_SOURCE = "Dripline"
STRANGERS = "Both ids are known users; only a server key may make them one contact."
MAX_HOPS = 10
MAX_PAYLOAD = 4000
ATTEMPTS = 3
T = TypeVar("T")


class Recorded(msgspec.Struct):
    """What became of a batch: how many items were new or came before; (index, reason) of the others."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, str]] = []


class OwnEvent(msgspec.Struct):
    """Something that the engine itself did to a contact; a second one with the same key is dropped."""

    contact_id: int
    type: str
    properties: Mapping[str, Any]
    hops: int
    key: str
    occurred_at: datetime

    @property
    def message_id(self) -> str:
        return self.key


def record(
    source: Source, items: Sequence[Item | Refused], now: datetime, triggers: bool = True, trusted: bool = True
) -> Recorded:
    """Write what a source sends. A fixed number of queries; all of it or, when the database fails, nothing.

    An item that cannot be taken is shown under Rejected events and leaves the others alone. `triggers=False`
    (imports) lets the events count without starting anything. `trusted=False` (a write key, which anybody may
    read in a web page) cannot make one contact of two known users.
    """
    return _patiently(lambda: _Batch(source, items, now, triggers, trusted).record())


def record_own(rows: Sequence[OwnEvent], now: datetime, triggers: bool = True) -> int:
    """Write events that the engine caused; returns how many are new. Too many hops: shown, not written."""
    return _patiently(lambda: _record_own(rows, now, triggers))


def _patiently(work: Callable[[], T]) -> T:
    """Run in a transaction; three orders of locking may still meet in a circle, which the database breaks."""
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return work()
        except OperationalError as fault:
            last = attempt == ATTEMPTS - 1 or connection.in_atomic_block
            if last or not isinstance(fault.__cause__, DeadlockDetected):
                raise
    raise AssertionError("unreachable")


class _Batch:
    """One call of `record`."""

    def __init__(self, source: Source, items: Sequence[Item | Refused], now: datetime, triggers: bool, trusted: bool):
        self.source, self.items, self.now = source, items, now
        self.triggers, self.trusted = triggers, trusted
        self.rejected: list[tuple[int, str]] = []
        self.notes: list[tuple[int, str]] = []

    def record(self) -> Recorded:
        rows = self._prepared()
        new = _take_keys(self.source, rows, self.now)
        refused = len(self.rejected)
        work_off(new, self._store, self._refuse)
        self._show()
        accepted = len(new) - (len(self.rejected) - refused)
        return Recorded(accepted, len(rows) - len(new), sorted(self.rejected))

    def _prepared(self) -> list[Prepared]:
        rows = []
        for index, item in enumerate(self.items):
            try:
                if isinstance(item, Refused):
                    raise Unclean(item.reason)
                rows.append(prepare(index, item, self.now))
            except Unclean as fault:
                self.rejected.append((index, str(fault)))
        return rows

    def _store(self, rows: Sequence[Prepared]) -> None:
        tellers = [row for row in rows if row.traits or row.kind == "identify"]
        addresses = traits.address_ids((row.traits for row in tellers), self.now)
        writing = [row.person.id for row in tellers]
        contacts = identifying.identify((row.person for row in rows), self.now, writing, self.trusted, self.triggers)
        notes = [(row.index, STRANGERS) for row in rows if _kept_apart(row, contacts)]
        told = [Telling(row.index, contacts[row.person.id], row.traits, row.occurred_at) for row in tellers]
        notes += traits.write(told, addresses, self.source.pk, self.now, self.triggers)
        joining = [Joining(contacts[row.person.id], row.company, row.company_traits) for row in rows if row.company]
        full = companies.join(joining, self.source.pk, self.now, self.triggers)
        notes += [(row.index, full[row.company]) for row in rows if row.company in full]
        events = [_event(row, contacts[row.person.id]) for row in rows if row.type]
        _write(events, self.source, self.now, self.triggers, seen=True)
        self.notes += notes

    def _refuse(self, row: Prepared, fault: Exception) -> None:
        self.rejected.append((row.index, "The database refused the event; write to us with its “messageId”."))

    def _show(self) -> None:
        _show(self.source, [(reason, self.items[n]) for n, reason in [*self.rejected, *self.notes]], self.now)


def _record_own(rows: Sequence[OwnEvent], now: datetime, triggers: bool) -> int:
    source = Source.objects.get_or_create(name=OWN_SOURCE)[0]
    events, refused = [], []
    new = _take_keys(source, rows, now)
    with connection.cursor() as cursor:
        cursor.execute(sql.CURRENT_CONTACTS, [[row.contact_id for row in new]])
        current = dict(cursor.fetchall())
    for row in new:
        try:
            if row.contact_id in current:
                events.append(_own_event(row, current[row.contact_id]))
        except Unclean as fault:
            refused.append((str(fault), row))
    _show(source, refused, now)
    _write(events, source, now, triggers, seen=False)
    return len(events)


Row = TypeVar("Row", Prepared, OwnEvent)


def _kept_apart(row: Prepared, contacts: dict[identifying.Id, int]) -> bool:
    """Was this alias refused? What its ids name are still two contacts."""
    before = contacts.get((identifying.USER, row.person.previous))
    return bool(row.person.previous) and before not in (None, contacts[row.person.id])


def _take_keys(source: Source, rows: Sequence[Row], now: datetime) -> list[Row]:
    """The rows that did not come before, here or in this batch."""
    first: dict[UUID, int] = {}
    for n, row in enumerate(rows):
        first.setdefault(key_of(source.pk, row.message_id) if row.message_id else uuid4(), n)
    asked = [{"n": n, "key": key} for key, n in first.items() if rows[n].message_id]
    new = {n for n in first.values() if not rows[n].message_id}
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(sql.TAKE_KEYS, [_json(asked), now])
            new |= {n for (n,) in cursor.fetchall()}
    return [rows[n] for n in sorted(new)]


def _event(row: Prepared, contact: int) -> dict[str, Any]:
    return {
        "type": row.type, "contact": contact, "at": row.occurred_at,
        "properties": row.properties, "context": row.context,
    }  # fmt: skip


def _own_event(row: OwnEvent, contact: int) -> dict[str, Any]:
    if row.hops > MAX_HOPS:
        raise Unclean(f"More than {MAX_HOPS} of our own events led here; campaigns may be starting each other.")
    return {
        "type": row.type, "contact": contact, "at": row.occurred_at,
        "properties": clean(row.properties), "context": {}, "hops": row.hops,
    }  # fmt: skip


def _write(events: list[dict[str, Any]], source: Source, now: datetime, triggers: bool, seen: bool) -> None:
    """Events and their Change rows, in the given order."""
    if not events:
        return
    for event, pk in zip(events, sorted(uuid7(now) for _ in events), strict=True):
        event["id"] = pk
    with connection.cursor() as cursor:
        cursor.execute(
            sql.WRITE_EVENTS,
            {"rows": _json(events), "source": source.pk, "now": now, "triggers": triggers, "seen": seen},
        )


def _show(source: Source, refused: Sequence[tuple[str, object]], now: datetime) -> None:
    RejectedEvent.objects.bulk_create(
        RejectedEvent(source=source, received_at=now, reason=reason[:400], payload=str(payload)[:MAX_PAYLOAD])
        for reason, payload in refused
    )


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
