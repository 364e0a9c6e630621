"""What activating a campaign would do at once, and to how many: said before it is done."""

from datetime import datetime

import msgspec
from django.db import transaction

from automation import backfilling, letting_in
from automation.entering import in_audience, local
from automation.scheduling import Broadcast, Schedule, moment, next_run, zone_named
from campaigns.document import Document, Trigger
from campaigns.doors import Prospect
from campaigns.models import Campaign
from campaigns.trigger_kinds import tree_of
from lib import words
from ops.models import SiteSettings
from segments import conditions


def look(document: Document, now: datetime) -> Prospect:
    """Of a definition without problems."""
    timed = [trigger for trigger in document.triggers if trigger.kind in ("schedule", "broadcast")]
    counts = [_count(document, trigger, now) for trigger in timed]
    lines = [_line(trigger, people, now) for trigger, people in zip(timed, counts, strict=True)]
    found = backfilling.counts(document, now)
    dated = all(trigger.kind == "date" for trigger in document.triggers)
    choices = [(days, _choice(days, people, dated)) for days, people in found.items() if people]
    return Prospect(lines, choices, people=max(counts, default=0), counts=found)


def _choice(days: int, people: int, dated: bool) -> str:
    who = "the 1 person" if people == 1 else f"the {people:,} people"
    if not days:
        return f"Also {who} who {'matches' if people == 1 else 'match'} now"
    what = "whose date came" if dated else "who did so"
    return f"Also {who} {what} in the last {f'{days} days' if days > 1 else '24 hours'}"


def _line(trigger: Trigger, people: int, now: datetime) -> str:
    who = words.people(people)
    site = SiteSettings.get()
    if trigger.kind == "broadcast":
        broadcast = msgspec.convert(trigger.config, Broadcast)
        at = moment(broadcast, zone_named(broadcast.zone, site.zone))
        return f"The broadcast goes to {who}, {_when(at, broadcast.zone, site) if at and at > now else 'at once'}."
    schedule = msgspec.convert(trigger.config, Schedule)
    at = next_run(schedule, now, zone_named(schedule.zone, site.zone))
    return f"The first run is {_when(at, schedule.zone, site)}; {who} would come in by now."


def broadcast_now(document: Document, trigger: Trigger, now: datetime) -> str:
    """Of one whose hour came while the campaign was paused."""
    broadcast, site = msgspec.convert(trigger.config, Broadcast), SiteSettings.get()
    at = moment(broadcast, zone_named(broadcast.zone, site.zone))
    due = f", which was due {_when(at, broadcast.zone, site)}," if at else ""
    return f"The broadcast{due} goes to {words.people(_count(document, trigger, now))} as soon as you resume."


def _when(at: datetime, zone: str, site: SiteSettings) -> str:
    there = zone_named(zone, site.zone)
    return f"on {at.astimezone(there):%a %-d %b %Y, %H:%M} ({there.key})"


def _count(document: Document, trigger: Trigger, now: datetime) -> int:
    here, people = local(now), letting_in.people(trigger.config.get("segment")).order_by()
    if asked := tree_of(trigger):
        people = people.filter(conditions.compiled(asked, "contact", here))
    return people.filter(in_audience(document, "contact", here)).count()


@transaction.atomic
def begin(campaign: Campaign, days: int, user, now: datetime) -> None:
    """Listener to activating: those who match by now come in, too."""
    document = backfilling.definition(campaign)
    if days in backfilling.windows(document):
        letting_in.start_backfill(campaign, days, user, now)
