"""Timers of campaigns: a schedule's next run, a broadcast's hour. A run is a job that lets people in, batch by batch.

The timer is moved on in the transaction that starts the job, so each run happens once, whatever the number of workers.
Runs that nobody was there for (an outage) are made up for once, if the last of them is not older than a day; those of a
pause are not, nor those while nobody was let in.
"""

from datetime import datetime, timedelta

import msgspec
from django.db import transaction

from automation import dating, letting_in, prospects
from automation.documents import of_version
from automation.models import DateDue, Timer
from automation.scheduling import Broadcast, Schedule, last_run, moment, next_run, zone_named
from campaigns import doors
from campaigns.document import Document, Trigger
from campaigns.models import Campaign, Version
from campaigns.resuming import Stop
from campaigns.trigger_kinds import key_of
from lib.due import Question
from ops import jobs
from ops import work as queues
from ops.models import SiteSettings
from segments import reading, refreshing

SCHEDULE, BROADCAST = "schedule", "broadcast"
STILL_RUN = timedelta(hours=24)


def set_timers(campaign: Campaign, version: Version, now: datetime) -> None:
    """Listener to publishing: what the version does by time, and nothing else, is kept."""
    document = of_version(version.pk)
    timed = {key_of(one): one for one in document.triggers if one.kind in (SCHEDULE, BROADCAST, dating.KIND)}
    Timer.objects.filter(campaign=campaign).exclude(trigger__in=timed).delete()
    site = SiteSettings.get()
    Timer.objects.bulk_create(
        (
            Timer(campaign=campaign, trigger=key, due_at=_first(trigger, site, now), zone=site.timezone)
            for key, trigger in timed.items()
        ),
        ignore_conflicts=True,
    )
    rules = dating.rules_of(campaign.pk, document)
    dating.forget(campaign.pk, rules)
    if rules:
        _fill(campaign, version.pk, now)


def _fill(campaign: Campaign, version_id: int, now: datetime) -> None:
    title = f"Work out the dates for “{campaign}”"
    jobs.start(dating.FILL, title, {"campaign": campaign.pk, "version": version_id}, None, now)


def _first(trigger: Trigger, site: SiteSettings, now: datetime) -> datetime | None:
    if trigger.kind == SCHEDULE:
        schedule = msgspec.convert(trigger.config, Schedule)
        return next_run(schedule, now, zone_named(schedule.zone, site.zone))
    if trigger.kind == BROADCAST:
        broadcast = msgspec.convert(trigger.config, Broadcast)
        return moment(broadcast, zone_named(broadcast.zone, site.zone)) or now
    return None


def skip_pause(campaign: Campaign, stop: Stop, now: datetime) -> None:
    """Listener to resuming: a schedule goes on with its next run; a broadcast that is overdue goes out now."""
    _go_on_with_next_runs(campaign, now)


def begin_again(campaign: Campaign, now: datetime) -> None:
    """Listener to reopening: no run, broadcast or day that came meanwhile lets anybody in, and dates are read anew.

    While it drained nobody's dates were followed: what was worked out before may hold no more.
    """
    _go_on_with_next_runs(campaign, now)
    Timer.objects.filter(campaign=campaign, due_at__lte=now).update(due_at=None)
    if campaign.live_id and dating.rules_of(campaign.pk, of_version(campaign.live_id)):
        DateDue.objects.filter(campaign=campaign, due_at__lte=now).update(due_at=None)
        _fill(campaign, campaign.live_id, now)


def _go_on_with_next_runs(campaign: Campaign, now: datetime) -> None:
    if not campaign.live_id:
        return
    site, triggers = SiteSettings.get(), _by_key(of_version(campaign.live_id))
    for timer in Timer.objects.filter(campaign=campaign, due_at__lte=now).select_for_update():
        if (trigger := triggers.get(timer.trigger)) and trigger.kind == SCHEDULE:
            timer.due_at = _first(trigger, site, now)
            timer.save(update_fields=["due_at"])


def begun_by_resuming(campaign: Campaign, now: datetime) -> list[str]:
    """Who comes in by itself once it goes on, in sentences: said before."""
    if not campaign.live_id or campaign.draining_since:
        return []
    document = of_version(campaign.live_id)
    triggers = _by_key(document)
    late = Timer.objects.filter(campaign=campaign, due_at__lte=now).order_by("due_at")
    found = [triggers[timer.trigger] for timer in late if timer.trigger in triggers]
    lines = [prospects.broadcast_now(document, one, now) for one in found if one.kind == BROADCAST]
    return lines + letting_in.under_way(campaign)


def follow_zone(now: datetime) -> None:
    """Sweep: the site has another time zone, so what was worked out by the old one is worked out again."""
    site = SiteSettings.get()
    with transaction.atomic():
        old = Timer.objects.exclude(zone=site.timezone).select_related("campaign")
        for timer in old.select_for_update(skip_locked=True, of=("self",)):
            campaign = timer.campaign
            timer.zone = site.timezone
            document = of_version(campaign.live_id) if campaign.live_id else Document()
            trigger = _by_key(document).get(timer.trigger)
            if trigger and trigger.kind == dating.KIND and campaign.live_id:
                _fill(campaign, campaign.live_id, now)
            elif trigger and timer.due_at and timer.due_at > now:
                timer.due_at = _first(trigger, site, now)
            timer.save(update_fields=["zone", "due_at"])


def follow_all(token: str, user, now: datetime) -> None:
    """Listener to what changed for everybody at once, such as a computed attribute that was edited."""
    concerned = {rule.campaign_id for rule in dating.live_rules() if token in rule.tokens}
    for campaign in Campaign.objects.filter(pk__in=concerned, live__isnull=False):
        assert campaign.live_id
        _fill(campaign, campaign.live_id, now)


def _due(now: datetime):
    return Timer.objects.due(now).filter(campaign__state=Campaign.State.ACTIVE)


is_due = Question(_due)


@transaction.atomic
def work(now: datetime) -> int:
    """Start the run of one timer that is due; 0 when none is."""
    due = _due(now).select_related("campaign").order_by("due_at", "pk")
    timer = due.select_for_update(skip_locked=True, of=("self",)).first()
    if timer is None:
        return 0
    campaign = timer.campaign
    document = of_version(campaign.live_id) if campaign.live_id else Document()
    trigger = _by_key(document).get(timer.trigger)
    run = timer.due_at
    timer.due_at = None
    if trigger and trigger.kind == SCHEDULE:
        run, timer.due_at = _runs(trigger, now)
    if trigger and run and (trigger.kind == BROADCAST or now - run <= STILL_RUN):
        letting_in.start(campaign, trigger, run, now)
        timer.ran_at = now
    timer.save(update_fields=["due_at", "ran_at"])
    return 1


def _runs(trigger: Trigger, now: datetime) -> tuple[datetime, datetime]:
    """The last run until now, and the next one."""
    schedule = msgspec.convert(trigger.config, Schedule)
    zone = zone_named(schedule.zone, SiteSettings.get().zone)
    return last_run(schedule, now, zone), next_run(schedule, now, zone)


def _by_key(document: Document) -> dict[str, Trigger]:
    return {key_of(trigger): trigger for trigger in document.triggers}


def register() -> None:
    """What time brings, made known in `AppConfig.ready()`."""
    doors.prospects.register("triggers", prospects.look)
    doors.on_activated.register("those who match", prospects.begin)
    doors.on_published.register("timers", set_timers)
    doors.on_resumed.register("timers", skip_pause)
    doors.on_reopened.register("timers", begin_again)
    queues.register(queues.Queue("timers", "Schedules", is_due, work))
    queues.register(queues.Queue("dates", "Dates of people", dating.is_due, dating.let_in))
    queues.SWEEPS.register("time zone of campaigns", follow_zone)
    reading.READERS.register("dates that let people in", dating.reads)
    refreshing.ON_CHANGED_FOR_ALL.register("dates that let people in", follow_all)
    jobs.register(dating.FILL, "Work out the dates of a campaign", dating.fill)
    jobs.register(letting_in.KIND, "Let people into a campaign", letting_in.step)
