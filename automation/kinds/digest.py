"""Digest: what happens during a period is collected, and told in one mail."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from automation.documents import of_version
from automation.forms.digest import DigestForm
from automation.holding import was_held
from automation.kinds.email import EmailKind
from automation.kinds.wait import since
from automation.zones import spoken, zone_of
from campaigns.step_kinds import Arm, Done, Wait
from events import types as event_types
from events.models import Event
from lib.durations import UNITS, duration, in_words
from ops.models import SiteSettings

LONGEST = timedelta(days=366)
LISTED = 100  # events in one mail, the newest
BEFORE = timedelta(hours=1)  # by which the entry event may have been received before the entry


class DigestKind(EmailKind):
    key, label, icon = "digest", "Send a digest", "summarize"
    help = "Collects what happens during a period, and tells it in one mail."
    form = DigestForm
    saw = {"since": "", "until": "Collected until", "heard_since": "Collected from"}

    def problems(self, config):
        if not isinstance(config, dict):
            return ["This step cannot be read; fill in its settings again."]
        found = super().problems(config)
        known = dict(event_types.choices())
        if not isinstance(config.get("event"), str) or config["event"] not in known:
            found.append("Choose what is collected.")
        if _span(config) is None:
            found.append("Say how long it is collected: a number of minutes, hours, days or weeks, a year at most.")
        return found

    def references(self, config):
        return [*super().references(config), ("event_type", config["event"])]

    def describe(self, config):
        span = _span(config)
        if span is None:
            return "send a digest"
        return f"collect “{_name(config)}” for {in_words(span)}, then {super().describe(config)}"

    def arms(self, config):
        return [Arm("nothing", "Nothing happened"), *super().arms(config)]

    def outcomes(self, config):
        return [Arm("nothing", "Nothing happened"), *super().outcomes(config)]

    def example(self, config, now, zone):
        span = _span(config)
        return f"If someone gets here now, it is collected until {spoken(now + span, zone)}." if span else ""

    def goes_on(self, config, arm, at, zone, window):
        due = self._ready(config, at)
        return due if arm == "nothing" else super().goes_on(config, arm, due, zone, window)

    def _ready(self, config, at):
        span = _span(config)
        assert span
        return at + span

    def pauses(self, config, arm):
        return True

    def waits(self, visit):
        """Whose mail is written, or held back by a window or a limit, has collected already."""
        return visit.message_id is None and not was_held(visit) and "woken" not in visit.facts

    def times(self, config):
        return _span(config)

    def due_again(self, visits, config, now):
        """The time already waited counts; what was collected meanwhile stays collected."""
        span, name, site = _span(config), _name(config), SiteSettings.get()
        assert span
        return [_collecting(visit, name, site, since(visit), max(since(visit) + span, now)) for visit in visits]

    def run(self, visits, now):
        config = visits[0].step.config
        due = [visit for visit in visits if visit.pk]
        collected = _collected([visit for visit in due if not visit.message_id], config["event"], now)
        for visit in due:
            visit.collected = collected.get(visit.pk)
        telling = [visit for visit in due if visit.message_id or visit.collected]
        told = iter(super().run(telling, now) if telling else [])
        site = SiteSettings.get() if len(due) < len(visits) else None
        name = _name(config)
        outcomes = []
        for visit in visits:
            if not visit.pk:
                outcomes.append(_begun(visit, config, name, site, now))
            elif visit.message_id or visit.collected:
                outcomes.append(next(told))
            else:
                outcomes.append(Done(f"Nothing to tell: “{name}” did not happen.", arm="nothing"))
        return outcomes

    def _message(self, visit, *about):
        message = super()._message(visit, *about)
        message.data = {**message.data, "digest": visit.collected}
        return message


def _span(config: Any) -> timedelta | None:
    """How long it is collected; None where that cannot be read."""
    amount, unit = config.get("amount"), config.get("unit")
    if (
        not isinstance(unit, str)
        or unit not in UNITS
        or isinstance(amount, bool)
        or not isinstance(amount, int | float)
    ):
        return None
    if not 0 < amount <= 600_000:
        return None
    span = duration(amount, unit)
    return span if timedelta(seconds=1) <= span <= LONGEST else None


def _name(config) -> str:
    return str(dict(event_types.choices()).get(config.get("event"), config.get("event")))


def _begun(visit, config, name, site, now):
    span = _span(config)
    assert span
    row = visit.enrollment
    if visit.occurrence == 1 and row.scheduled_at == row.entered_at > row.counts_from:
        # What happened while their entry was read belongs to it, too.
        visit.facts = {"heard_since": row.counts_from.isoformat()}
    return _collecting(visit, name, site, now, now + span)


def _collecting(visit, name: str, site: SiteSettings, start: datetime, until: datetime) -> Wait:
    zone = zone_of(visit.enrollment.contact.timezone, site)
    facts = {**visit.facts, "since": start.isoformat(), "until": until.isoformat()}
    return Wait(f"Collects “{name}” until {spoken(until, zone)}.", until, facts=facts)


def _collected(visits, event_type: str, now) -> dict[int, dict[str, Any]]:
    """Visit → what its person's mail tells: the events since it began, and the one that let them in; one query."""
    if not visits:
        return {}
    began: dict[int, datetime] = {}
    for visit in visits:
        contact_id = visit.enrollment.contact_id
        began[contact_id] = min(visit.counts_from, began.get(contact_id, visit.entered_at))
    since = min([*began.values(), *(visit.enrollment.entered_at - BEFORE for visit in visits if _is_first(visit))])
    wanted = Q(received_at__gte=min(began.values()))
    wanted |= Q(id__in=[visit.enrollment.event_id for visit in visits if _is_first(visit)])
    rows = (
        Event.objects.filter(wanted, type=event_type, contact__in=list(began), received_at__range=(since, now))
        .annotate(
            place=Window(RowNumber(), partition_by=F("contact_id"), order_by=[F("received_at").desc(), F("id").desc()]),
        )
        .filter(place__lte=LISTED)
        .order_by("received_at", "id")
    )
    theirs: dict[int, list[Event]] = defaultdict(list)
    for event in rows:
        theirs[event.contact_id].append(event)
    found = {}
    for visit in visits:
        events = [event for event in theirs[visit.enrollment.contact_id] if _belongs(event, visit)]
        if events:
            found[visit.pk] = _told(events)
    return found


def _is_first(visit) -> bool:
    return visit.occurrence == 1 and visit.enrollment.event_id is not None


def _belongs(event: Event, visit) -> bool:
    """Since the visit began, or the entry event; of the same order, cart … where the campaign has an entry key."""
    row = visit.enrollment
    if event.received_at < visit.counts_from and not (_is_first(visit) and event.id == row.event_id):
        return False
    key = of_version(row.version_id).entry_key
    if not key:
        return True
    value = event.properties.get(key)
    return ("" if value is None or isinstance(value, dict | list) else str(value)[:255]) == row.entry_key


def _told(events: list[Event]) -> dict[str, Any]:
    listed = [{**event.properties, "type": event.type, "at": event.occurred_at.isoformat()} for event in events]
    return {"events": listed, "count": len(listed)}
