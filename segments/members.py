"""Static segments: people are put in, taken out and moved, by hand, import, API or a step of a campaign."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection, transaction

from segments import membership
from segments.membership import Moved, Occasion
from segments.models import Membership, Segment
from segments.sql import array

Hops = Mapping[int, int]  # contact → how many deeds of the engine's own led here
NONE: Hops = {}

# The pipeline asks the segments that read this one; the caller need not hold lanes for it.
_AFTER = """
), flow AS (
    INSERT INTO segments_flow (segment_id, day, entered, gone)
    SELECT %(segment)s, %(day)s, count(*) FILTER (WHERE entered), count(*) FILTER (WHERE NOT entered)
    FROM moved HAVING count(*) > 0
), change AS (
    INSERT INTO contacts_change (contact_id, kind, names, triggers, hops, parked_because, due_at)
    SELECT contact_id, 'segments', jsonb_build_array(%(segment)s::text), %(triggers)s,
        coalesce((%(hops)s::jsonb ->> contact_id::text)::int + 1, 0), '', %(now)s
    FROM moved ORDER BY contact_id
)
SELECT entered, segment_id, contact_id, id, %(cause)s FROM moved ORDER BY id
"""

_ADD = f"""
WITH moved AS (
    INSERT INTO segments_membership (segment_id, contact_id, entered_at, entered_by, left_by, by_id)
    SELECT %(segment)s, c.id, %(now)s, %(cause)s, '', %(by)s FROM contacts_contact c
    WHERE c.id = ANY(%(contacts)s::bigint[]) AND c.merged_into_id IS NULL ORDER BY c.id FOR SHARE OF c
    ON CONFLICT (segment_id, contact_id) WHERE left_at IS NULL DO NOTHING
    RETURNING true AS entered, id, segment_id, contact_id
{_AFTER}"""

_REMOVE = f"""
WITH moved AS (
    UPDATE segments_membership SET left_at = %(now)s, left_by = %(cause)s, by_id = %(by)s
    WHERE segment_id = %(segment)s AND contact_id = ANY(%(contacts)s::bigint[]) AND left_at IS NULL
    RETURNING false AS entered, id, segment_id, contact_id
{_AFTER}"""


# Contacts before anything else, by their ids: else two changes of the same people could wait for each other.
_HOLD = "SELECT FROM contacts_contact WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"


class NotStatic(ValueError):
    """People come to a dynamic segment by its rules; the text says so."""


@transaction.atomic
def add(segment: Segment, contact_ids: Collection[int], now: datetime, cause: str, by=None, hops: Hops = NONE) -> int:
    """Put contacts in; how many were not in it before. Raises NotStatic."""
    return len(_write(_ADD, segment, contact_ids, now, cause, by, hops))


@transaction.atomic
def remove(
    segment: Segment, contact_ids: Collection[int], now: datetime, cause: str, by=None, hops: Hops = NONE
) -> int:
    """Take contacts out; how many were in it. Raises NotStatic."""
    return len(_write(_REMOVE, segment, contact_ids, now, cause, by, hops))


@transaction.atomic
def move(
    source: Segment,
    target: Segment,
    contact_ids: Collection[int],
    now: datetime,
    cause: str,
    by=None,
    hops: Hops = NONE,
) -> int:
    """Take contacts out of one list and put those who were in it into another; how many that were."""
    if target.is_dynamic:
        raise NotStatic(_sentence(target))
    moved = [one.contact_id for one in _write(_REMOVE, source, contact_ids, now, cause, by, hops)]
    add(target, moved, now, cause, by, hops)
    return len(moved)


def _write(statement: str, segment: Segment, contact_ids, now: datetime, cause: str, by, hops: Hops) -> list[Moved]:
    if segment.is_dynamic:
        raise NotStatic(_sentence(segment))
    if not contact_ids:
        return []
    values = {
        "segment": segment.pk, "contacts": array(sorted(set(contact_ids))), "now": now, "day": now.date(),
        "cause": cause, "by": by.pk if by else None, "triggers": cause not in membership.SILENT,
        "hops": json.dumps(dict(hops)),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [values["contacts"]])
        cursor.execute(statement, values)
        moved = [Moved(*row) for row in cursor.fetchall()]
    membership.tell(moved, Occasion(now, cause, hops=hops))
    return moved


def _sentence(segment: Segment) -> str:
    return f"“{segment}” fills itself by its rules; nobody can be put in or taken out by hand."


def ids(segment: Segment):
    """The contacts that are in it, as a queryset of ids."""
    return Membership.objects.current().filter(segment=segment).values_list("contact_id", flat=True)
