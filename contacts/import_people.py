"""Whom the rows of a file are about: contacts that are here, and those that are to be made.

An id decides. Without one, or where nobody bears it yet, it is the e-mail, if exactly one contact has it;
but a contact that a product knows by another id is somebody else, whatever the address.
"""

from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any

import msgspec

from contacts import import_sql
from contacts.import_rows import Note, Row

SEVERAL = "More than one contact has this e-mail; add a column with their ids."


class Target(msgspec.Struct, eq=False, gc=False):
    """One contact as it will be; `id` is None until it is made."""

    id: int | None = None
    has_id: bool = False  # a product knows it, or will
    user_id: str = ""  # to be given to it
    email: str = ""
    address_id: int | None = None
    timezone: str = ""
    attributes: dict[str, Any] = {}
    names: dict[str, None] = {}  # what becomes different, in its order
    tags: dict[str, None] = {}  # to be put on it
    taken: bool = False  # at least one row is written to it

    @property
    def is_new(self) -> bool:
        return self.id is None


class People:
    """The targets of some rows, found in two queries; `with_address`: no other e-mail can be anybody's yet."""

    def __init__(self, rows: Sequence[Row], with_address: Container[str] | None = None):
        self.known: dict[int, Target] = {}
        self.fresh: list[Target] = []
        self.by_id: dict[str, Target] = {}
        self.by_email: defaultdict[str, list[Target]] = defaultdict(list)
        taken = [row for row in rows if not row.refused]
        self._look_up_ids([row.user_id for row in taken if row.user_id])
        emails = {row.email for row in taken if row.email and row.user_id not in self.by_id}
        self._look_up_emails([email for email in emails if with_address is None or email in with_address])
        # Those with ids come first, so that the order of the rows does not matter.
        for row in taken:
            if row.user_id:
                self._of_id(row)

    def target(self, row: Row) -> Target | None:
        """None, with the reason noted in the row, where it could be about several."""
        if row.user_id:
            return self.by_id[row.user_id]
        same = self.by_email[row.email]
        if len(same) > 1:
            row.refused = Note(SEVERAL, row.email)
            return None
        return same[0] if same else self._make(row.email)

    def _look_up_ids(self, user_ids: list[str]) -> None:
        if user_ids:
            for value, contact in import_sql.ask(import_sql.BY_ID, [import_sql.rows(user_ids)]):
                self.by_id[value] = self._contact(contact, has_id=True)

    def _look_up_emails(self, emails: list[str]) -> None:
        if emails:
            for email, contact, has_id in import_sql.ask(import_sql.OWNERS, [import_sql.rows(emails)]):
                self.by_email[email].append(self._contact(contact, has_id))

    def _contact(self, pk: int, has_id: bool) -> Target:
        if pk not in self.known:
            self.known[pk] = Target(pk, has_id)
        return self.known[pk]

    def _make(self, email: str) -> Target:
        target = Target()
        self.fresh.append(target)
        if email:
            self.by_email[email].append(target)
        return target

    def _of_id(self, row: Row) -> None:
        target = self.by_id.get(row.user_id)
        if target is None:
            same = self.by_email[row.email] if row.email else []
            target = same[0] if len(same) == 1 and not same[0].has_id else self._make(row.email)
            target.user_id, target.has_id = row.user_id, True
            self.by_id[row.user_id] = target
        elif row.email and target not in self.by_email[row.email]:
            self.by_email[row.email].append(target)
