"""The members of a segment as a CSV file: written while it is read, and harmless to open in a spreadsheet."""

import csv
from collections.abc import Iterator
from typing import Any

import msgspec
from django.db import connection

from lib import words
from segments.member_lists import WORDS
from segments.models import Membership, Segment

AT_ONCE = 2_000
MOST_ATTRIBUTES = 200
# A spreadsheet takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001  the wide ones, too
COLUMNS = ["id", "email", "first_name", "last_name", "timezone", "tags", "in_since", "because"]
OWN = {"first_name", "last_name"}

_ATTRIBUTES = """
SELECT key FROM segments_membership m JOIN contacts_contact c ON c.id = m.contact_id,
    jsonb_object_keys(c.attributes) AS key
WHERE m.segment_id = %s AND m.left_at IS NULL GROUP BY key ORDER BY count(*) DESC, key LIMIT %s
"""

# Some thousand at once, by the membership after which they begin; with their attributes as JSON.
_MEMBERS = """
SELECT m.id, ids.said, a.email, c.attributes ->> 'first_name', c.attributes ->> 'last_name', c.timezone, tags.said,
    m.entered_at, m.entered_by, c.attributes::text
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


def lines(segment: Segment, with_attributes: bool = False) -> Iterator[str]:
    """The file, a line at a time; read some thousand members at once, whatever their number."""
    attributes = [name for name in _attributes(segment) if name not in OWN] if with_attributes else []
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(map(safe, COLUMNS + attributes))  # so that a spreadsheet reads UTF-8
    for about, known in _members(segment):
        values = msgspec.json.decode(known) if attributes else {}
        yield writer.writerow(map(safe, [*about, *(values.get(name) for name in attributes)]))


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


def _members(segment: Segment) -> Iterator[tuple[list[Any], str]]:
    """What stands in the columns about each member, and their attributes as JSON."""
    last = 0
    while found := _read(segment, last):
        for _, *about, entered_at, entered_by, known in found:
            yield [*about, entered_at.isoformat(timespec="seconds"), WORDS[Membership.Cause(entered_by)]], known
        last = found[-1][0]


def _read(segment: Segment, last: int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [segment.pk, last, AT_ONCE])
        return cursor.fetchall()


def _attributes(segment: Segment) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES, [segment.pk, MOST_ATTRIBUTES])
        return [name for (name,) in cursor.fetchall()]
