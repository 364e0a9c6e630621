"""Letting many in at once: a run of a schedule, a broadcast, or those who match when a campaign is activated.

Each is a job: a batch of people a transaction, with progress and a way to cancel. Nobody enters twice by the same run,
whatever is killed or asked for twice: each start has a name, and the cursor is written with the enrollments. The
beginnings of many are spread.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from automation import backfilling
from automation.admitting import Admitted
from automation.documents import of_version
from automation.enrolling import Start, occasion
from automation.entering import enter_starts, named
from campaigns.document import Trigger
from campaigns.models import Campaign
from campaigns.trigger_kinds import key_of
from contacts.models import Contact
from lib import words
from ops import jobs
from ops.models import Job
from segments.models import Membership

KIND = "campaigns.let_in"
AT_ONCE, MANY = 500, 500
SPREAD = timedelta(minutes=15)
A_MOMENT, A_MINUTE = timedelta(seconds=1), timedelta(minutes=1)
State = Campaign.State


def start(campaign: Campaign, trigger: Trigger, run: datetime, now: datetime) -> Job:
    """A run of a schedule, or a broadcast."""
    title = f"Send the broadcast “{campaign}”" if trigger.kind == "broadcast" else f"Scheduled: “{campaign}”"
    told = {"campaign": campaign.pk, "trigger": key_of(trigger), "run": run.isoformat()}
    return jobs.start(KIND, title, told, None, now)


def start_backfill(campaign: Campaign, days: int, user, now: datetime) -> Job:
    """Those who match now, or whose event lies in the last days, enter a campaign that was just activated."""
    told = {"campaign": campaign.pk, "days": days, "until": now.isoformat()}
    return jobs.start(KIND, f"Let those who match now into “{campaign}”", told, user, now)


def under_way(campaign: Campaign) -> list[str]:
    """Runs that wait because the campaign is paused, in sentences."""
    rows = Job.objects.filter(kind=KIND, due_at__isnull=False, arguments__campaign=campaign.pk).order_by("pk")
    return [f"{job.title}: it goes on, with {_so_far(job)}." for job in rows]


def _so_far(job: Job) -> str:
    return f"{job.done:,} of {words.people(job.total)} so far" if job.total else "nobody so far"


def people(segment: int | None) -> QuerySet[Contact]:
    """Whom it is about: the members of a segment, or everybody."""
    contacts = Contact.objects.current()
    if segment is None:
        return contacts
    return contacts.filter(pk__in=Membership.objects.current().filter(segment=segment).values("contact"))


def step(job: Job, now: datetime) -> bool:
    """One batch of the job."""
    campaign = Campaign.objects.filter(pk=job.arguments["campaign"]).first()
    if campaign is None or campaign.state not in (State.ACTIVE, State.PAUSED) or not campaign.live_id:
        job.result = _told(job, "The campaign takes nobody in any more. ")
        return True
    if campaign.state == State.PAUSED:
        job.due_at = now + A_MINUTE
        job.result = "It waits, because the campaign is paused."
        return False
    document = of_version(campaign.live_id)
    found = named(job.arguments.get("trigger", ""))(document)
    if not found and "days" not in job.arguments:
        job.result = _told(job, "The trigger was changed meanwhile. ")
        return True
    asked = people(found[0].config.get("segment") if found else None)
    if not job.cursor:
        job.total = asked.count()
    chosen = asked.filter(pk__gt=job.cursor.get("after", 0)).order_by("pk")
    ids = list(chosen.values_list("pk", flat=True)[:AT_ONCE])
    admitted = _batch(job, campaign, found, ids, now)
    if admitted is None:
        job.due_at = now + A_MOMENT
        return False
    _count(job, ids, admitted)
    job.result = _told(job)
    return len(ids) < AT_ONCE


def _batch(job: Job, campaign: Campaign, found: list[Trigger], ids: Sequence[int], now: datetime) -> Admitted | None:
    spread = SPREAD if (job.total or 0) > MANY else timedelta()
    if "days" in job.arguments:
        until = datetime.fromisoformat(job.arguments["until"])
        return backfilling.let_in(campaign, ids, job.arguments["days"], until, now, spread)
    run = datetime.fromisoformat(job.arguments["run"])
    # A broadcast reaches each person once, whatever becomes of its settings.
    name: list[Any] = ["broadcast"] if found[0].kind == "broadcast" else list(job.arguments.values())
    its = (campaign.pk, job.arguments["trigger"], run.date())  # who is not let in again hears of it once a day
    starts = [Start(pk, run, occasion(*name, campaign.pk, pk), told_as=occasion("told", *its, pk)) for pk in ids]
    return enter_starts(
        campaign.pk,
        starts,
        now,
        named(job.arguments["trigger"]),
        quiet=["filter", "audience"],
        however_late=True,
        spread=spread,
    )


def _count(job: Job, ids: Sequence[int], admitted: Admitted) -> None:
    entered = job.cursor.get("entered", 0) + len(admitted.entered)
    refused = job.cursor.get("refused", 0) + len(admitted.refused)
    job.cursor = {"after": ids[-1] if ids else job.cursor.get("after", 0), "entered": entered, "refused": refused}
    job.done = min(job.done + len(ids), job.total or 0)


def _told(job: Job, before: str = "") -> str:
    entered, refused = job.cursor.get("entered", 0), job.cursor.get("refused", 0)
    who = words.people(entered)
    not_in = f"; {refused:,} did not: each one’s page says why" if refused else ""
    return f"{before}{who} entered{not_in}."
