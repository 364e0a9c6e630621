"""The pipeline's stage before entries: who is inside a campaign, and did what it looks out for.

Exits act at once, goals are noted, waits end. Queries: one for the versions concerned, one for the people inside them,
at most two for what they fit (a UNION each), one for their campaigns, and as many for what
follows as there are reasons; never one per contact.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField, F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from automation import pace
from automation.documents import of_versions
from automation.met import Met, leave, reach, wake
from automation.models import Enrollment, Visit
from campaigns.document import Document, Watch
from campaigns.models import Reference
from campaigns.watches import AGAIN, EXIT, GOAL, MAX_GOAL_DAYS, WAKE, Watching, tokens, watching
from events import types as event_types
from events.models import Event
from lib.united import united
from ops.models import SiteSettings
from segments import conditions, reading

LONGEST = timedelta(days=MAX_GOAL_DAYS)


class Inside(NamedTuple):
    """An enrollment that something was written about, and what of its campaign looks out for."""

    row: Enrollment
    document: Document
    watching: list[Watching]


@dataclass
class Question:
    """One watch of one version, asked of the enrollments that may have met it."""

    watching: Watching
    rows: list[Inside] = field(default_factory=list)


def follow(batch) -> None:
    """Pipeline stage: only the campaigns that look out for what was written, only the contacts it is about."""
    written = reading.of(batch)
    versions = _versions(written)
    people = _people(versions, written, batch.now) if versions else []
    if people:
        _settle(list(_met(people, batch.triggering, batch.now)), batch.now)


def catch_up(batch, entered: Collection[int]) -> None:
    """These contacts came in by this batch: what they did next may stand in it as well, and nobody has looked at it.

    Where the engine was away for a while that may be hours of their life. No query where each did but one thing.
    """
    events: list[Event] = batch.triggering
    times = Counter(event.contact_id for event in events)
    busy = {pk for pk in entered if times[pk] > 1}
    written = {token: its & busy for token, its in reading.of(batch).items() if its & busy} if busy else {}
    versions = _versions(written) if written else {}
    if not versions:
        return
    order = {event.pk: place for place, event in enumerate(events)}
    people = [
        Inside(person.row, person.document, [one for one in person.watching if one.watch.event])
        for person in _people(versions, written, batch.now)
        if person.row.entered_at == batch.now and person.row.event_id in order
    ]
    _settle(list(_met(people, events, batch.now, order)), batch.now)


def _settle(found: list[Met], now: datetime) -> None:
    if found:
        _hold({met.row.campaign_id for met in found})
        _act(found, now)


def _hold(campaigns: Collection[int]) -> None:
    """As they are until the batch commits, before their people: in the order of whoever publishes or archives."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM campaigns_campaign WHERE id = ANY(%s) ORDER BY id FOR SHARE", [list(campaigns)])


def _versions(written: Mapping[str, Collection[int]]) -> dict[int, set[str]]:
    """Versions that look out for something written, with what for."""
    asked = Reference.objects.filter(kind="watch", version__campaign__state__in=["active", "draining", "paused"])
    if reading.EVERYTHING not in written:
        asked = asked.filter(key__in=written)
    found: dict[int, set[str]] = {}
    for version, token in asked.values_list("version", "key"):
        found.setdefault(version, set()).add(token)
    return found


def _people(versions: Mapping[int, set[str]], written: Mapping[str, set[int]], now: datetime) -> list[Inside]:
    """Everybody inside these versions about whom that was written; for goals also who has been inside lately."""
    everything = written.get(reading.EVERYTHING, set())
    contacts = set(everything).union(*(written.get(token, ()) for its in versions.values() for token in its))
    documents = of_versions(versions)
    looks = {pk: [(one, tokens(one.watch)) for one in watching(document)] for pk, document in documents.items()}
    inside = Q(state__in=Enrollment.INSIDE)
    goals = [pk for pk, its in looks.items() if any(one.role == GOAL for one, _ in its)]
    lately = Q(version__in=goals, entered_at__gte=now - LONGEST)
    rows = Enrollment.objects.filter(inside | lately if goals else inside, version__in=versions, contact__in=contacts)
    return [
        Inside(row, documents[row.version_id], its)
        for row in rows.annotate(tried=F("campaign__test_of")).order_by("id")
        if (its := [one for one, read in looks[row.version_id] if _concerns(one, read, row, written, everything)])
    ]


def _concerns(
    one: Watching, tokens: Iterable[str], row: Enrollment, written: Mapping[str, set[int]], everything: set[int]
) -> bool:
    """Was something written about them that this watch reads, and are they where it counts?"""
    if one.role == WAKE and not (row.listens and row.step_uid == one.step_uid):
        return False
    if one.role == EXIT and row.state not in Enrollment.INSIDE:
        return False
    read = any(row.contact_id in written.get(token, ()) for token in tokens)
    return read or (not one.watch.event and row.contact_id in everything)


def _met(
    people: list[Inside], events: Iterable[Event], now: datetime, order: Mapping[UUID, int] | None = None
) -> Iterator[Met]:
    """Which of them met what, each watch once per enrollment; by events after that which let them in, where ordered."""
    questions: dict[tuple[int, str, str, str], Question] = {}
    for person in people:
        for one in person.watching:
            key = (person.row.version_id, one.role, one.step_uid, one.watch.uid)
            questions.setdefault(key, Question(one)).rows.append(person)
    asked = list(questions.values())
    here = now.astimezone(SiteSettings.get().zone)
    yield from _by_event([one for one in asked if one.watching.watch.event], list(events), here, order or {})
    conditional = [one for one in asked if not one.watching.watch.event]
    tried = [one for one in conditional if one.rows[0].row.tried]  # type: ignore[attr-defined]
    yield from _by_condition([one for one in conditional if one not in tried], here)
    yield from _in_runs(tried, now)


def _by_event(
    questions: list[Question], events: list[Event], now: datetime, order: Mapping[UUID, int]
) -> Iterator[Met]:
    limits = event_types.late_limits() if questions else {}
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    chosen = [one for one in questions if one.watching.watch.filter]
    fitting = _fitting(chosen, by_type, now)
    begun = _begun(questions)
    for question in questions:
        watch = question.watching.watch
        for person in question.rows:
            since = _since(question.watching, person, begun)
            met = [
                event
                for event in by_type.get(watch.event, ())
                if (not watch.filter or event.pk in fitting[id(question)])
                and not (order and person.row.event_id and order[event.pk] < order[person.row.event_id])
                and counts(event, person.row, person.document, since, limits)
            ]
            if met:  # the time begins anew from the last one
                event = max(met, key=lambda one: one.occurred_at) if watch.uid == AGAIN else met[0]
                yield Met(person.row, person.document, question.watching, event)


def _begun(questions: Iterable[Question]) -> dict[int, datetime]:
    """Enrollment → since when what they do counts in the step in which they stand; one query, if any waits there."""
    ids = {person.row.pk for one in questions if one.watching.role == WAKE for person in one.rows}
    standing = Visit.objects.filter(enrollment__in=ids, left_at=None) if ids else []
    return {visit.enrollment_id: visit.counts_from for visit in standing}


def _since(watching: Watching, person: Inside, begun: Mapping[int, datetime]) -> datetime | None:
    """None: whenever it was."""
    row, step = person.row, person.document.step(watching.step_uid)
    if watching.role != WAKE or step is None:
        return row.counts_from
    if watching.watch.uid == AGAIN:  # one that is told late does not turn the time back
        return max(row.counts_from, row.event_at or row.counts_from)
    if step.config.get("since") == "ever":
        return None
    return row.counts_from if step.config.get("since") == "entry" else begun.get(row.pk, row.counts_from)


def counts(event: Event, row: Enrollment, document: Document, since: datetime | None, limits: Mapping) -> bool:
    """Is it about this enrollment: the same contact and key, not before that, and told in time?

    One without the key's property is about all of a contact's enrollments: whoever deletes the account names no cart.
    Where the engine was down the event itself was not late.
    """
    if event.contact_id != row.contact_id or event.pk == row.event_id:
        return False
    if since is not None and event.occurred_at < since:
        return False
    limit = limits.get(event.type, event_types.LATE_LIMIT)
    if limit is not None and event.received_at - event.occurred_at > limit:
        return False
    named = event.properties.get(document.entry_key) if document.entry_key else None
    return named is None or str(named)[:255] == row.entry_key


def _fitting(questions: list[Question], by_type: Mapping[str, list[Event]], now: datetime) -> dict[int, set]:
    """Ids of the events that fit each question's filter."""
    queries = [
        _labelled(_events_of(one.watching.watch, by_type[one.watching.watch.event], now), number)
        for number, one in enumerate(questions)
        if one.watching.watch.event in by_type
    ]
    found: dict[int, set] = {id(one): set() for one in questions}
    by_id = {str(event.pk): event.pk for its in by_type.values() for event in its}
    for number, pk in united(queries):
        found[id(questions[number])].add(by_id[pk])
    return found


def _events_of(watch: Watch, events: list[Event], now: datetime) -> QuerySet:
    received = [event.received_at for event in events]
    rows = Event.objects.filter(
        id__in=[event.pk for event in events], received_at__range=(min(received), max(received))
    )
    contacts = {event.contact_id for event in events}
    return rows.filter(conditions.compiled(watch.filter, "event", now, only=contacts))


def _by_condition(questions: list[Question], now: datetime) -> Iterator[Met]:
    queries = [
        _labelled(_rows_of(one.watching.watch, [person.row for person in one.rows], now), number)
        for number, one in enumerate(questions)
    ]
    people = {(number, str(person.row.pk)): person for number, one in enumerate(questions) for person in one.rows}
    for number, pk in united(queries):
        person = people[number, pk]
        yield Met(person.row, person.document, questions[number].watching)


def _in_runs(questions: list[Question], now: datetime) -> Iterator[Met]:
    """Each person in a test run has a clock: what happened when is asked by it. A few people, asked one by one."""
    zone = SiteSettings.get().zone if questions else None
    for question in questions:
        for person in question.rows:
            with pace.lived(person.row, now) as shown:
                if _rows_of(question.watching.watch, [person.row], shown.astimezone(zone)).exists():
                    yield Met(person.row, person.document, question.watching)


def _rows_of(watch: Watch, rows: list[Enrollment], now: datetime) -> QuerySet:
    contacts = {row.contact_id for row in rows}
    found = Enrollment.objects.filter(pk__in=[row.pk for row in rows])
    return found.filter(conditions.compiled(watch.condition, "enrollment", now, only=contacts))


def _labelled(rows: QuerySet, number: int) -> QuerySet:
    return rows.order_by().annotate(
        question=Value(number), found=Cast("pk", TextField() if rows.model is Enrollment else CharField())
    ).values_list("question", "found")  # fmt: skip


def _act(found: list[Met], now: datetime) -> None:
    """Goals are noted, exits act, and whoever stays goes on."""
    reached = [met for met in found if met.watching.role == GOAL and _in_time(met, now)]
    reach(reached, now)
    leaving = [met for met in found if met.watching.role == EXIT]
    leaving += [met for met in reached if met.document.exit_on_goal and met.row.state in Enrollment.INSIDE]
    leave(leaving, now)
    gone = {met.row.pk for met in leaving}
    wake([met for met in found if met.watching.role == WAKE and met.row.pk not in gone], now)


def _in_time(met: Met, now: datetime) -> bool:
    """Within the days of the goal; in a test run those of its own clock."""
    at = met.event.occurred_at if met.event else now
    if met.row.tried and (shown := pace.clock_of(met.row)):  # type: ignore[attr-defined]
        at = shown(at)
    goal = next(goal for goal in met.document.goals if goal.uid == met.watching.watch.uid)
    return at <= met.row.entered_at + timedelta(days=goal.days)
