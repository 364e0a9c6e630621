"""What people who wait have done already: from when on it counts, and which events those are."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db.models import DateTimeField, Func, JSONField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Least

from automation.kinds.wait import begun
from automation.models import Visit
from campaigns.document import Document, Watch
from events.models import Event
from segments import conditions
from segments.happened import CLOCKS


def has_begun(visit) -> bool:
    """Does it listen already? What it waits for can then not have passed it by."""
    return "until" in (visit.facts or {})


def is_deaf(visit) -> bool:
    """May what it waits for pass by unheard? It does not listen, and nobody has woken it."""
    return not (has_begun(visit) and visit.enrollment.listens) and "woken" not in (visit.facts or {})


def since_when(visit, now: datetime) -> datetime:
    """From when on what they do counts here: as they saw it, the step began with what led to it.

    However late the engine gets round to it: who bought while it was away is not asked why they did not.
    """
    row = visit.enrollment
    if visit.pk:
        return visit.counts_from
    if row.event_at and _came_in_no_time(row):  # they have waited for nothing yet
        return now if getattr(row, "has_answered", False) else min(row.event_at, now)
    return begun(row.scheduled_at, now)


def look_back(visits: Sequence) -> None:
    """Who came here through another such step in no time has answered there: nothing is the answer to two. One query
    at most."""
    new = [visit for visit in visits if not visit.pk and visit.enrollment.steps_taken]
    came = {visit.enrollment.pk: visit.enrollment for visit in new if _came_in_no_time(visit.enrollment)}
    before = Visit.objects.filter(enrollment__in=came, kind="wait_for") if came else Visit.objects.none()
    for pk in set(before.values_list("enrollment", flat=True)):
        came[pk].has_answered = True


def _came_in_no_time(row) -> bool:
    return row.scheduled_at == row.entered_at


def noted(visit, now: datetime) -> dict[str, str]:
    """For the visit, where it is not when it was entered."""
    start = since_when(visit, now)
    return {"heard_since": start.isoformat()} if start != (visit.entered_at if visit.pk else now) else {}


def _unheard_from(visits: Sequence, now: datetime) -> datetime:
    """Since when some of them may have done what nobody has heard: who listens is told of everything."""
    deaf = [since_when(visit, now) for visit in visits if not (has_begun(visit) and visit.enrollment.listens)]
    return min([now, *deaf]) - CLOCKS


def of_its_time(since: str, visits: Sequence, now: datetime) -> Q:
    """Which events are of that time, for the enrollment that asks."""
    if since == "step":  # what the pipeline read just before they listened, or while they had to wait for a lane
        starts = {visit.enrollment.pk: since_when(visit, now) for visit in visits}
        its = Func(
            Cast(Value(msgspec.json.encode(starts).decode()), JSONField()), Cast(OuterRef("pk"), TextField()),
            template="(%(expressions)s)", arg_joiner=" ->> ", output_field=TextField(),
        )  # fmt: skip
        its_time = Q(occurred_at__gte=Cast(its, DateTimeField()), received_at__gte=_unheard_from(visits, now))
        return its_time & ~Q(pk=OuterRef("event_id"))
    if since == "entry":
        came = Least(OuterRef("entered_at"), Coalesce(OuterRef("event_at"), OuterRef("entered_at")))
        return Q(occurred_at__gte=came) & ~Q(pk=OuterRef("event_id"))
    return Q()


def happened(arm: Watch, since: Q, document: Document, contacts: set[int], now: datetime) -> QuerySet:
    """Events that count for the enrollment that asks: of its contact, under its key, since then."""
    events = Event.objects.filter(since, contact_id=OuterRef("contact_id"), type=arm.event)
    if key := document.entry_key:
        named = events.annotate(named=KeyTextTransform(key, "properties"))
        events = named.filter(Q(named__isnull=True) | Q(named=OuterRef("entry_key")))
    return events.filter(conditions.compiled(arm.filter, "event", now, only=contacts)) if arm.filter else events
