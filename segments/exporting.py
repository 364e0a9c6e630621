"""The members of a segment as a CSV file: written while it is read, and harmless to open in a spreadsheet."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Prefetch

from contacts.models import Contact, Identity
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


class _Line:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def lines(segment: Segment, with_attributes: bool = False) -> Iterator[str]:
    """The file, a line at a time; read some thousand members at once, whatever their number."""
    attributes = [name for name in _attributes(segment) if name not in OWN] if with_attributes else []
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(map(safe, COLUMNS + attributes))  # so that a spreadsheet reads UTF-8
    for row in _members(segment):
        yield writer.writerow(map(safe, [*_about(row), *(row.contact.attributes.get(name) for name in attributes)]))


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


def _members(segment: Segment) -> Iterator[Membership]:
    people = Contact.objects.select_related("address").prefetch_related(
        "tags", Prefetch("identities", Identity.objects.filter(kind=Identity.Kind.USER).order_by("pk"), "user_ids")
    )
    rows = Membership.objects.current().filter(segment=segment).order_by("pk")
    last = 0
    while found := list(rows.filter(pk__gt=last).prefetch_related(Prefetch("contact", people))[:AT_ONCE]):
        yield from found
        last = found[-1].pk


def _about(row: Any) -> list[Any]:
    contact = row.contact
    return [
        ", ".join(identity.value for identity in contact.user_ids),
        contact.email,
        contact.attributes.get("first_name"),
        contact.attributes.get("last_name"),
        contact.timezone,
        ", ".join(tag.name for tag in contact.tags.all()),
        row.entered_at.isoformat(timespec="seconds"),
        WORDS[Membership.Cause(row.entered_by)],
    ]


def _attributes(segment: Segment) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_ATTRIBUTES, [segment.pk, MOST_ATTRIBUTES])
        return [name for (name,) in cursor.fetchall()]
