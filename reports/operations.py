"""What the Operations page shows: workers, lag per kind of work, throughput, what waits for a person, jobs.

A fixed number of queries, counts that end at a cap. What is read is kept for ten times as long as the reading took,
so that many watchers of a large site cost no more than a tenth of one process.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from automation.models import Call, Enrollment, Visit
from campaigns.models import Campaign, Message
from contacts.models import Change, Merge
from events.models import Event, RejectedEvent
from integrations import claiming as pushes
from lib import clock
from lib.durations import in_words
from ops.models import Heartbeat, Job, SiteSettings
from ops.work import QUEUES, STALE_BEAT
from reports.aside import ASIDE, Found
from segments.models import Segment

KEY = "reports.operations"
KEPT_FOR = 10
CAP = 1000
SILENT = timedelta(seconds=60)
REMEMBERED = timedelta(days=1)
LATE = timedelta(minutes=5)
SHORT = timedelta(seconds=2)
LATEST = 5
STEPS_LOOKED_AT = 100_000


def snapshot(now: datetime) -> dict[str, Any]:
    """Everything on the page, for every viewer the same."""
    if (kept := cache.get(KEY)) is not None:
        return kept
    began = time.monotonic()
    found = _read(now)
    cache.set(KEY, found, timeout=KEPT_FOR * (time.monotonic() - began))
    return found


def forget() -> None:
    """After a deed: whoever did it sees what came of it."""
    cache.delete(KEY)


def _read(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "site_settings": SiteSettings.get(),
        "workers": workers(),
        "lags": lags(now),
        "rates": rates(now),
        "aside": aside(),
        "rejected": list(RejectedEvent.objects.select_related("source")[:LATEST]),
        "jobs": list(_jobs(now)),
    }


# --- workers ---


@dataclass(frozen=True)
class Worker:
    """One `manage.py worker`: its ticker and the cluster that it watches."""

    name: str
    age: timedelta
    doing: list[str]
    watched: bool

    @property
    def silent(self) -> bool:
        return self.age > SILENT

    @property
    def sign(self) -> str:
        return "just now" if self.age < timedelta(seconds=10) else f"{in_words(self.age)} ago"


def workers() -> list[Worker]:
    """Those that gave a sign of life in the last day, by the database's clock; silent ones first."""
    age = ExpressionWrapper(Now() - F("beat_at"), output_field=DurationField())
    signs = list(Heartbeat.objects.within(REMEMBERED).annotate(age=age).order_by("worker", "role"))
    tickers = {sign.note.removeprefix("cluster "): sign for sign in signs if sign.role == "ticker"}
    groups: dict[str, list[Heartbeat]] = {cluster: [sign] for cluster, sign in tickers.items()}
    for sign in signs:
        if sign.role != "ticker":
            groups.setdefault(sign.worker, []).append(sign)
    found = [_worker(name, members, name in tickers) for name, members in groups.items()]
    return sorted(found, key=lambda worker: (not worker.silent, worker.name))


def _worker(name: str, signs: list[Any], watched: bool) -> Worker:
    busy = [sign for sign in signs if sign.note == "busy" and sign.age < STALE_BEAT]
    doing = [QUEUES[sign.role].label if sign.role in QUEUES else sign.role for sign in busy]
    return Worker(name, min(sign.age for sign in signs), doing, watched)


# --- lag ---


@dataclass(frozen=True)
class Lag:
    """How much of one kind of work is due, and for how long the oldest has been."""

    label: str
    count: int
    waits: timedelta

    @property
    def late(self) -> bool:
        return bool(self.count) and self.waits > LATE

    @property
    def words(self) -> str:
        if not self.count:
            return "Nothing waits"
        many = f"more than {CAP:,}" if self.count > CAP else f"{self.count:,}"
        return f"{many} due, the oldest for {in_words(self.waits)}" if self.waits > SHORT else f"{many} due"


Counted = tuple[int, datetime | None]


def lags(now: datetime) -> list[Lag]:
    """One line per queue, along the way of the data; queues of plug-ins last, without their numbers."""
    found = []
    known = [QUEUES[key] for key in _READERS]
    for queue in [*known, *(queue for queue in QUEUES if queue.key not in _READERS)]:
        count, oldest = _READERS[queue.key](now) if queue.key in _READERS else (int(queue.is_due(now)), None)
        read = now - clock.offset() if queue.key == "leases" else now  # leases are by the database's own clock
        found.append(Lag(queue.label, count, max(read - oldest, timedelta()) if oldest else timedelta()))
    return found


def _first(rows: QuerySet, field: str = "due_at", order: str = "") -> Counted:
    some = rows.order_by(order or field)[: CAP + 1].aggregate(count=Count("pk"), oldest=Min(field))
    return some["count"], some["oldest"]


def _changes(now: datetime) -> Counted:
    return _first(Change.objects.filter(due_at__lte=now), order="pk")


def _enrollments(now: datetime) -> Counted:
    """Of running campaigns, the oldest of each by its index: a million that are due are not sorted."""
    due = Enrollment.objects.due(now)
    running = Campaign.objects.running()
    first = due.filter(campaign=OuterRef("pk")).order_by("due_at").values("due_at")[:1]
    oldest = running.aggregate(oldest=Min(Subquery(first)))["oldest"]
    return due.filter(campaign__in=running.values("pk")).order_by()[: CAP + 1].count(), oldest


def _mail(now: datetime) -> Counted:
    running = Q(campaign=None) | Q(campaign__state__in=[Campaign.State.ACTIVE, Campaign.State.DRAINING])
    return _first(Message.objects.due(now).filter(running, state=Message.State.QUEUED))


def _leases(now: datetime) -> Counted:
    in_hand = Message.objects.filter(state__in=[Message.State.LEASED, Message.State.SENDING])  # as its index has it
    return _first(in_hand.filter(lease_until__lt=Now()), "lease_until")


def _webhooks(now: datetime) -> Counted:
    resting = [Campaign.State.DRAFT, Campaign.State.PAUSED]
    return _first(Call.objects.due(now).filter(state=Call.State.QUEUED).exclude(campaign__state__in=resting))


_READERS: dict[str, Callable[[datetime], Counted]] = {
    "changes": _changes,
    "enrollments": _enrollments,
    "mail": _mail,
    "settled": lambda now: _first(Message.objects.filter(announced=False, settled_at__lte=now), "settled_at"),
    "leases": _leases,
    "webhooks": _webhooks,
    "pushes": lambda now: _first(pushes.waiting(now)),
    "merges": lambda now: _first(Merge.objects.due(now)),
    "jobs": lambda now: _first(Job.objects.due(now)),
    "segments": lambda now: _first(Segment.objects.due(now)),
}


# --- throughput ---


@dataclass(frozen=True)
class Rate:
    """How many were handled in the last minute and in the last hour."""

    title: str
    minute: int
    hour: int
    most: int | None = None

    @property
    def hour_in_words(self) -> str:
        return f"more than {self.most:,}" if self.most and self.hour >= self.most else f"{self.hour:,}"


def rates(now: datetime) -> list[Rate]:
    """Each by an index: event type and time, the time in an event's id, the order of visits."""
    hour = now - timedelta(hours=1)
    mails = Event.objects.filter(type="email.sent", occurred_at__gt=hour, occurred_at__lte=now)
    events = Event.objects.filter(pk__gte=_first_id(hour), received_at__gt=hour, received_at__lte=now)
    steps = Visit.objects.order_by("-pk")[:STEPS_LOOKED_AT]
    return [
        _rate("Mails sent", mails, "occurred_at", now),
        _rate("Events received", events.exclude(type__startswith="email."), "received_at", now),
        _rate("Steps taken", steps, "entered_at", now, STEPS_LOOKED_AT),
    ]


def _rate(title: str, rows: QuerySet, field: str, now: datetime, most: int | None = None) -> Rate:
    def since(span: timedelta) -> Count:
        return Count("pk", filter=Q(**{f"{field}__gt": now - span, f"{field}__lte": now}))

    rows = rows if rows.query.is_sliced else rows.order_by()
    counted = rows.aggregate(minute=since(timedelta(minutes=1)), hour=since(timedelta(hours=1)))
    return Rate(title, counted["minute"], counted["hour"], most)


def _first_id(at: datetime) -> UUID:
    """The smallest version 7 UUID of that millisecond."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


# --- what waits for a person ---


def aside() -> list[Found]:
    """The kinds of which there is something, with their first rows and their number."""
    return [found for kind in ASIDE.values() if (found := kind.read(CAP)).count]


def _jobs(now: datetime) -> Iterable[Job]:
    """Open ones, and those that failed in the last week."""
    failed = Q(state=Job.State.FAILED, finished_at__gt=now - timedelta(days=7))
    return Job.objects.filter(Q(due_at__isnull=False) | failed).select_related("created_by")[: 2 * LATEST]
