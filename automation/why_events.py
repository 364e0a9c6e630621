"""*Why?*, what became of an event that lets people in: decided, to be looked at still, or nothing, and why nothing."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from automation.documents import of_version
from automation.engine import KEEP_REFUSALS
from automation.models import Enrollment, Refusal
from automation.why_checks import node
from campaigns.document import Trigger
from campaigns.models import Campaign, Version
from campaigns.trigger_kinds import TRIGGER_KINDS, kind_of, tree_of
from contacts.models import LANES, Change, Contact
from events.models import Event
from lib.durations import in_words
from lib.words import moment
from segments import conditions

NOTHING = "It started nothing, as whatever is imported, or came with a contact that was merged, starts nothing"


@dataclass(frozen=True)
class Fate:
    """Whether it let them in, or may still, and what is to be said of it, without the full stop."""

    holds: bool | None
    words: str = ""
    waits: bool = False


def fate(campaign: Campaign, contact: Contact, event: Event, now: datetime) -> Fate:
    """Of an event that fits a trigger and came since the campaign was activated; five queries at most."""
    if Enrollment.objects.filter(campaign=campaign, contact=contact, event_id=event.pk).exists():
        return Fate(True, "It let them in, or brought its data")
    refusal = Refusal.objects.filter(campaign=campaign, contact=contact, event_id=event.pk).first()
    if refusal:
        return Fate(True, f"They were refused then: {refusal.explanation.rstrip('.')}")
    return _on_its_way(contact, event) or _by_the_version_of_then(campaign, contact, event, now) or _left(event, now)


def _on_its_way(contact: Contact, event: Event) -> Fate | None:
    waiting = Q(due_at__isnull=False, lane=contact.pk % LANES) | Q(due_at=None)
    change = Change.objects.filter(waiting, contact=contact, event_id=event.pk).first()
    if change is None:
        return None
    if change.due_at is None:
        return Fate(False, "A fault stopped what follows from it; a person lets it go on, on Operations")
    return Fate(None, "What follows from it is still being worked off", waits=True)


def _by_the_version_of_then(campaign: Campaign, contact: Contact, event: Event, now: datetime) -> Fate | None:
    """What is live now may have begun to look out for it, or asked for something else, later."""
    then = Version.objects.filter(campaign=campaign, published_at__lte=event.received_at).order_by("-number").first()
    if then is None or then.pk == campaign.live_id:
        return None
    triggers = [trigger for trigger in of_version(then.pk).triggers if _is_by(trigger, event.type)]
    said = f"version {then.number}, which was live then"
    if not triggers:
        return Fate(False, f"But {said}, did not let anybody in by that")
    if not any(_fits(trigger, contact, event, now) for trigger in triggers):
        return Fate(False, f"But {said}, asked for something else")
    return None


def _is_by(trigger: Trigger, type_: str) -> bool:
    return trigger.kind in TRIGGER_KINDS and kind_of(trigger).event_type(trigger) == type_


def _fits(trigger: Trigger, contact: Contact, event: Event, now: datetime) -> bool:
    asked = tree_of(trigger)
    if conditions.is_empty(asked):
        return True
    found, _ = node(one(event), asked, contact, now, event.type)
    return found is None or found.holds


def one(event: Event) -> QuerySet[Event]:
    """The event, sought in its own partition only."""
    return Event.objects.filter(pk=event.pk, received_at=event.received_at)


def _left(event: Event, now: datetime) -> Fate:
    if now - event.received_at > KEEP_REFUSALS:
        return Fate(True, f"What was decided about it is kept for {in_words(KEEP_REFUSALS)} only")
    return Fate(False, NOTHING)


def when(event: Event, now: datetime) -> str:
    """When it happened, and when it was received where that is another time."""
    happened = moment(event.occurred_at, now)
    late = abs((event.received_at - event.occurred_at).total_seconds()) > 3600
    return f"{happened} (received {moment(event.received_at, now)})" if late else happened
