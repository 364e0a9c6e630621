"""Dates of contacts that let them in: the next day that counts is worked out when something is written, and waits as a
row until it has come. So nobody is asked but those whose day it is.

A row is worked out again when the date or the contact's time zone changes, for everybody when a campaign is published
or the site's time zone changes. Whoever works it out holds the contact's lane, as the pipeline does.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import Min

from automation import dates
from automation.dates import Reading
from automation.documents import of_version, of_versions
from automation.enrolling import Start, occasion
from automation.entering import enter_starts, named
from automation.following import TAKING_IN
from automation.models import DateDue
from automation.times import in_year, instant
from automation.zones import zone_of
from campaigns.document import Document
from campaigns.models import Campaign
from campaigns.trigger_kinds import key_of
from contacts.models import Contact
from events.pipeline import Batch
from lib.due import Question, work_off
from ops.models import Job, SiteSettings
from segments import reading
from segments.membership import hold, hold_free

KIND, FILL = "date", "campaigns.dates"
AT_ONCE, FILLED_AT_ONCE = 500, 2_000
OF_PEOPLE = ("contact.", "company.", "computed.")  # the fields whose dates count
# Words for what may hold a date of theirs (segments.reading); events are what computed attributes are made of.
MAY_MOVE = ("attribute:", "timezone", "company", "event:", reading.EVERYTHING)

_KEEP = """
INSERT INTO automation_datedue (campaign_id, trigger, contact_id, day, due_at)
SELECT %s, %s, contact, day, due_at
FROM jsonb_to_recordset(%s::jsonb) AS d (contact bigint, day date, due_at timestamptz)
ORDER BY contact
ON CONFLICT (campaign_id, trigger, contact_id) DO UPDATE SET day = excluded.day, due_at = excluded.due_at
"""


class Config(msgspec.Struct):
    """The settings of the trigger: so many days before (below 0) or after the date in a field, at a time of day."""

    field: str
    offset: int = 0
    at: str = "09:00"
    anniversary: bool = False


@dataclass(frozen=True)
class Rule:
    """One trigger by a date of one campaign."""

    campaign_id: int
    key: str
    config: Config

    def moment(self, day: date, zone: tzinfo) -> datetime:
        return instant(datetime.combine(day + timedelta(self.config.offset), time.fromisoformat(self.config.at)), zone)

    def next_day(self, first: date, zone: tzinfo, now: datetime, done: date | None) -> tuple[date, datetime | None]:
        """The day that counts next and its moment, if it is to come and has not let them in already."""
        days = [first]
        if self.config.anniversary:
            year = max(first.year, now.year - 1)
            days = [in_year(datetime.combine(first, time()), year + n).date() for n in range(4)]
        for day in days:
            if day != done and (at := self.moment(day, zone)) > now:
                return day, at
        return days[-1], None

    @property
    def tokens(self) -> set[str]:
        """What must be written for it to be worked out again (segments.reading)."""
        return {*dates.field_named(self.config.field).reads, "timezone", reading.EVERYTHING}


def rules_of(campaign_id: int, document: Document) -> list[Rule]:
    return [
        Rule(campaign_id, key_of(one), msgspec.convert(one.config, Config))
        for one in document.triggers
        if one.kind == KIND
    ]


def live_rules() -> list[Rule]:
    """Of all campaigns that take people in."""
    live = Campaign.objects.filter(
        state__in=TAKING_IN, live__references__kind="trigger", live__references__key=KIND
    ).values_list("pk", "live_id")
    found = dict(live.distinct())
    documents = of_versions(version for version in found.values() if version)
    return [rule for pk, version in found.items() if version for rule in rules_of(pk, documents[version])]


def follow(batch: Batch) -> None:
    """Pipeline stage: work out again the days of those whose dates or time zones were written."""
    written = reading.of(batch)
    if not any(word.startswith(MAY_MOVE) for word in written):
        return
    for rule in live_rules():
        concerned = {pk for token in rule.tokens & written.keys() for pk in written[token]}
        work_out(rule, concerned, batch.now)


def reads(token: str) -> bool:
    """Does any live campaign look out for a date that this may move?"""
    return any(token in rule.tokens for rule in live_rules())


def work_out(rule: Rule, contact_ids: Collection[int], now: datetime) -> None:
    """The next day of these contacts, whose lanes are held; four queries, whatever their number."""
    if not contact_ids:
        return
    read = dates.of_contacts(rule.config.field, contact_ids)
    rows = DateDue.objects.filter(campaign=rule.campaign_id, trigger=rule.key, contact__in=contact_ids)
    known = {row.contact_id: row for row in rows}
    told = {pk: found for pk, found in read.items() if found.at or pk in known}
    zones = dict(Contact.objects.filter(pk__in=told).values_list("pk", "timezone"))
    site = SiteSettings.get()
    kept = [_row(rule, pk, found, known.get(pk), zone_of(zones[pk], site), now) for pk, found in told.items()]
    if kept:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [rule.campaign_id, rule.key, msgspec.json.encode(kept).decode()])


def _row(
    rule: Rule, contact_id: int, found: Reading, known: DateDue | None, zone: tzinfo, now: datetime
) -> dict[str, Any]:
    if found.at is None:  # the date was taken away; what it let them in for stays known
        return {"contact": contact_id, "day": known.day if known else now.date(), "due_at": None}
    first = found.at.date() if found.floating else found.at.astimezone(zone).date()
    day, due_at = rule.next_day(first, zone, now, known.done if known else None)
    return {"contact": contact_id, "day": day, "due_at": due_at}


# --- everybody, after publishing or another time zone of the site ---


def fill(job: Job, now: datetime) -> bool:
    """One batch of the job that works out everybody's days for one version of a campaign."""
    campaign = Campaign.objects.filter(pk=job.arguments["campaign"], live=job.arguments["version"]).first()
    if campaign is None or campaign.live_id is None:
        job.result = "Another version was published meanwhile; a newer job does the work."
        return True
    rules = rules_of(campaign.pk, of_version(campaign.live_id))
    after = job.cursor.get("after", 0)
    if not after:
        job.total = Contact.objects.current().count()
    chosen = Contact.objects.current().filter(pk__gt=after).order_by("pk")
    ids = list(chosen.values_list("pk", flat=True)[:FILLED_AT_ONCE])
    if ids:
        hold(ids)
        for rule in rules:
            work_out(rule, ids, now)
        job.cursor = {"after": ids[-1]}
        job.done += len(ids)
    if len(ids) == FILLED_AT_ONCE:
        return False
    waiting = DateDue.objects.filter(campaign=campaign, due_at__isnull=False).count()
    job.result = f"{waiting:,} dates are to come."
    return True


# --- the days that have come ---


is_due = Question(lambda now: DateDue.objects.due(now).filter(campaign__state__in=TAKING_IN))


@transaction.atomic
def let_in(now: datetime) -> int:
    """Let in those whose day has come, a batch of one campaign; how many were looked at."""
    due = DateDue.objects.due(now).filter(campaign__state__in=TAKING_IN)
    oldest = due.values("campaign_id").annotate(oldest=Min("due_at")).order_by("oldest")
    for campaign_id in [row["campaign_id"] for row in oldest]:
        if handled := _batch_of(campaign_id, now):
            return handled
    return 0


def _batch_of(campaign_id: int, now: datetime) -> int:
    rows = list(DateDue.objects.filter(campaign_id=campaign_id).claim(now, AT_ONCE))
    free = hold_free({row.contact_id for row in rows}) if rows else set()
    handled: list[DateDue] = []
    ready = [row for row in rows if row.contact_id in free]
    work_off(ready, lambda batch: handled.extend(_let_in(campaign_id, batch, now)), _park)
    return len(handled)


def _let_in(campaign_id: int, rows: Sequence[DateDue], now: datetime) -> list[DateDue]:
    campaign = Campaign.objects.get(pk=campaign_id)
    assert campaign.live_id
    rules = {rule.key: rule for rule in rules_of(campaign_id, of_version(campaign.live_id))}
    for key in sorted({row.trigger for row in rows}):
        its = [row for row in rows if row.trigger == key]
        if key not in rules:
            DateDue.objects.filter(pk__in=[row.pk for row in its]).delete()
            continue
        starts = [_start(rules[key], row) for row in its]
        if enter_starts(campaign_id, starts, now, named(key), quiet=["filter"]) is None:
            return []  # the campaign is being changed: they stay due
        for row in its:
            row.done, row.due_at = row.day, None
        DateDue.objects.bulk_update(its, ["done", "due_at"])
        if rules[key].config.anniversary:
            work_out(rules[key], {row.contact_id for row in its}, now)
    return list(rows)


def _start(rule: Rule, row: DateDue) -> Start:
    assert row.due_at
    return start_on(rule, row.contact_id, row.day, row.due_at)


def start_on(rule: Rule, contact_id: int, day: date, at: datetime) -> Start:
    """What lets somebody in on a day; no day does so twice."""
    name = occasion(KIND, rule.campaign_id, rule.key, contact_id, day)
    return Start(contact_id, at, name, properties={"date": day.isoformat(), "field": rule.config.field})


def _park(row: DateDue, fault: Exception) -> None:
    """Its day is lost, and the log names the fault; the next one is worked out when something is written."""
    DateDue.objects.filter(pk=row.pk).update(due_at=None)


def forget(campaign_id: int, rules: Iterable[Rule]) -> None:
    """What is kept for triggers that the campaign has no more."""
    DateDue.objects.filter(campaign=campaign_id).exclude(trigger__in=[rule.key for rule in rules]).delete()
