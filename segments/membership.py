"""Who is in which segment: some contacts are asked again, and what became different is written.

One statement, whatever the number of contacts, for all segments of a level; a level above where segments
read other segments. Whoever asks holds the lanes of these contacts, so that of two answers about one
contact the later one is written last: `hold`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from contacts.merging import LANE_LOCK
from contacts.models import LANES, Contact
from events import recording
from lib import lanes
from ops.models import SiteSettings
from segments import conditions
from segments.models import Membership, Segment
from segments.sql import among, array

Cause = Membership.Cause
EVENTS_AT_ONCE = 1000
# What nobody did: it shows in the history, and starts nothing.
SILENT = {Cause.MERGED, Cause.IMPORT}

# Written so that stale statistics do no harm: who was asked and who is inside are grouped instead of joined, and a
# membership is looked up by its key (LATERAL with LIMIT; ids told twice), where else all of the site's would be read.
# What nobody needs to hear of is not returned.
_MOVE = """
WITH asked AS MATERIALIZED ({asked}), inside AS MATERIALIZED ({inside}),
known AS MATERIALIZED (
    SELECT a.*, m.id AS membership_id FROM (
        SELECT segment_id, contact_id, max(cause) AS cause, bool_or(fits) AS fits FROM (
            SELECT segment_id, contact_id, cause, false AS fits FROM asked
            UNION ALL SELECT segment_id, contact_id, NULL, true FROM inside
        ) AS said GROUP BY segment_id, contact_id
    ) AS a LEFT JOIN LATERAL (
        SELECT id FROM segments_membership m
        WHERE m.segment_id = a.segment_id AND m.contact_id = a.contact_id AND m.left_at IS NULL LIMIT 1
    ) AS m ON true
),
entered AS (
    INSERT INTO segments_membership (segment_id, contact_id, entered_at, entered_by, left_by)
    SELECT segment_id, contact_id, %s, cause, '' FROM known WHERE fits AND membership_id IS NULL
    ORDER BY segment_id, contact_id
    ON CONFLICT (segment_id, contact_id) WHERE left_at IS NULL DO NOTHING
    RETURNING id, segment_id, contact_id, entered_by AS cause
), gone AS (
    UPDATE segments_membership m SET left_at = %s, left_by = k.cause FROM known k
    WHERE m.id = k.membership_id AND NOT k.fits AND m.left_at IS NULL
        AND m.id = ANY(ARRAY(SELECT membership_id FROM known WHERE NOT fits AND membership_id IS NOT NULL))
    RETURNING m.id, m.segment_id, m.contact_id, m.left_by AS cause
), moved AS (
    SELECT true AS entered, * FROM entered UNION ALL SELECT false, * FROM gone
), flow AS (
    INSERT INTO segments_flow (segment_id, day, entered, gone)
    SELECT segment_id, %s, count(*) FILTER (WHERE entered), count(*) FILTER (WHERE NOT entered)
    FROM moved GROUP BY segment_id
)
SELECT entered, segment_id, contact_id, id, cause FROM moved
WHERE cause <> 'definition' OR segment_id = ANY(%s::bigint[]) ORDER BY segment_id, id
"""


class Moved(NamedTuple):
    """Somebody who entered or left."""

    entered: bool
    segment_id: int
    contact_id: int
    membership_id: int
    cause: str


@dataclass
class Occasion:
    """Why contacts are asked again, and what that may start."""

    now: datetime
    cause: str
    by_contact: Mapping[int, str] = field(default_factory=dict)
    """Contacts with a cause of their own: imported, merged."""
    hops: Mapping[int, int] = field(default_factory=dict)
    """How many of the engine's own events led here."""


def hold(contact_ids: Iterable[int]) -> None:
    """Take the lanes of these contacts for this transaction, in their order, as the pipeline does."""
    lanes.hold(LANE_LOCK, (pk % LANES for pk in contact_ids))


def hold_free(contact_ids: Collection[int]) -> set[int]:
    """Take those lanes that nobody has in hand just now; the contacts whose lanes are held.

    For whoever has locked what comes after lanes: waiting for one might be waiting in a circle.
    """
    free = lanes.hold_free(LANE_LOCK, (pk % LANES for pk in contact_ids))
    return {pk for pk in contact_ids if pk % LANES in free}


def settle(touched: Mapping[int, Collection[int]], occasion: Occasion) -> list[Moved]:
    """Ask the contacts of each segment (by its id) again, then those of segments that read these; tell of it."""
    segments = list(Segment.objects.evaluated())
    asked = {pk: set(ids) for pk, ids in touched.items() if ids}
    found: list[Moved] = []
    read = {token for segment in segments for token in segment.reads}
    for level in levels(segments):
        here = {segment: asked[segment.pk] for segment in level if asked.get(segment.pk)}
        news = _move(here, occasion, read) if here else []
        _note(news, asked, segments)
        found += news
    tell(found, occasion)
    return found


def _note(moved: Sequence[Moved], asked: dict[int, set[int]], segments: Iterable[Segment]) -> None:
    """Add whom the readers of the segments that people moved in or out of must ask again."""
    concerned: dict[str, set[int]] = {}
    for one in moved:
        concerned.setdefault(f"segment:{one.segment_id}", set()).add(one.contact_id)
    for segment in segments:
        for token in concerned.keys() & set(segment.reads):
            asked.setdefault(segment.pk, set()).update(concerned[token])


def levels(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments in an order in which each comes after those that it reads; a circle ends up in the last level."""
    waiting, done, found = list(segments), set[str](), list[list[Segment]]()
    pending = {f"segment:{segment.pk}" for segment in waiting}
    while waiting:
        free = [segment for segment in waiting if not (set(segment.reads) & pending - done)] or waiting
        found.append(free)
        done |= {f"segment:{segment.pk}" for segment in free}
        waiting = [segment for segment in waiting if segment not in free]
    return found


def inside(segment: Segment, now: datetime, only: Collection[int] | None = None):
    """The contacts for whom a segment's condition is true: a queryset. Raises InvalidCondition.

    Never asked for a moment that the sweep has passed: it would not come back to those who turned since.
    """
    moment = max(now, segment.swept_at or now).astimezone(SiteSettings.get().zone)
    rows = Contact.objects.current()
    if only is not None:
        rows = rows.filter(among(conditions.CONTACT, only))
    return rows.filter(conditions.compiled(segment.condition, "contact", moment, only=only))


def _move(asked: Mapping[Segment, Collection[int]], occasion: Occasion, read: Collection[str]) -> list[Moved]:
    """One statement for these segments; a segment whose condition cannot be evaluated any more is put aside.

    Those moved by an edit of the rules come back only where another segment reads theirs.
    """
    askings, answers, parameters, questions = [], [], list[Any](), list[Any]()
    for segment, ids in asked.items():
        try:
            sql, values = inside(segment, occasion.now, ids).order_by().values_list("pk").query.sql_with_params()
        except conditions.InvalidCondition as fault:
            Segment.objects.filter(pk=segment.pk).update(fault=str(fault)[:400])
            continue
        cause = Cause.DEFINITION if not segment.is_settled else occasion.cause
        own = _causes(occasion, ids) if segment.is_settled else []
        case = "".join(" WHEN contact_id = ANY(%s::bigint[]) THEN %s" for _ in own)
        said = f"CASE{case} ELSE %s END" if own else "%s::varchar"
        asking = f"SELECT %s::bigint AS segment_id, contact_id, {said} AS cause FROM unnest(%s::bigint[]) contact_id"
        askings.append(asking)
        parameters += [segment.pk, *(value for pair in own for value in pair), cause, array(ids)]
        answers.append(f"SELECT %s::bigint AS segment_id, id AS contact_id FROM ({sql}) AS found (id)")
        questions += [segment.pk, *values]
    if not askings:
        return []
    statement = _MOVE.format(asked=" UNION ALL ".join(askings), inside=" UNION ALL ".join(answers))
    now = occasion.now
    with connection.cursor() as cursor:
        heard = array(segment.pk for segment in asked if f"segment:{segment.pk}" in read)
        cursor.execute(statement, [*parameters, *questions, now, now, now.date(), heard])
        return [Moved(*row) for row in cursor.fetchall()]


def _causes(occasion: Occasion, ids: Collection[int]) -> list[tuple[str, str]]:
    by_cause: dict[str, list[int]] = {}
    for pk in ids:
        if cause := occasion.by_contact.get(pk):
            by_cause.setdefault(cause, []).append(pk)
    return [(array(members), cause) for cause, members in by_cause.items()]


def tell(moved: Sequence[Moved], occasion: Occasion) -> None:
    """`segment.entered` and `segment.left`, none for what an edit of the rules did."""
    told = [one for one in moved if one.cause != Cause.DEFINITION]
    if not told:
        return
    names = dict(Segment.objects.filter(pk__in={one.segment_id for one in told}).values_list("pk", "name"))
    for silent in (False, True):
        events = [_event(one, names, occasion) for one in told if (one.cause in SILENT) is silent]
        for start in range(0, len(events), EVENTS_AT_ONCE):
            recording.record_own(events[start : start + EVENTS_AT_ONCE], occasion.now, triggers=not silent)


def _event(one: Moved, names: Mapping[int, str], occasion: Occasion) -> recording.OwnEvent:
    return recording.OwnEvent(
        contact_id=one.contact_id,
        type="segment.entered" if one.entered else "segment.left",
        properties={"segment": one.segment_id, "segment_name": names[one.segment_id], "cause": one.cause},
        hops=occasion.hops.get(one.contact_id, 0) + 1,
        key=f"{'entered' if one.entered else 'left'}:{one.membership_id}",
        occurred_at=occasion.now,
    )
