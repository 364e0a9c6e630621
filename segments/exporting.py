"""The members of a segment as a CSV file: written while it is read, and harmless to open in a spreadsheet."""

import csv
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from lib import words
from lib.registry import Registry
from segments.member_lists import WORDS
from segments.models import Membership, Segment

AT_ONCE = 2_000
MOST_ATTRIBUTES = 200
# A spreadsheet takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001  the wide ones, too
COLUMNS_OF_ALL = ["id", "email", "first_name", "last_name", "timezone", "tags", "in_since", "because"]
OWN = {"first_name", "last_name"}


class Columns:
    """Columns that an app above adds to the file."""

    said: str
    """What they hold, as the page of the export says it."""

    def names(self) -> list[str]:
        """Their heads; none where there is nothing to tell."""
        raise NotImplementedError

    def cells(self, names: list[str], contact_ids: Collection[int], now: datetime) -> dict[int, list[Any]]:
        """Contact → its cells under these heads; a fixed number of queries."""
        raise NotImplementedError


COLUMNS: Registry[Columns] = Registry("columns of the export")

_ATTRIBUTES = """
SELECT key FROM segments_membership m JOIN contacts_contact c ON c.id = m.contact_id,
    jsonb_object_keys(c.attributes) AS key
WHERE m.segment_id = %s AND m.left_at IS NULL GROUP BY key ORDER BY count(*) DESC, key LIMIT %s
"""

# Some thousand at once, by the membership after which they begin; with their attributes as JSON.
_MEMBERS = """
SELECT m.id, m.contact_id, ids.said, a.email, c.attributes ->> 'first_name', c.attributes ->> 'last_name',
    c.timezone, tags.said, m.entered_at, m.entered_by, c.attributes::text
FROM segments_membership m JOIN contacts_contact c ON c.id = m.contact_id
LEFT JOIN contacts_address a ON a.id = c.address_id
LEFT JOIN LATERAL (
    SELECT string_agg(i.value, ', ' ORDER BY i.id) AS said FROM contacts_identity i
    WHERE i.contact_id = c.id AND i.kind = 'user'
) AS ids ON true
LEFT JOIN LATERAL (
    SELECT string_agg(t.name, ', ' ORDER BY t.name) AS said
    FROM contacts_contacttag worn JOIN contacts_tag t ON t.id = worn.tag_id WHERE worn.contact_id = c.id
) AS tags ON true
WHERE m.segment_id = %s AND m.left_at IS NULL AND m.id > %s ORDER BY m.id LIMIT %s
"""


class _Line:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def lines(segment: Segment, now: datetime, with_attributes: bool = False) -> Iterator[str]:
    """The file, a line at a time; read some thousand members at once, whatever their number."""
    attributes = [name for name in _attributes(segment) if name not in OWN] if with_attributes else []
    added = [(columns, columns.names()) for columns in COLUMNS]
    writer = csv.writer(_Line())
    head = [*COLUMNS_OF_ALL, *(name for _, names in added for name in names), *attributes]
    yield "\ufeff" + writer.writerow(map(safe, head))  # so that a spreadsheet reads UTF-8
    for rows in _members(segment):
        ids = [contact_id for contact_id, _, _ in rows]
        beside = [(columns.cells(names, ids, now), len(names)) for columns, names in added if names]
        for contact_id, about, known in rows:
            more = [cell for cells, wide in beside for cell in cells.get(contact_id, [None] * wide)]
            values = msgspec.json.decode(known) if attributes else {}
            yield writer.writerow(map(safe, [*about, *more, *(values.get(name) for name in attributes)]))


def added() -> list[str]:
    """What the columns of the apps above hold, where there are any now."""
    return [columns.said for columns in COLUMNS if columns.names()]


def safe(value: Any) -> str | int | float:
    """One cell: plain words, and never a formula."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = _text(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{path}: {said}" for path, said in words.facts(value))
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value)


def _members(segment: Segment) -> Iterator[list[tuple[int, list[Any], str]]]:
    """Some thousand at once: the contact, what stands in the columns of all, the attributes as JSON."""
    last = 0
    while found := _read(segment, last):
        yield [
            (contact_id, [*about, at.isoformat(timespec="seconds"), WORDS[Membership.Cause(by)]], known)
            for _, contact_id, *about, at, by, known in found
        ]
        last = found[-1][0]


def _read(segment: Segment, last: int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [segment.pk, last, AT_ONCE])
        return cursor.fetchall()


def _attributes(segment: Segment) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES, [segment.pk, MOST_ATTRIBUTES])
        return [name for (name,) in cursor.fetchall()]
