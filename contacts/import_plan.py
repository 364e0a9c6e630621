"""What some rows of a file will do: whom each is about, and what that changes.

A dry run and the import itself make the same plan; the import makes it under locks and then writes it
(contacts.import_writing). At most seven queries, whatever the number of rows.
"""

from collections.abc import Container, Sequence
from typing import Any

import msgspec
from django.db import OperationalError

from contacts import addresses, import_sql
from contacts.import_mapping import Mapping
from contacts.import_people import People, Target
from contacts.import_rows import Note, Row, shown
from contacts.models import Suppression
from contacts.traits import merged, over_limit

NEW, UPDATED, UNCHANGED, LEFT = "new", "updated", "unchanged", "left"
REFUSED, SUPERSEDED = "refused", "superseded"
ERASED = "The person behind this address was erased on request and is not taken up again."
STAYS_UNSUBSCRIBED = "The address unsubscribed before, and stays so."
IS_HERE, IS_NOT_HERE = Note("The contact is here already."), Note("There is no such contact.")


class ChangedHands(OperationalError):
    """Somebody else wrote about the same people meanwhile; plan anew. Nobody's fault: a job stays due."""


class Fate(msgspec.Struct, array_like=True, gc=False):
    """What became of one row, for the report and the file."""

    line: int
    key: str
    what: str
    why: list[Note] = []


class Plan:
    """Rows of one batch, worked out: `targets` is what to write, `fates` what to report, each in the rows' order."""

    def __init__(self, rows: Sequence[Row], mapping: Mapping):
        self.rows, self.mapping = rows, mapping
        self.mails: dict[str, str] = {}  # address → its digest
        self.targets: list[Target | None] = []
        self.fates: list[Fate] = []
        self.subscribing: dict[str, Target] = {}
        self.unwanted: set[str] = set()  # addresses that may get no mail
        self.is_flat = mapping.empty == "leave" and not any("." in column.attribute for column in mapping.columns)
        self._look_at_addresses()

    def work_out(self, with_address: Container[str] | None = None, locking: bool = False) -> None:
        """Find whom each row is about and what it changes; `locking`: hold those that are here."""
        people = People(self.rows, with_address)
        self.targets = [None if row.refused else people.target(row) for row in self.rows]
        _read(people.known, import_sql.KEPT_AND_LOCKED if locking else import_sql.KEPT)
        self.worn = self._look_at_tags(people.known)
        self.said = self._look_at_topic()
        for row, target in zip(self.rows, self.targets, strict=True):
            self.fates.append(self._fate(row, target))

    @property
    def written(self) -> list[Target]:
        """Every contact that rows are written to, once."""
        return list(dict.fromkeys(target for target in self.targets if target and target.taken))

    # --- what is known ---

    def _look_at_addresses(self) -> None:
        self.mails = {
            row.email: addresses.digest(row.email).hex() for row in self.rows if row.email and not row.refused
        }
        if not self.mails:
            return
        found = dict(import_sql.ask(import_sql.SUPPRESSED, [import_sql.mails(self.mails)]))
        self.unwanted = set(found)
        for row in self.rows:
            if row.email not in found or row.refused:
                continue
            if Suppression.Reason.ERASED in found[row.email]:
                row.refused = Note(ERASED, row.email)
                self.mails.pop(row.email, None)
            else:
                because = Suppression.Reason(found[row.email][0]).label
                row.notes = [*row.notes, Note(f"The address gets no mail. {because}.", row.email)]

    def _look_at_tags(self, known: dict[int, Target]) -> set[tuple[int, str]]:
        tags = {*self.mapping.tags, *(tag for row in self.rows for tag in row.tags)}
        if not (tags and known):
            return set()
        return set(import_sql.ask(import_sql.WORN, [import_sql.ids(known), sorted(tags)]))

    def _look_at_topic(self) -> dict[str, tuple[bool, bool]]:
        if not (self.mapping.topic and self.mails):
            return {}
        rows = import_sql.ask(import_sql.SAID, [import_sql.rows(self.mails), self.mapping.topic])
        return {email: (bool(off), bool(on)) for email, off, on in rows}

    # --- what is to be written ---

    def _fate(self, row: Row, target: Target | None) -> Fate:
        if row.refused or target is None:
            return Fate(row.line, shown(row.key), REFUSED, [row.refused] if row.refused else [])
        if target.id and self.mapping.known == "leave":
            return Fate(row.line, row.key, LEFT, [IS_HERE])
        if target.is_new and self.mapping.unknown == "leave":
            return Fate(row.line, row.key, LEFT, [IS_NOT_HERE])
        is_first, target.taken = not target.taken, True
        changed = self._apply(row, target)
        if self.mapping.topic and row.email:
            self._subscribe(row, target)
        what = NEW if target.is_new and is_first else UPDATED if changed else UNCHANGED
        return Fate(row.line, row.key, what, row.notes)

    def _apply(self, row: Row, target: Target) -> bool:
        attributes, names = self._merged(row, target)
        if names and (limit := over_limit(attributes)):
            row.notes = [*row.notes, Note(f"The contact would have {limit}; none of the row's was written.")]
            names = []
        else:
            target.attributes = attributes
        if row.email and row.email != target.email:
            target.email = row.email
            names.append("email")
        if row.timezone is not None and row.timezone != target.timezone:
            target.timezone = row.timezone
            names.append("timezone")
        tags = [tag for tag in (*self.mapping.tags, *row.tags) if (target.id, tag) not in self.worn]
        tags = [tag for tag in tags if tag not in target.tags]
        if names:
            target.names = {**target.names, **dict.fromkeys(names)}
        if tags:
            target.tags = {**target.tags, **dict.fromkeys(tags)}
        return bool(names or tags or target.user_id)

    def _merged(self, row: Row, target: Target) -> tuple[dict[str, Any], list[str]]:
        if self.is_flat and not target.attributes:  # nearly every new contact
            return row.patch, list(row.patch)
        patch = _without_vain_removals(row.patch, target.attributes) if self.mapping.empty == "clear" else row.patch
        return merged(target.attributes, patch)

    def _subscribe(self, row: Row, target: Target) -> None:
        off, on = self.said.get(row.email, (False, False))
        if off:
            row.notes = [*row.notes, Note(STAYS_UNSUBSCRIBED, row.email)]
        elif not on and row.email not in self.unwanted:
            self.subscribing.setdefault(row.email, target)


def _read(known: dict[int, Target], statement: str) -> None:
    """What is kept about those that are here."""
    if not known:
        return
    kept = import_sql.ask(statement, [import_sql.ids(sorted(known))])
    if len(kept) < len(known):  # one was merged since it was looked up
        raise ChangedHands
    for pk, attributes, *rest in kept:
        target = known[pk]
        target.attributes = msgspec.json.decode(attributes)
        target.email, target.timezone, target.address_id = rest


def _without_vain_removals(patch: dict[str, Any], kept: Any) -> dict[str, Any]:
    """Without the removals of what is not there, which would leave an empty object on the way to it."""
    result: dict[str, Any] = {}
    for key, value in patch.items():
        there = kept.get(key) if isinstance(kept, dict) else None
        if isinstance(value, dict):
            if inner := _without_vain_removals(value, there):
                result[key] = inner
        elif value is not None or (isinstance(kept, dict) and key in kept):
            result[key] = value
    return result
