"""Going on after a pause or an outage: those who should have gone on meanwhile are sent on, shifted or let out.

The engine signs once a minute. Where the last sign is older than half an hour it was down, and the campaigns whose
people have become overdue by that go on as their definition says.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, DateTimeField, Exists, F, Min, OuterRef, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Concat, Left

from automation import advancing, entering, timing
from automation.admitting import PAUSED
from automation.documents import of_versions
from automation.enrolling import leave
from automation.models import Enrollment, Pulse, Refusal, Visit
from campaigns.document import Document, StepDoc
from campaigns.flow import way_on
from campaigns.models import DEFAULT_LATENESS_HOURS, Campaign, Message
from campaigns.resuming import Overdue, Stop, shift_mails, usual
from contacts.models import Change
from lib.durations import in_words
from ops import jobs

AT_ONCE = 500
SPREAD_MINUTES = 15
BEAT = timedelta(minutes=1)
OUTAGE = timedelta(minutes=30)
GRACE = timedelta(minutes=5)
MISSED_AT_ONCE = 500
MISSED = "enter_missed"

# The longest overdue go first; being spread makes no mail later than it is.
SPREAD = """
WITH late AS MATERIALIZED (
    SELECT id FROM automation_enrollment WHERE campaign_id = %(campaign)s AND due_at <= %(now)s ORDER BY id FOR UPDATE
), placed AS (
    SELECT e.id, %(span)s::interval * (row_number() OVER (ORDER BY e.due_at, e.id) - 1) / count(*) OVER () AS later
    FROM automation_enrollment e JOIN late ON late.id = e.id
)
UPDATE automation_enrollment e SET due_at = %(now)s + p.later, scheduled_at = e.scheduled_at + p.later
FROM placed p WHERE p.id = e.id
"""

# Their times stand as text, as Python reads it. A wait without `since` counts from when the step was entered.
_LATER = """to_char(({}) AT TIME ZONE 'UTC' + %(span)s::interval, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
COUNT_FROM_LATER = f"""
UPDATE automation_visit v SET facts = v.facts || jsonb_strip_nulls(jsonb_build_object(
    'until', {_LATER.format("(v.facts ->> 'until')::timestamptz")},
    'since', CASE WHEN v.kind IN ('wait', 'wait_for', 'digest') THEN
        {_LATER.format("coalesce((v.facts ->> 'since')::timestamptz, v.entered_at)")} END))
FROM automation_enrollment e
WHERE e.campaign_id = %(campaign)s AND e.due_at IS NOT NULL AND v.enrollment_id = e.id AND v.left_at IS NULL
    AND v.message_id IS NULL AND v.kind IN ('wait', 'wait_for', 'digest')
"""


def go_on(campaign: Campaign, stop: Stop, now: datetime) -> None:
    """A listener to resuming: what becomes of those who are overdue, and over how long they are spread."""
    late = _late(campaign, now - stop.grace, now)
    if stop.late == "exit":
        mails = _mails_waiting(campaign, now - stop.grace)
        ids = [*late.values_list("pk", flat=True), *mails.values_list("visit__enrollment", flat=True)]
        leave(ids, "overdue", f"They should have gone on while {stop.why}.", now)
    elif stop.late == "shift":
        _shift(campaign, now - stop.since, stop.why)
    minutes = stop.minutes
    if minutes is None:
        minutes = SPREAD_MINUTES if late.count() > AT_ONCE else 0
    if minutes:
        _spread(campaign, timedelta(minutes=minutes), now)


def _late(campaign: Campaign, limit: datetime, now: datetime) -> QuerySet[Enrollment]:
    """Who should have gone on by then; not who waits on, and would only have been looked at."""
    until = Cast(KeyTextTransform("until", "facts"), DateTimeField())
    waiting = Visit.objects.filter(enrollment=OuterRef("pk"), left_at=None).annotate(ends=until)
    return Enrollment.objects.filter(~Exists(waiting.filter(ends__gt=now)), campaign=campaign, due_at__lte=limit)


def _mails_waiting(campaign: Campaign, now: datetime) -> QuerySet[Message]:
    """Those that stood in the queue when it stopped, and should have gone out by now: their readers wait for them."""
    waiting = [Message.State.QUEUED, Message.State.LEASED]
    asked = Message.objects.filter(campaign=campaign, state__in=waiting, due_at__lte=now)
    return asked.filter(visit__isnull=False, visit__left_at=None)


def _shift(campaign: Campaign, span: timedelta, why: str) -> None:
    """Everything that is still to come happens later by as long as it stood still.

    Not for whom a wait has ended meanwhile, by what they did or by a person: they go on now, and listen no more.
    """
    woken = Visit.objects.filter(enrollment=OuterRef("pk"), left_at=None, facts__has_key="woken")
    waiting = Enrollment.objects.filter(~Exists(woken), campaign=campaign, due_at__isnull=False)
    list(waiting.order_by("pk").select_for_update().values_list("pk", flat=True))
    words = Value(f" Then {in_words(span)} later: {why}.")
    open_visits = Visit.objects.filter(left_at=None, message=None, enrollment__in=waiting.values("pk"))
    open_visits.update(explanation=Left(Concat("explanation", words), 400))
    waiting.update(due_at=F("due_at") + span, scheduled_at=F("scheduled_at") + span)
    _count_from_later(campaign, span)


def _count_from_later(campaign: Campaign, span: timedelta) -> None:
    """What stood still was no waiting: a wait that is worked out anew later counts from that much later."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_FROM_LATER, {"campaign": campaign.pk, "span": f"{span.total_seconds()} seconds"})


def _spread(campaign: Campaign, span: timedelta, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SPREAD, {"campaign": campaign.pk, "now": now, "span": f"{span.total_seconds()} seconds"})


# --- what the resume page tells ---


def overdue(campaign: Campaign, now: datetime) -> Overdue:
    """Who should have gone on by now, whose mails would be too late, who came meanwhile; a few queries."""
    mails = _mails_waiting(campaign, now).aggregate(
        count=Count("pk"), since=Min("due_at"), too_late=Count("pk", filter=Q(stale_after__lt=now))
    )
    late = _late(campaign, now, now)
    places = list(late.values("version_id", "step_uid").annotate(count=Count("pk"), since=Min("due_at")).order_by())
    missed = _missed(campaign, campaign.paused_at, now).values("contact").distinct().count()
    starts = timing.begun_by_resuming(campaign, now)
    if not places:
        return Overdue(**mails, missed=missed, starts=starts)
    documents = of_versions(place["version_id"] for place in places)
    too_late = Q(pk__in=[])
    for place in places:
        if limit := _limit_ahead(documents[place["version_id"]], place["step_uid"]):
            here = Q(version=place["version_id"], step_uid=place["step_uid"])
            too_late |= here & Q(scheduled_at__lt=now - limit)
    return Overdue(
        mails["count"] + sum(place["count"] for place in places),
        min(at for at in (mails["since"], *(place["since"] for place in places)) if at),
        mails["too_late"] + late.filter(too_late).count(),
        missed,
        starts,
    )


def _limit_ahead(document: Document, uid: str) -> timedelta | None:
    """How late the mail may be that comes next: this step, or the one after it."""
    for step in _ahead(document, uid):
        if step.kind == "email":
            return timedelta(hours=step.config.get("lateness_hours", DEFAULT_LATENESS_HOURS))
    return None


def _ahead(document: Document, uid: str) -> Iterable[StepDoc]:
    step = document.step(uid)
    follower = document.step(way_on(step, "done") or "") if step else None
    return [found for found in (step, follower) if found]


# --- who came meanwhile ---


def _missed(campaign: Campaign, since: datetime | None, until: datetime):
    if since is None:
        return Refusal.objects.none()
    return Refusal.objects.filter(
        campaign=campaign, reason=PAUSED, event_id__isnull=False, at__gte=since, at__lte=until
    )


def let_in(campaign: Campaign, since: datetime, user, now: datetime) -> None:
    """A listener to resuming: those who were refused meanwhile are let in, as background work."""
    if _missed(campaign, since, now).exists():
        arguments = {"campaign": campaign.pk, "since": since.isoformat(), "until": now.isoformat()}
        jobs.start(MISSED, f"Let in who came while “{campaign}” was paused", arguments, user, now)


def enter_missed(job, now: datetime) -> bool:
    """A step of that work: a few hundred people."""
    campaign = Campaign.objects.select_related("live").get(pk=job.arguments["campaign"])
    since, until = (datetime.fromisoformat(job.arguments[name]) for name in ("since", "until"))
    left = _missed(campaign, since, until).filter(pk__gt=job.cursor.get("after", 0)).order_by("pk")
    job.total = job.total or left.count()
    refusals = list(left.select_for_update(of=("self",))[:MISSED_AT_ONCE])
    if not refusals:
        job.result = f"Looked at {job.done:,} of those who came meanwhile; who may be inside has entered."
        return True
    spread = timedelta(minutes=SPREAD_MINUTES) if job.total > AT_ONCE else timedelta()
    if entering.enter_again(campaign, refusals, now, spread) is not None:
        job.cursor = {"after": refusals[-1].pk}
        job.done += len(refusals)
    return False


# --- outages ---


def advance(now: datetime) -> int:
    """The queue of enrollments, looked at first for what an outage has left behind."""
    return advancing.advance(now) if notice(now) else 0


def notice(now: datetime) -> bool:
    """Sign that the engine lives; where it did not for long, let its campaigns go on as they are meant to.

    False: what people did meanwhile is not read yet. Who bought, say, must not be reminded before that is known.
    """
    if Pulse.objects.filter(at__gt=now - BEAT, at__lte=now).exists():
        return True
    with transaction.atomic():
        pulse, new = Pulse.objects.select_for_update().get_or_create(pk=1, defaults={"at": now})
        if not new and now - pulse.at > OUTAGE:
            if Change.objects.filter(due_at__lt=now - BEAT).exists():
                return False
            _return_from(pulse.at, now)
        pulse.at = now
        pulse.save(update_fields=["at"])
    return True


def _return_from(since: datetime, now: datetime) -> None:
    late = Enrollment.objects.filter(due_at__lt=now - GRACE, campaign__in=Campaign.objects.running().values("pk"))
    ids = late.order_by("campaign").values_list("campaign", flat=True).distinct()
    for campaign in Campaign.objects.running().filter(pk__in=list(ids)).order_by("pk").select_for_update(of=("self",)):
        stop = Stop(since, usual(campaign), grace=GRACE, why="the engine was down")
        if stop.late == "shift":
            shift_mails(campaign, now - since)
        go_on(campaign, stop, now)
