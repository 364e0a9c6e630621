"""Lists of outside systems: ids or e-mails of people who are here; who is not is named, and nobody is made."""

from collections import defaultdict
from collections.abc import Sequence

from contacts import import_sql
from contacts.addresses import NotAnAddress, normalise
from contacts.import_files import Line
from contacts.import_plan import REFUSED, Fate
from contacts.import_rows import Note, shown

FOUND, MISSING = "found", "missing"
NOBODY = Note("No contact has this id or e-mail.")


def look_up(lines: Sequence[Line], place: int) -> tuple[list[Fate], list[int]]:
    """What became of each row, and the contacts that were found; two queries.

    An id decides; else the e-mail, with everyone who has it: a list means the mailbox.
    """
    values = [cells[place].strip() if place < len(cells) else "" for _, cells in lines]
    wanted = {value for value in values if value and "\x00" not in value}
    people: defaultdict[str, list[int]] = defaultdict(list)
    for value, contact in import_sql.ask(import_sql.BY_ID, [import_sql.rows(wanted)]) if wanted else ():
        people[value].append(contact)
    emails = {value: email for value in wanted - people.keys() if (email := _address(value))}
    owners: defaultdict[str, list[int]] = defaultdict(list)
    asked = import_sql.rows(set(emails.values()))
    for email, contact, _ in import_sql.ask(import_sql.OWNERS, [asked]) if emails else ():
        owners[email].append(contact)
    for value, email in emails.items():
        people[value] = owners[email]
    fates = [_fate(line, value, people) for (line, _), value in zip(lines, values, strict=True)]
    return fates, sorted({contact for value in wanted for contact in people.get(value, ())})


def _fate(line: int, value: str, people: dict[str, list[int]]) -> Fate:
    if not value:
        return Fate(line, "", REFUSED, [Note("The column is empty in this row; write an id or an e-mail.")])
    found = people.get(value)
    if not found:
        return Fate(line, shown(value), MISSING, [NOBODY])
    several = [Note(f"{len(found)} contacts have this e-mail; all of them count.")] if len(found) > 1 else []
    return Fate(line, value, FOUND, several)


def _address(value: str) -> str:
    try:
        return normalise(value) if "@" in value else ""
    except NotAnAddress:
        return ""
