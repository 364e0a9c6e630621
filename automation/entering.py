"""Entering: whom a trigger names is led to the gates (`automation.admitting`).

`enter` is the pipeline's stage, for events; `enter_contacts` is for whatever else lets people in: dates, schedules,
lists, the API, other campaigns. Queries: two for the campaigns concerned, one (a UNION over them) for who matches, and
those of the gates; never one per contact.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, Expression, F, OuterRef, QuerySet, Subquery, Value, When

from automation import watching
from automation.admitting import PAUSED, Admitted, Match, Refused, admit
from automation.documents import of_version, of_versions
from automation.enrolling import Start, occasion
from automation.models import Enrollment, EntryRequest, Refusal
from campaigns.document import Document, Trigger
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS, key_of, kind_of, tree_of
from contacts.models import Contact
from events.models import Event
from events.pipeline import Batch
from ops.models import SiteSettings
from segments import conditions
from segments.sql import joined

LONGEST_LAG = timedelta(days=3)  # from an event's receipt to what was decided about it
YES = Value(True, output_field=BooleanField())
NOT_MEANT: Refused = ("filter", "They did not match what the trigger asks for.")


def enter(batch: Batch) -> None:
    """Pipeline stage: take in whoever's events match a trigger."""
    events = {event.id: event for event in batch.triggering}
    if not events:
        return
    campaigns = _campaigns_for({event.type for event in events.values()})
    if campaigns and (matches := matching_events(campaigns, events, batch.now)):
        watching.catch_up(batch, admit(matches, batch.now).entered)


def enter_contacts(
    campaign_id: int,
    contacts: Iterable[int],
    now: datetime,
    cause: str,
    *,
    what: str,
    data: Mapping[str, Any] | None = None,
    data_of: Mapping[int, Mapping[str, Any]] | None = None,
    hops: Mapping[int, int] | None = None,
    at: datetime | None = None,
) -> Admitted | None:
    """Let contacts in, through the same gates as whoever did something; returns who entered and who did not, and why.

    `cause` is the key of the kind of trigger (api, campaign) that the campaign must have. `what` names the call
    (`visit:12`): a second one with the same name lets nobody in again. `data`, and `data_of` each contact, are what
    conditions and mails read as the event's. `hops`: how many of the engine's own deeds led here, by contact.

    None: somebody is changing the campaign just now; ask again a moment later. Call it inside a transaction.
    """
    starts = [
        Start(
            contact_id,
            at or now,
            occasion(cause, what, campaign_id, contact_id),
            properties={**(data or {}), **(data_of or {}).get(contact_id, {})},
            hops=(hops or {}).get(contact_id, 0),
        )
        for contact_id in sorted(set(contacts))
    ]
    return enter_starts(campaign_id, starts, now, lambda document: _of_kind(document, cause), missing=_lacking(cause))


def enter_starts(
    campaign_id: int,
    starts: Sequence[Start],
    now: datetime,
    triggers: Callable[[Document], list[Trigger]],
    *,
    missing: Refused = NOT_MEANT,
    quiet: Collection[str] = (),
    however_late: bool = False,
    spread: timedelta = timedelta(),
) -> Admitted | None:
    """Let in those of the starts whose contacts fit one of these triggers; None: the campaign is being changed.

    `missing`: what is said where the campaign has no such trigger. `quiet`: “filter”, “audience”: nothing is written
    down about whoever does not fit those, since they were not meant.
    """
    if not starts:
        return Admitted()
    if not held(campaign_id):
        return None
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.live_id is None:
        return Admitted(refused={one.contact_id: ("not_active", "The campaign is a draft.") for one in starts})
    document = definition(campaign)
    chosen = triggers(document)
    matches = _matching_contacts(campaign, chosen, starts, now) if chosen else []
    if not chosen:
        matches = [Match(campaign, document, start, True, missing) for start in starts]
    kept = [match for match in matches if not (match.refused and match.refused[0] in quiet)]
    if "audience" in quiet:
        kept = [match for match in kept if match.in_audience]
    return admit(kept, now, however_late=however_late, spread=spread)


def enter_again(
    campaign: Campaign, refusals: Sequence[Refusal], now: datetime, spread: timedelta = timedelta()
) -> Admitted | None:
    """Let in those who were refused, by what brought them then, as the campaign and they are now.

    Nothing is too late: it came in time. The refusals are forgotten, and who may not enter for another reason is
    refused for that; once more, and nobody enters twice. None: the campaign is being changed, and nothing was done.
    """
    if not held(campaign.pk):
        return None
    if not refusals:
        return Admitted()
    campaign = Campaign.objects.get(pk=campaign.pk)
    times = [refusal.at for refusal in refusals]
    asked = Event.objects.filter(
        id__in=[refusal.event_id for refusal in refusals], received_at__range=(min(times) - LONGEST_LAG, max(times))
    )
    events = {event.id: event for event in asked.order_by("received_at", "id")}
    others = [
        Start(row.contact_id, row.at, row.event_id) for row in refusals if row.event_id and row.event_id not in events
    ]
    Refusal.objects.filter(pk__in=[refusal.pk for refusal in refusals]).delete()
    told = admit(matching_events([campaign], events, now), now, however_late=True, spread=spread)
    more = enter_starts(campaign.pk, others, now, _of_no_event, however_late=True, spread=spread) or Admitted()
    _tell_who_asked(campaign, more.entered, now)
    return Admitted(told.entered | more.entered, told.refused | more.refused)


def _tell_who_asked(campaign: Campaign, entered: Mapping[int, int], now: datetime) -> None:
    """Requests of other software that the pause had refused have come true after all."""
    state = EntryRequest.State
    asked = EntryRequest.objects.filter(campaign=campaign, contact__in=list(entered), state=state.REFUSED)
    theirs = Enrollment.objects.filter(campaign=campaign, contact=OuterRef("contact"), pk__in=list(entered.values()))
    asked.filter(reason=PAUSED).update(
        state=state.ENTERED, reason="", explanation="", decided_at=now, enrollment=Subquery(theirs.values("pk")[:1])
    )


def _of_no_event(document: Document) -> list[Trigger]:
    return [trigger for trigger in document.triggers if kind_of(trigger).event_type(trigger) is None]


def named(key: str) -> Callable[[Document], list[Trigger]]:
    """The trigger of these settings (`key_of`), as a choice for `enter_starts`."""
    return lambda document: [trigger for trigger in document.triggers if key_of(trigger) == key]


def _of_kind(document: Document, kind: str) -> list[Trigger]:
    return [trigger for trigger in document.triggers if trigger.kind == kind]


def _lacking(kind: str) -> Refused:
    label = TRIGGER_KINDS[kind].label.lower() if kind in TRIGGER_KINDS else kind
    return "no_trigger", f"The campaign does not take people in by “{label}”; add that to its triggers."


# --- the campaigns concerned, held as they are until the transaction ends ---


def _campaigns_for(types: set[str]) -> list[Campaign]:
    """Campaigns that one of the types triggers: active ones, and paused and draining ones to note the refusal.

    They are held as they are until the batch commits, as advancing holds them: else somebody could enter a campaign
    just after all have left it, and stay there for ever.
    """
    while True:
        found = _triggered_by(types)
        states = _held(found)
        if all(states[campaign.pk] == (campaign.state, campaign.live_id) for campaign in found):
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


def held(campaign_id: int) -> bool:
    """Hold one as it is, without waiting: whoever asks may hold what the one who changes it waits for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM campaigns_campaign WHERE id = %s FOR SHARE SKIP LOCKED", [campaign_id])
        return cursor.fetchone() is not None


def _triggered_by(types: set[str]) -> list[Campaign]:
    return list(
        Campaign.objects.filter(
            state__in=[Campaign.State.ACTIVE, Campaign.State.PAUSED, Campaign.State.DRAINING],
            live__references__kind="event_type",
            live__references__role="trigger",
            live__references__key__in=types,
        )
        .order_by("id")
        .distinct()
    )


def definition(campaign: Campaign) -> Document:
    """The live document, typed."""
    assert campaign.live_id
    return of_version(campaign.live_id)


# --- who matches ---


def local(now: datetime) -> datetime:
    """Conditions on days and weekdays follow the site's calendar."""
    return now.astimezone(SiteSettings.get().zone)


def matching_events(campaigns: list[Campaign], events: Mapping[Any, Event], now: datetime) -> list[Match]:
    """In the order of the events; a campaign matches an event once, whatever the number of its triggers."""
    here = local(now)
    of_versions(campaign.live_id for campaign in campaigns if campaign.live_id)  # all of them at once
    queries = [
        query
        for campaign in campaigns
        for trigger in definition(campaign).triggers
        if (query := _matching(campaign, trigger, events.values(), here)) is not None
    ]
    if not queries:
        return []
    rows = queries[0].union(*queries[1:]) if len(queries) > 1 else queries[0]
    by_id = {campaign.pk: campaign for campaign in campaigns}
    found = {(campaign_id, event_id): in_audience for campaign_id, event_id, in_audience in rows}
    order = {event_id: place for place, event_id in enumerate(events)}
    return [
        Match(by_id[campaign_id], definition(by_id[campaign_id]), Start.of(events[event_id]), in_audience)
        for (campaign_id, event_id), in_audience in sorted(
            found.items(), key=lambda item: (order[item[0][1]], item[0][0])
        )
    ]


def _matching(campaign: Campaign, trigger: Trigger, events: Iterable[Event], here: datetime) -> QuerySet | None:
    type_ = kind_of(trigger).event_type(trigger)
    fitting = [event for event in events if event.type == type_]
    if not fitting:
        return None
    received = {event.received_at for event in fitting}
    rows = Event.objects.order_by().filter(
        id__in=[event.id for event in fitting], received_at__range=(min(received), max(received))
    )
    if asked := tree_of(trigger):
        contacts = {event.contact_id for event in fitting}
        rows = rows.filter(conditions.compiled(asked, "event", here, only=contacts))
    return rows.annotate(
        found_campaign=Value(campaign.pk),
        found_in_audience=in_audience(definition(campaign), "event", here),
        found_event=F("id"),
    ).values_list("found_campaign", "found_event", "found_in_audience")


def in_audience(document: Document, subject: str, here: datetime) -> Expression:
    if not document.audience:
        return YES
    # Without `only`: inside CASE each row looks up its own contact.
    audience = conditions.compiled(document.audience, subject, here)
    return Case(When(audience, then=YES), default=Value(False), output_field=BooleanField())


def _matching_contacts(
    campaign: Campaign, triggers: list[Trigger], starts: Sequence[Start], now: datetime
) -> list[Match]:
    """One for each start, in their order; who was erased or merged away is left out."""
    here, document = local(now), definition(campaign)
    ids = {start.contact_id for start in starts}
    asked = [tree_of(trigger) for trigger in triggers]
    fits: Expression = YES
    if all(asked):
        trees = [conditions.compiled(tree, "contact", here, only=ids) for tree in asked]
        fits = Case(When(joined("OR", trees), then=YES), default=Value(False), output_field=BooleanField())
    rows = Contact.objects.current().order_by().filter(pk__in=ids)
    rows = rows.annotate(fits=fits, in_audience=in_audience(document, "contact", here))
    found = {pk: (fits, inside) for pk, fits, inside in rows.values_list("pk", "fits", "in_audience")}
    return [
        Match(campaign, document, start, in_audience, None if fits else NOT_MEANT)
        for start in starts
        for fits, in_audience in [found.get(start.contact_id, (None, None))]
        if fits is not None
    ]
