"""Those who match when a campaign is activated: by a state that they are in, or by what happened lately.

What is offered follows from the triggers: an event looks back some days, and so does a date of theirs that came; a
segment or the value of an attribute is a state of now. The others (schedules, calls) have nothing to look back at.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet
from msgspec.structs import replace

from automation import dated_lately, dating
from automation.admitting import Admitted, Match, admit
from automation.enrolling import Start, occasion
from automation.entering import definition, enter_starts, held, in_audience, local, named
from campaigns.document import Document, Tree, Trigger
from campaigns.models import Campaign
from campaigns.trigger_kinds import kind_of, tree_of
from contacts.models import Contact
from events.models import Event
from segments import conditions

WINDOWS = (1, 7, 30, 90)
Known = dict[str, list[dated_lately.Came]]  # by the key of the trigger: whose date came in the longest of them


def windows(document: Document) -> list[int]:
    """The numbers of days to choose from; 0: those who match now; none: there is nothing to look back at."""
    if any(_looks_back(trigger) for trigger in document.triggers):
        return list(WINDOWS)
    return [0] if any(state_of(trigger, document) for trigger in document.triggers) else []


def _looks_back(trigger: Trigger) -> bool:
    return kind_of(trigger).looks_back or trigger.kind == dating.KIND


def state_of(trigger: Trigger, document: Document) -> Tree:
    """The condition that whoever matches now meets; None: the trigger is about what happens, not about a state."""
    state = kind_of(trigger).state(trigger)
    if not state or any(conditions.validate(tree, "contact") for tree in (trigger.filter, document.audience)):
        return None  # or it asks for what is known of an event only
    return {"all": [state, trigger.filter]} if trigger.filter else state


def counts(document: Document, now: datetime) -> dict[int, int]:
    """How many people for each number of days to choose from; all dates are read once."""
    known: Known = {}
    return {days: count(document, days, now, known) for days in windows(document)}


def count(document: Document, days: int, now: datetime, known: Known | None = None) -> int:
    """How many people that would be, each once."""
    here, known = local(now), {} if known is None else known
    found: list[QuerySet] = []
    for trigger in document.triggers:
        if tree := state_of(trigger, document):
            rows = _matching_now(Contact.objects.current().order_by(), tree, document, here)
            found.append(rows.values_list("pk", flat=True))
        elif days and trigger.kind == dating.KIND:
            dated = _dated(document, trigger, now - timedelta(days), now, here, known)
            found.append(dated.order_by().values_list("pk", flat=True))
        elif days and kind_of(trigger).looks_back:
            events = _lately(document, trigger, now - timedelta(days), now, here)
            found.append(events.order_by().values_list("contact_id", flat=True))
    if not found:
        return 0
    return found[0].union(*found[1:]).count() if len(found) > 1 else found[0].distinct().count()


def let_in(
    campaign: Campaign, ids: Sequence[int], days: int, until: datetime, now: datetime, spread: timedelta
) -> Admitted | None:
    """Of these contacts those who match; None: the campaign is being changed just now."""
    found = Admitted()
    if not held(campaign.pk):
        return None
    document = definition(campaign)
    for trigger in document.triggers:
        told = _by_trigger(campaign, document, trigger, ids, (until - timedelta(days), until), now, spread)
        if told is None:
            return None
        found.entered |= told.entered
        found.refused |= told.refused
    return found


def _by_trigger(
    campaign: Campaign,
    document: Document,
    trigger: Trigger,
    ids: Sequence[int],
    span: tuple[datetime, datetime],
    now: datetime,
    spread: timedelta,
) -> Admitted | None:
    if tree := state_of(trigger, document):
        rows = _matching_now(Contact.objects.filter(pk__in=ids), tree, document, local(now), ids)
        fitting = rows.values_list("pk", flat=True)
        starts = [Start(pk, now, occasion("backfill", campaign.pk, pk)) for pk in fitting]
        state = [Trigger(kind="api")]  # the trigger itself asks for an event
        return enter_starts(campaign.pk, starts, now, lambda _: state, spread=spread)
    if not _looks_back(trigger) or span[0] == span[1]:
        return Admitted()
    if trigger.kind == dating.KIND:
        return _by_date(campaign, document, trigger, ids, span, now, spread)
    events = _lately(document, trigger, *span, local(now), ids)
    newest = events.order_by("contact_id", "-occurred_at", "-id").distinct("contact_id")
    matches = [Match(campaign, document, Start.of(event), True) for event in newest]
    return admit(matches, now, however_late=True, spread=spread)


def _by_date(campaign, document: Document, trigger: Trigger, ids, span, now: datetime, spread) -> Admitted | None:
    """The day has the name under which it would have let them in, so it does so once, whatever comes later."""
    rule = _rule(campaign.pk, document, trigger)
    came = dated_lately.whose_date_came(rule, Contact.objects.current().filter(pk__in=ids), *span)
    starts = [dating.start_on(rule, *one) for one in came]
    key = named(rule.key)
    return enter_starts(campaign.pk, starts, now, key, quiet=["filter"], however_late=True, spread=spread)


def _rule(campaign_id: int, document: Document, trigger: Trigger) -> dating.Rule:
    return dating.rules_of(campaign_id, replace(document, triggers=[trigger]))[0]


def _dated(
    document: Document, trigger: Trigger, since: datetime, until: datetime, here: datetime, known: Known
) -> QuerySet[Contact]:
    """Those whose date came, and who fit."""
    rule = _rule(0, document, trigger)
    if rule.key not in known:
        longest = until - timedelta(WINDOWS[-1])
        known[rule.key] = dated_lately.whose_date_came(rule, Contact.objects.current(), longest, until)
    rows = dated_lately.these([pk for pk, _, moment in known[rule.key] if moment > since])
    if asked := tree_of(trigger):
        rows = rows.filter(conditions.compiled(asked, "contact", here))
    return rows.filter(in_audience(document, "contact", here))


def _matching_now(
    rows: QuerySet[Contact], tree: Tree, document: Document, here: datetime, ids: Sequence[int] | None = None
) -> QuerySet[Contact]:
    rows = rows.filter(conditions.compiled(tree, "contact", here, only=ids))
    return rows.filter(in_audience(document, "contact", here))


def _lately(
    document: Document,
    trigger: Trigger,
    since: datetime,
    until: datetime,
    here: datetime,
    ids: Sequence[int] | None = None,
) -> QuerySet[Event]:
    """Events that the trigger asks for, of people in the audience; those received later enter by themselves."""
    type_ = kind_of(trigger).event_type(trigger)
    rows = Event.objects.filter(type=type_, occurred_at__gte=since, received_at__lte=until)
    if ids is not None:
        rows = rows.filter(contact__in=ids)
    if asked := tree_of(trigger):
        rows = rows.filter(conditions.compiled(asked, "event", here, only=ids))
    return rows.filter(in_audience(document, "event", here))
