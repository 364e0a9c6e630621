"""Entering: events of a batch become enrollments, or refusals that say why not.

Queries: two for the campaigns concerned, one (a UNION over them) for who matches, one each for
assignments, earlier enrollments, insertions and refusals; never one per contact.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Expression, F, Value, When

from automation import enrolling
from automation.enrolling import Entry
from automation.models import Assignment, Enrollment, Refusal
from campaigns.document import Document, Trigger, parse
from campaigns.models import Campaign
from campaigns.trigger_kinds import kind_of, tree_of
from events import types as event_types
from events.models import Event
from events.pipeline import Batch
from lib.durations import duration, in_words
from ops.models import SiteSettings
from segments import conditions

HOLDOUT = "holdout"
_documents: dict[int, Document] = {}


@dataclass(frozen=True)
class Match:
    """One event that met a campaign's trigger."""

    campaign: Campaign
    event: Event
    in_audience: bool
    key: str


def enter(batch: Batch) -> None:
    """Pipeline stage: take in whoever's events match a trigger."""
    events = {event.id: event for event in batch.triggering}
    if not events:
        return
    campaigns = _campaigns_for({event.type for event in events.values()})
    if not campaigns:
        return
    # Conditions on days and weekdays follow the site's calendar.
    matches = _matches(campaigns, events, batch.now.astimezone(SiteSettings.get().zone))
    if matches:
        _decide(matches, batch.now)


def _campaigns_for(types: set[str]) -> list[Campaign]:
    """Campaigns that one of the types triggers: active ones, and paused ones to note the refusal.

    They are held as they are until the batch commits, as advancing holds them: else somebody could enter a campaign
    just after all have left it, and stay there for ever.
    """
    while True:
        found = _triggered_by(types)
        held = _held(found)
        if all(held[campaign.pk] == (campaign.state, campaign.live_id) for campaign in found):
            return found


def _held(campaigns: list[Campaign]) -> dict[int, tuple[str, int | None]]:
    if not campaigns:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, state, live_id FROM campaigns_campaign WHERE id = ANY(%s) ORDER BY id FOR SHARE",
            [[campaign.pk for campaign in campaigns]],
        )
        return {pk: (state, live) for pk, state, live in cursor.fetchall()}


def _triggered_by(types: set[str]) -> list[Campaign]:
    return list(
        Campaign.objects.filter(
            state__in=[Campaign.State.ACTIVE, Campaign.State.PAUSED],
            live__references__kind="event_type",
            live__references__role="trigger",
            live__references__key__in=types,
        )
        .select_related("live")
        .order_by("id")
        .distinct()
    )


def _matches(campaigns: list[Campaign], events: dict[Any, Event], now: datetime) -> list[Match]:
    """In the order of the events; a campaign matches an event once, whatever the number of its triggers."""
    queries = [
        _matching(campaign, trigger, events.values(), now)
        for campaign in campaigns
        for trigger in definition(campaign).triggers
        if any(event.type == type_of(trigger) for event in events.values())
    ]
    rows = queries[0].union(*queries[1:]) if len(queries) > 1 else queries[0]
    by_id = {campaign.id: campaign for campaign in campaigns}
    found = {(campaign_id, event_id): in_audience for campaign_id, event_id, in_audience in rows}
    order = {event_id: place for place, event_id in enumerate(events)}
    return [
        Match(by_id[campaign_id], events[event_id], in_audience, _key(by_id[campaign_id], events[event_id]))
        for (campaign_id, event_id), in_audience in sorted(
            found.items(), key=lambda item: (order[item[0][1]], item[0][0])
        )
    ]


def _matching(campaign: Campaign, trigger: Trigger, events: Iterable[Event], now: datetime):
    fitting = [event for event in events if event.type == type_of(trigger)]
    received = {event.received_at for event in fitting}
    document = definition(campaign)
    rows = Event.objects.order_by().filter(
        id__in=[event.id for event in fitting], received_at__range=(min(received), max(received))
    )
    if asked := tree_of(trigger):
        contacts = {event.contact_id for event in fitting}
        rows = rows.filter(conditions.compiled(asked, "event", now, only=contacts))
    in_audience: Expression = Value(True, output_field=BooleanField())
    if document.audience:
        # Without `only`: inside CASE each row looks up its own contact.
        audience = conditions.compiled(document.audience, "event", now)
        in_audience = Case(When(audience, then=Value(True)), default=Value(False), output_field=BooleanField())
    return rows.annotate(
        found_campaign=Value(campaign.id), found_in_audience=in_audience, found_event=F("id")
    ).values_list("found_campaign", "found_event", "found_in_audience")


def type_of(trigger: Trigger) -> str | None:
    """The type of the events that let people in by this trigger."""
    return kind_of(trigger).event_type(trigger)


def definition(campaign: Campaign) -> Document:
    """The live document, typed; versions never change, so each is parsed once."""
    version = campaign.live
    assert version
    if version.pk not in _documents:
        if len(_documents) > 500:
            _documents.clear()
        _documents[version.pk] = parse(version.document)
    return _documents[version.pk]


def _key(campaign: Campaign, event: Event) -> str:
    name = definition(campaign).entry_key
    value = event.properties.get(name) if name else None
    return "" if value is None or isinstance(value, dict | list) else str(value)[:255]


def _decide(matches: list[Match], now: datetime) -> None:
    limits = event_types.late_limits()
    refusals: list[Refusal] = []
    entries: list[Entry] = []
    open_matches = []
    for match in matches:
        refused = _refused_at_once(match, limits, now)
        if refused:
            refusals.append(_refusal(match, now, *refused))
        else:
            open_matches.append(match)
    earlier = _earlier(open_matches)
    for match in open_matches:
        answer = _answer(match, earlier, now)
        if isinstance(answer, Entry):
            entries.append(answer)
            earlier.setdefault((match.campaign.id, match.event.contact_id), []).insert(0, _as_if_entered(answer))
        elif answer:
            refusals.append(_refusal(match, now, *answer))
    _assign_holdouts(entries, now)
    enrolling.insert(entries, now)
    Refusal.objects.bulk_create(refusals, ignore_conflicts=True)


def _refused_at_once(match: Match, limits: dict[str, timedelta | None], now: datetime) -> tuple[str, str] | None:
    limit = limits.get(match.event.type, event_types.LATE_LIMIT)
    age = now - match.event.occurred_at
    if match.campaign.state == Campaign.State.PAUSED:
        return "paused", "The campaign was paused when this happened."
    if limit is not None and age > limit:
        return "late", f"It happened {in_words(age)} ago; events older than {in_words(limit)} start nothing."
    if not match.in_audience:
        return "audience", "They did not match the campaign's audience filter."
    return None


def _earlier(matches: list[Match]) -> dict[tuple[int, int], list[Enrollment]]:
    """Enrollments of these contacts in these campaigns, newest first."""
    found: dict[tuple[int, int], list[Enrollment]] = {}
    if matches:
        rows = Enrollment.objects.filter(
            campaign_id__in={match.campaign.id for match in matches},
            contact_id__in={match.event.contact_id for match in matches},
        ).order_by("-entered_at", "-id")
        for row in rows:
            found.setdefault((row.campaign_id, row.contact_id), []).append(row)
    return found


def _answer(match: Match, earlier: dict, now: datetime) -> Entry | tuple[str, str] | None:
    """What becomes of a match: an entry, a refusal with its sentence, or nothing but fresh data."""
    document = definition(match.campaign)
    before = [row for row in earlier.get((match.campaign.id, match.event.contact_id), []) if row.entry_key == match.key]
    inside = next((row for row in before if row.state in Enrollment.INSIDE), None)
    if inside and document.on_repeat == "refresh" and inside.pk:
        enrolling.refresh(inside, match.event)
        return None
    if inside and document.on_repeat == "restart" and inside.pk:
        return Entry(match.campaign, document, match.event, match.key, restarts=inside)
    if inside:
        return "inside", "They were already inside, so the repeat was ignored."
    if before and document.reentry.mode == "once":
        return "once", "They had entered before, and the campaign takes everybody in once."
    if before and document.reentry.mode == "once_per":
        period = duration(document.reentry.amount, document.reentry.unit)
        if now - before[0].entered_at < period:
            return "once_per", f"They had entered less than {in_words(period)} before."
    return Entry(match.campaign, document, match.event, match.key)


def _as_if_entered(entry: Entry) -> Enrollment:
    """Stands for an enrollment that this batch is about to insert, for later events of the same batch."""
    return Enrollment(entry_key=entry.key, state=Enrollment.State.ACTIVE, entered_at=entry.event.received_at)


def _refusal(match: Match, now: datetime, reason: str, explanation: str) -> Refusal:
    return Refusal(
        campaign=match.campaign,
        contact_id=match.event.contact_id,
        at=now,
        reason=reason,
        explanation=explanation,
        event_id=match.event.id,
    )


def _assign_holdouts(entries: list[Entry], now: datetime) -> None:
    """Hold out the campaign's share of its contacts: by hash, once and for ever."""
    concerned = [entry for entry in entries if entry.document.holdout]
    if not concerned:
        return
    Assignment.objects.bulk_create(
        (
            Assignment(
                campaign=entry.campaign,
                contact_id=entry.event.contact_id,
                name=HOLDOUT,
                at=now,
                arm=HOLDOUT
                if share(entry.campaign.id, entry.event.contact_id, HOLDOUT) < entry.document.holdout
                else "in",
            )
            for entry in concerned
        ),
        ignore_conflicts=True,
    )
    held = set(
        Assignment.objects.filter(
            campaign_id__in={entry.campaign.id for entry in concerned},
            contact_id__in={entry.event.contact_id for entry in concerned},
            name=HOLDOUT,
            arm=HOLDOUT,
        ).values_list("campaign_id", "contact_id")
    )
    for entry in concerned:
        entry.held_out = (entry.campaign.id, entry.event.contact_id) in held


def share(campaign_id: int, contact_id: int, name: str) -> float:
    """A number from 0 to 100 that belongs to this contact, campaign and choice."""
    digest = hashlib.sha256(f"{campaign_id}:{contact_id}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100
