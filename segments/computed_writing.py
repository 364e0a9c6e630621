"""Keeping computed attributes: a batch of events adds to them, a merge combines them, a job works out the past."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from contacts.models import Change, Contact
from ops import jobs
from ops.models import Job
from segments import computed_sql, happened, membership, refreshing
from segments.computed_models import ComputedAttribute, ComputedTally, ComputedValue
from segments.sql import array

KIND = "segments.computed"
AT_ONCE = 2_000
FAVOURITE = ComputedAttribute.Measure.FAVOURITE


def follow(batch) -> None:
    """Pipeline stage, before the segments: add what the events of the batch say."""
    by_type: dict[str, list] = {}
    for event in batch.events:
        by_type.setdefault(event.type, []).append(event)
    if not by_type:
        return
    concerned = list(ComputedAttribute.objects.filter(event__in=[*by_type]))
    pairs = [(one, computed_sql.rows(one).filter(*happened.these(by_type[one.event]))) for one in concerned]
    if pairs:
        computed_sql.write(pairs)


# --- merging ---

_MOVE_TALLIES = """
WITH gone AS (
    DELETE FROM segments_computedtally WHERE attribute_id = ANY(%s::bigint[]) AND contact_id = %s RETURNING *
)
INSERT INTO segments_computedtally AS t (attribute_id, contact_id, value, count, last_at)
SELECT attribute_id, %s, value, count, last_at FROM gone ORDER BY attribute_id, value
ON CONFLICT (attribute_id, contact_id, value) DO UPDATE SET
    count = t.count + excluded.count, last_at = greatest(t.last_at, excluded.last_at)
"""
_TAKE_VALUES = """
DELETE FROM segments_computedvalue WHERE attribute_id = ANY(%s::bigint[]) AND contact_id = %s
RETURNING attribute_id, number, text, date, at
"""


def unite(winner_id: int, loser_id: int, now: datetime) -> None:
    """A merge step: what was made of the loser's events is combined with what was made of the winner's."""
    attributes = list(ComputedAttribute.objects.all())
    if not attributes:
        return
    ids = array(one.pk for one in attributes)
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_TALLIES, [ids, loser_id, winner_id])
        cursor.execute(_TAKE_VALUES, [ids, loser_id])
        taken = cursor.fetchall()
    kept = {one.pk for one in attributes if one.measure != FAVOURITE}
    row = "SELECT %s::bigint, %s::bigint, %s::numeric, %s::text, %s::timestamptz, %s::timestamptz"
    sources = [(row, [values[0], winner_id, *values[1:]]) for values in taken if values[0] in kept]
    if favourites := [one for one in attributes if one.measure == FAVOURITE]:
        sources.append(computed_sql.favourites_of(winner_id, favourites))
    computed_sql.combine(sources, attributes)


# --- the past ---


def start(attribute: ComputedAttribute, user, now: datetime) -> Job:
    """Queue the work of the past; `attribute.job` is its job. Events that arrive meanwhile count at once."""
    arguments = {"attribute": attribute.pk, "revision": attribute.revision}
    attribute.job = jobs.start(KIND, f"Work out “{attribute}” from the past", arguments, user, now)
    attribute.save(update_fields=["job"])
    return attribute.job


def step(job: Job, now: datetime) -> bool:
    """One batch of the job: some thousand contacts from scratch, while nobody else works on them."""
    attribute = ComputedAttribute.objects.filter(pk=job.arguments["attribute"]).first()
    if attribute is None or attribute.revision != job.arguments["revision"]:
        job.result = "It was changed again or deleted, so this job had nothing more to do."
        return True
    after = job.cursor.get("after", 0)
    if job.total is None:
        job.total = Contact.objects.current().count()
    chunk = list(Contact.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if not chunk:
        _finish(attribute, job, now)
        return True
    _refill(attribute, chunk)
    job.cursor = {"after": chunk[-1]}
    job.done = min(job.done + len(chunk), job.total)
    return False


def _refill(attribute: ComputedAttribute, chunk: list[int]) -> None:
    """These contacts from scratch, with all that became them: their events move later than they themselves."""
    with transaction.atomic():
        membership.hold(chunk)
        became = dict(Contact.objects.filter(merged_into__in=chunk).values_list("pk", "merged_into"))
        membership.hold([*chunk, *became])
        ids = array([*chunk, *became])
        for model in (ComputedValue, ComputedTally):
            _delete(model._meta.db_table, attribute, ids)
        roots = Contact.objects.current().filter(pk__in=chunk).values_list("pk", flat=True)
        rows = computed_sql.rows(attribute, [*roots, *became]).filter(~Exists(_WAITING))
        computed_sql.write([(attribute, rows)], by_root=True)


# Events that the pipeline has not read yet: it will add them itself.
_WAITING = Change.objects.filter(event_id=OuterRef("pk"))


def _delete(table: str, attribute: ComputedAttribute, ids: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE attribute_id = %s AND contact_id = ANY(%s::bigint[])", [attribute.pk, ids]
        )


def _finish(attribute: ComputedAttribute, job: Job, now: datetime) -> None:
    found = ComputedAttribute.objects.filter(pk=attribute.pk, revision=attribute.revision)
    found.update(filled_revision=attribute.revision, filled_at=now)
    refreshing.start_readers(f"computed:{attribute.key}", job.created_by, now)
    job.result = f"{attribute.values.count():,} people have a value."


def values_of(contact_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Contact → {key: value}, for mails and pages; two queries. Counts and sums of nothing are 0."""
    attributes = {one.pk: one for one in ComputedAttribute.objects.all()}
    zeros = {one.key: 0 for one in attributes.values() if one.of_nothing_is_zero}
    found: dict[int, dict[str, Any]] = {pk: dict(zeros) for pk in contact_ids}
    if attributes:
        for row in ComputedValue.objects.filter(attribute__in=[*attributes], contact__in=[*found]):
            found[row.contact_id][attributes[row.attribute_id].key] = plain(row.value)
    return found


def plain(value: Any) -> Any:
    """A number as people write it: 30, not 30.00."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
