"""From the cells of one row to what is to be written about one person. No database here."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from contacts.addresses import NotAnAddress, normalise
from contacts.import_files import Line
from contacts.import_mapping import MAX_TAG, Mapping
from contacts.import_types import TYPES, Reader, Unreadable, words
from contacts.traits import ZONES

MAX_ID, LONGEST_SHOWN = 255, 100


class Note(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What must be said about a row: a sentence that many rows share, and the value it is about."""

    reason: str
    value: str = ""


class Row(msgspec.Struct, gc=False):
    """One row as it is understood; `refused` where nothing of it is taken."""

    line: int
    user_id: str = ""
    email: str = ""
    timezone: str | None = None
    tags: list[str] = []
    patch: dict[str, Any] = {}
    notes: list[Note] = []
    refused: Note | None = None

    @property
    def key(self) -> str:
        """By what a person recognises the row."""
        return self.user_id or self.email


class RowReader:
    """Reads rows as a mapping says; made once for many rows."""

    def __init__(self, names: Sequence[str], mapping: Mapping, zone: ZoneInfo):
        self.names, self.zone, self.width = names, zone, len(names)
        self.clears = mapping.empty == "clear"
        self.places: dict[str, int] = {}
        self.attributes: list[tuple[int, list[str], Reader | None, str]] = []
        for place, column in enumerate(mapping.columns):
            if column.use == "attribute":
                kind = TYPES[column.type]
                read = None if column.type == "text" else kind.read
                self.attributes.append((place, column.attribute.split("."), read, kind.noun))
            elif column.use != "skip":
                self.places[column.use] = place

    def keys(self, lines: Sequence[Line]) -> list[str]:
        """What stands for the person of each row, the same for two rows about one; empty: nothing does."""
        by_id, by_email = self.places.get("user_id"), self.places.get("email")
        found = []
        for _, cells in lines:
            user_id = cells[by_id].strip() if by_id is not None and by_id < len(cells) else ""
            if user_id:
                found.append(f"#{user_id}")
            else:
                found.append(cells[by_email].strip().lower() if by_email is not None and by_email < len(cells) else "")
        return found

    def read(self, line: int, cells: list[str]) -> Row:
        row = Row(line)
        if len(cells) != self.width and (len(cells) < self.width or any(cells[self.width :])):
            count = f"{len(cells):,} cell{'s' * (len(cells) != 1)}"
            row.refused = Note(f"The row has not as many cells as the header ({self.width}); mend it.", count)
        elif "\x00" in "".join(cells):
            row.refused = Note("The row contains a NUL character; remove it.")
        else:
            self._person(row, cells)
            if not row.refused:
                self._told(row, cells)
        return row

    def _person(self, row: Row, cells: list[str]) -> None:
        if (place := self.places.get("user_id")) is not None:
            row.user_id = cells[place].strip()
        if (place := self.places.get("email")) is not None and (cell := cells[place].strip()):
            try:
                row.email = normalise(cell)
            except NotAnAddress as fault:
                note = Note(_remedy(fault), shown(cell))
                if not row.user_id:
                    row.refused = note
                row.notes = [note]
        if row.refused:
            return
        if not row.user_id and not row.email:
            row.refused = Note("The row has neither an id nor an e-mail; write one.")
        elif len(row.user_id) > MAX_ID:
            row.refused = Note(f"The id is longer than {MAX_ID} characters; shorten it.", shown(row.user_id))

    def _told(self, row: Row, cells: list[str]) -> None:
        patch: dict[str, Any] = {}
        for place, path, read, noun in self.attributes:
            cell = cells[place].strip()
            if not cell:
                if self.clears:
                    _put(patch, path, None)
                continue
            try:
                value = cell if read is None else read(cell, self.zone)
            except Unreadable:
                row.notes = [*row.notes, Note(f"“{self.names[place]}” cannot be read as {noun}.", shown(cell))]
                continue
            if len(path) == 1:
                patch[path[0]] = value
            else:
                _put(patch, path, value)
        row.patch = patch
        if "timezone" in self.places:
            self._zone(row, cells[self.places["timezone"]].strip())
        if "tags" in self.places and (cell := cells[self.places["tags"]].strip()):
            self._tags(row, cell)

    def _zone(self, row: Row, cell: str) -> None:
        if cell in ZONES or (not cell and self.clears):
            row.timezone = cell
        elif cell:
            row.notes = [*row.notes, Note("The time zone is not one such as Europe/Paris.", shown(cell))]

    def _tags(self, row: Row, cell: str) -> None:
        try:
            found = words(cell, self.zone)
        except Unreadable:
            row.notes = [*row.notes, Note("A row has at most 200 tags.", shown(cell))]
            return
        row.tags = [word for word in found if len(word) <= MAX_TAG]
        if len(row.tags) < len(found):
            row.notes = [*row.notes, Note(f"A tag has at most {MAX_TAG} characters.", shown(cell))]


def shown(value: str) -> str:
    return value if len(value) <= LONGEST_SHOWN else f"{value[:LONGEST_SHOWN]}…"


def _put(patch: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        patch = patch.setdefault(key, {})
    patch[path[-1]] = value


def _remedy(fault: NotAnAddress) -> str:
    """The part of the sentence that many addresses share; the address itself is named beside it."""
    sentence = str(fault).partition("is not an e-mail address: ")[2] or str(fault)
    return f"The e-mail cannot be read: {sentence[0].lower()}{sentence[1:]}"
