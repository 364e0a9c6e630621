"""Refreshing: everybody is compared with a segment's rules, in the background, after the rules were changed.

First a moment's barrier, so that no batch of the pipeline still answers by the old rules; then one
statement finds whose membership is other than the rules say; then these are asked again, some thousands a
transaction, as any other contact that was written about. So it may be cancelled, killed or overtaken at
any moment and does no harm.
"""

import time
from datetime import datetime

from django.db import connection

from contacts.models import LANES, Topic
from lib.registry import Registry
from ops import jobs, work
from ops.jobs import JobFailed
from ops.models import Job
from segments import conditions, membership
from segments.membership import Cause, Occasion
from segments.models import Candidate, Segment

KIND = "segments.refresh"
# Apps above register `listener(token, user, now)`: what a condition may read changed for everybody at once.
ON_CHANGED_FOR_ALL: Registry = Registry("listener to what changed for everybody")
AT_ONCE = 5_000

# Statistics may be stale, as after a large import: a nested loop then takes a hundred times as long. So do behaviour
# rules joined by “or” where what they found does not fit into memory.
_FOR_EVERYBODY = "SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '128MB'; SET LOCAL jit = off"

_COMPARE = """
INSERT INTO segments_candidate (segment_id, contact_id, revision)
SELECT %s, coalesce(found.id, m.contact_id), %s
FROM ({inside}) AS found (id)
FULL JOIN (SELECT contact_id FROM segments_membership WHERE segment_id = %s AND left_at IS NULL) AS m
    ON m.contact_id = found.id
WHERE found.id IS NULL OR m.contact_id IS NULL
"""


def start(segment: Segment, cause: str, user, now: datetime) -> Job:
    """Queue a refresh, unless one for these rules is under way; `segment.refresh` is its job."""
    running = segment.refresh
    if running and running.due_at and not running.cancel_asked and _follows(running, segment):
        return running
    arguments = {"segment": segment.pk, "revision": segment.revision, "cause": cause}
    segment.refresh = jobs.start(KIND, f"Work out who is in “{segment}”", arguments, user, now)
    segment.save(update_fields=["refresh"])
    return segment.refresh


def start_readers(token: str, user, now: datetime) -> None:
    """Queue a refresh of whatever reads what changed for everybody at once; it starts no campaign."""
    for listener in ON_CHANGED_FOR_ALL:
        listener(token, user, now)
    for segment in Segment.objects.evaluated().filter(reads__contains=[token]).select_related("refresh"):
        start(segment, Cause.DEFINITION, user, now)


def follow_basis(topic: Topic, user, now: datetime) -> None:
    """The basis of a topic decides who may be mailed about it."""
    start_readers("consent", user, now)


def _follows(job: Job, segment: Segment) -> bool:
    return job.arguments.get("revision") == segment.revision


def step(job: Job, now: datetime) -> bool:
    """One batch of a refresh job: the barrier, the comparison, then some thousand contacts each."""
    segment = Segment.objects.dynamic().filter(pk=job.arguments["segment"]).first()
    if segment is None or not _follows(job, segment):
        job.result = "Its rules were changed again, so a newer job does the work."
        return True
    at = job.cursor.get("at", "barrier")
    if at == "barrier":
        membership.hold(range(LANES))
        job.cursor = {"at": "compare"}
    elif at == "compare":
        job.total = _compare(segment, now)
        job.cursor = {"at": "settle"}
    else:
        job.done = min(job.done + _settle(segment, job, now), job.total or 0)
    if job.cursor["at"] == "settle" and job.done >= (job.total or 0):
        _finish(segment, job, now)
        return True
    return False


def _compare(segment: Segment, now: datetime) -> int:
    try:
        rows = membership.inside(segment, now).order_by().values_list("pk")
    except conditions.InvalidCondition as fault:
        Segment.objects.filter(pk=segment.pk).update(fault=str(fault)[:400])
        raise JobFailed(str(fault)) from fault
    sql, values = rows.query.sql_with_params()
    began = time.monotonic()
    with work.abroad(), connection.cursor() as cursor:
        cursor.execute(_FOR_EVERYBODY)
        cursor.execute("DELETE FROM segments_candidate WHERE segment_id = %s", [segment.pk])
        cursor.execute(_COMPARE.format(inside=sql), [segment.pk, segment.revision, *values, segment.pk])
        found = cursor.rowcount
    Segment.objects.filter(pk=segment.pk).update(refresh_ms=int((time.monotonic() - began) * 1000))
    return found


def _settle(segment: Segment, job: Job, now: datetime) -> int:
    """Ask the next candidates again; how many. They may have been settled by others since."""
    chosen = Candidate.objects.filter(segment=segment, revision=segment.revision).order_by("id")[:AT_ONCE]
    found = dict(chosen.values_list("pk", "contact_id"))
    if found:
        membership.hold(found.values())
        membership.settle({segment.pk: set(found.values())}, Occasion(now, Cause(job.arguments["cause"])))
        Candidate.objects.filter(segment=segment, pk__lte=max(found)).delete()
    return len(found) or (job.total or 0)


def _finish(segment: Segment, job: Job, now: datetime) -> None:
    Segment.objects.filter(pk=segment.pk, revision=segment.revision).update(
        refreshed_revision=segment.revision, refreshed_at=now
    )
    who = {0: "Nobody", 1: "1 person"}.get(job.total or 0, f"{job.total:,} people")
    job.result = f"{who} entered or left."
