"""When schedules run, broadcasts go out and dates of people come, worked out anew from what clocks show.

Nothing here asks the engine for a time. A local time is looked up among all offsets that a zone may have; one that
the clocks leave out is the next minute that they show, and one that they show twice the first of the two.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Min

from automation.models import DateDue, Enrollment, EntryRequest, Refusal, Timer
from campaigns.document import Document, Trigger, parse
from campaigns.models import Campaign
from campaigns.trigger_kinds import key_of
from contacts.models import Contact
from ops.models import Job, SiteSettings

DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
STILL = timedelta(hours=24)  # a run that nobody was there for is made up for as long


@lru_cache(maxsize=4096)
def instant(shown: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the clocks there show that, or else the next minute that they do show."""
    while True:
        offsets = (QUARTER * count for count in range(-12 * 4, 14 * 4 + 1))
        found = [at for off in offsets if (at := (shown - off).replace(tzinfo=UTC)).astimezone(zone).utcoffset() == off]
        if found:
            return min(found)
        shown += timedelta(minutes=1)


def runs(config: dict, first: date, days: int, zone: ZoneInfo) -> Iterator[datetime]:
    """Those of so many days from the first one on."""
    for count in range(days):
        day = first + count * DAY
        for at in _times(config) if _is_its_day(config, day) else ():
            yield instant(datetime.combine(day, at), zone)


def _times(config: dict) -> list[time]:
    if config["every"] == "cron":
        minute, hours = config["cron"].split()[:2]
        return [time(hour, int(minute)) for hour in range(24) if _holds(hours, hour)]
    at = time.fromisoformat(config["at"])
    apart = config["hours"] if config["every"] == "hours" else 24
    return [time(hour, at.minute) for hour in range(24) if (hour - at.hour) % apart == 0]


def _is_its_day(config: dict, day: date) -> bool:
    every, weekday = config["every"], WEEK[day.weekday()]
    if every == "cron":
        _, _, days, months, weekdays = config["cron"].split()
        return _holds(days, day.day) and _holds(months, day.month) and weekdays in ("*", weekday)
    in_month = day.day == min(config.get("day", 0), monthrange(day.year, day.month)[1])
    return {
        "hours": True,
        "day": True,
        "weekdays": weekday not in ("sat", "sun"),
        "week": weekday in config.get("days", []),
        "month": in_month,
        "months": in_month and day.month in config.get("months", []),
    }[every]


def _holds(part: str, number: int) -> bool:
    if part.startswith("*"):
        return number % int(part.partition("/")[2] or 1) == 0
    return any(
        int(low) <= number <= int(high or low) for low, _, high in (one.partition("-") for one in part.split(","))
    )


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "?")
    except (ValueError, OSError, KeyError):
        return ZoneInfo(SiteSettings.get().timezone)


def next_due(now: datetime) -> datetime | None:
    """When somebody goes on, enters or comes in next."""
    dues = [
        rows.filter(due_at__gt=now).aggregate(at=Min("due_at"))["at"]
        for rows in (Enrollment.objects.all(), Timer.objects.all(), DateDue.objects.all(), EntryRequest.objects.all())
    ]
    return min(filter(None, dues), default=None)


class Clockwork:
    """Since when each campaign has taken people in, and by which timers: so that it can be asked what it missed."""

    def __init__(self) -> None:
        self.since: dict[int, datetime] = {}
        self.timers: dict[tuple[int, str], datetime] = {}
        self.last = 0
        self.missed: list[tuple[int, datetime, datetime]] = []

    def look(self, now: datetime) -> None:
        """After every step."""
        self._no_run_is_of_a_time_when_nobody_was_let_in()
        active = set(Campaign.objects.filter(state="active").values_list("pk", flat=True))
        self.since = {pk: self.since.get(pk, now) for pk in active}
        timers = set(Timer.objects.values_list("campaign", "trigger"))
        self.timers = {one: self.timers.get(one, now) for one in timers}
        self._nobody_enters_twice_by_the_same()

    def _no_run_is_of_a_time_when_nobody_was_let_in(self) -> None:
        for job in Job.objects.filter(kind="campaigns.let_in", pk__gt=self.last).order_by("pk"):
            campaign, run = job.arguments["campaign"], datetime.fromisoformat(job.arguments["run"])
            self.last = job.pk
            if not self._is_a_broadcast(job) and campaign in self.since:
                assert run >= self.since[campaign], f"the run of {run} was made up for, though nobody was let in then"

    def _is_a_broadcast(self, job: Job) -> bool:
        return job.title.startswith("Send the broadcast")

    def _nobody_enters_twice_by_the_same(self) -> None:
        rows = list(
            Enrollment.objects.exclude(event_id=None).values_list("campaign", "contact", "entry_key", "event_id")
        )
        twice = [row for row, count in Counter(rows).items() if count > 1]
        assert not twice, f"entered twice by the same event, run or day: {twice}"
        named = [
            (job.arguments["campaign"], job.arguments["trigger"], job.arguments["run"])
            for job in Job.objects.filter(kind="campaigns.let_in", arguments__has_key="run")
        ]
        assert len(named) == len(set(named)), "a run began twice"

    def are_to_come_in(self, campaign: Campaign, now: datetime) -> None:
        """Those who came during its pause; `campaign`: as it was then."""
        if campaign.paused_at:
            self.missed.append((campaign.pk, campaign.paused_at, now))

    def _who_was_missed_came_in(self) -> None:
        """Or was refused for another reason."""
        failed = Job.objects.filter(kind="enter_missed", state="failed").exists()
        for campaign, since, until in [] if failed else self.missed:
            left = Refusal.objects.filter(campaign=campaign, reason="paused", event_id__isnull=False)
            assert not left.filter(at__range=(since, until)).exists(), "came in the pause, and was forgotten"

    def is_kept(self, now: datetime, unknown: set[int]) -> None:
        """Where the engine came to rest; nothing is asked about `unknown` contacts, whose news were kept back."""
        self._who_was_missed_came_in()
        for campaign in Campaign.objects.filter(state="active").select_related("live"):
            for trigger in parse(campaign.live.document).triggers:
                if trigger.kind == "schedule":
                    self._ran(campaign, trigger, now)
                elif trigger.kind == "broadcast":
                    self._went_out(campaign, trigger, now)
                elif trigger.kind == "date":
                    _days_are_known(campaign, trigger, now, unknown)
            _everybody_was_asked(campaign, parse(campaign.live.document), now, unknown)

    def _ran(self, campaign: Campaign, trigger: Trigger, now: datetime) -> None:
        config, zone, key = trigger.config, zone_of(trigger.config["zone"]), key_of(trigger)
        today = now.astimezone(zone).date()
        timer = Timer.objects.get(campaign=campaign, trigger=key)
        next_one = next(run for run in runs(config, today - 2 * DAY, 400, zone) if run > now)
        assert timer.due_at == next_one, f"{config} at {now}: next at {timer.due_at}, not {next_one}"
        jobs = _jobs(campaign, key)
        for job in jobs:
            run = datetime.fromisoformat(job.arguments["run"])
            assert run in set(runs(config, run.astimezone(zone).date() - DAY, 3, zone)), f"{config} ran at {run}"
            assert run <= job.created_at <= run + STILL, f"the run of {run} began at {job.created_at}"
        since = max(self.since[campaign.pk], self.timers[campaign.pk, key], now - STILL)
        if missed := [run for run in runs(config, today - 2 * DAY, 4, zone) if since < run <= now]:
            assert missed[-1].isoformat() in {job.arguments["run"] for job in jobs}, (
                f"{config} did not run: {missed[-1]}"
            )

    def _went_out(self, campaign: Campaign, trigger: Trigger, now: datetime) -> None:
        config, key = trigger.config, key_of(trigger)
        jobs = _jobs(campaign, key)
        assert len(jobs) <= 1, "a broadcast went out twice"
        if config["at"]:
            at = instant(datetime.fromisoformat(config["at"]), zone_of(config["zone"]))
            assert all(job.created_at >= at for job in jobs), "a broadcast went out before its hour"
        else:
            at = now
        assert bool(jobs) == (at <= now), f"the broadcast of {config['at'] or 'now'} has {len(jobs)} runs at {now}"


def _jobs(campaign: Campaign, key: str) -> list[Job]:
    return list(Job.objects.filter(kind="campaigns.let_in", arguments__campaign=campaign.pk, arguments__trigger=key))


def _everybody_was_asked(campaign: Campaign, document: Document, now: datetime, unknown: set[int]) -> None:
    """By a run that came to its end just now: each of them has entered, or it is written down why not."""
    done = Job.objects.filter(kind="campaigns.let_in", arguments__campaign=campaign.pk, state="done", created_at=now)
    runs_now = {key_of(one): one for one in document.triggers if one.config.get("segment", 0) is None}
    if document.audience or not done.filter(finished_at=now, arguments__trigger__in=runs_now).exists():
        return
    asked = done.filter(finished_at=now, arguments__trigger__in=runs_now).latest("pk").arguments["run"]
    since = datetime.fromisoformat(asked) - DAY  # it is said once a day why somebody does not enter
    rows, refused = Enrollment.objects.filter(campaign=campaign), Refusal.objects.filter(campaign=campaign)
    told = set(rows.filter(event_at=asked).values_list("contact", flat=True))
    told |= set(refused.filter(at__gte=since).values_list("contact", flat=True))
    everybody = set(Contact.objects.filter(merged_into=None).values_list("pk", flat=True))
    assert everybody - unknown <= told, f"neither inside nor refused: {everybody - unknown - told}"


# --- dates of people ---

DATES: dict[Any, date] = {
    "2026-03-29T02:30:00": date(2026, 3, 29), "2026-03-10": date(2026, 3, 10), "2020-02-29": date(2020, 2, 29),
}  # fmt: skip


def _days_are_known(campaign: Campaign, trigger: Trigger, now: datetime, unknown: set[int]) -> None:
    rows = {row.contact_id: row for row in DateDue.objects.filter(campaign=campaign, trigger=key_of(trigger))}
    for contact in Contact.objects.filter(merged_into=None).exclude(pk__in=unknown):
        row, first = rows.get(contact.pk), DATES.get(contact.attributes.get("ends_at"))
        found = row.due_at if row else None
        wanted = _next_day(trigger.config, first, zone_of(contact.timezone), now, row.done if row else None)
        assert found == wanted, f"{trigger.config}, {first} in {contact.timezone!r} at {now}: {found}, not {wanted}"


def _next_day(config: dict, first: date | None, zone: ZoneInfo, now: datetime, done: date | None) -> datetime | None:
    if first is None:
        return None
    last = max(now.year, first.year) + 2 if config["anniversary"] else first.year
    days = [_in_year(first, year) for year in range(first.year, last + 1)]
    at = time.fromisoformat(config["at"])
    moments = {day: instant(datetime.combine(day + config["offset"] * DAY, at), zone) for day in days if day != done}
    return min((moment for moment in moments.values() if moment > now), default=None)


def _in_year(day: date, year: int) -> date:
    return (
        day.replace(year=year, day=28)
        if (day.month, day.day) == (2, 29) and monthrange(year, 2)[1] == 28
        else (day.replace(year=year))
    )
