"""*Why?*, the ways in: what lets people into a campaign, and how far it has come about for somebody."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from automation import dates, letting_in, why_events
from automation.models import DateDue, EntryRequest, Timer
from automation.why_checks import Check, node
from automation.zones import in_zone
from campaigns.document import Document, Trigger
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS, key_of, kind_of, tree_of
from contacts.models import Contact
from events.models import Event
from lib.words import moment
from ops.models import SiteSettings
from segments import conditions
from segments.models import Membership

WHAT, OR = "Who enters", "Or"
LISTENING = [Campaign.State.ACTIVE, Campaign.State.DRAINING, Campaign.State.PAUSED]
BY_EDIT = "by an edit of its rules, which lets nobody in"


def checks(campaign: Campaign, document: Document, contact: Contact, entered: bool, now: datetime) -> Iterator[Check]:
    """One for each trigger; a few queries each. `entered`: they have been in it."""
    asked = _Asked(campaign, contact, entered, now)
    for place, trigger in enumerate(document.triggers):
        yield replace(asked.about(trigger), what=OR if place else WHAT)


def _told(holds: bool | None, sentence: str, its: object = None, waits: bool = False) -> Check:
    return Check(WHAT, holds, sentence, its, waits=waits, lets_in=True)


class _Asked:
    def __init__(self, campaign: Campaign, contact: Contact, entered: bool, now: datetime):
        self.campaign, self.contact, self.entered, self.now = campaign, contact, entered, now

    def about(self, trigger: Trigger) -> Check:
        kind = kind_of(trigger) if trigger.kind in TRIGGER_KINDS else None
        if kind is None:
            return _told(None, "Something that is not there any more.")
        words, event_type = kind.describe(trigger), kind.event_type(trigger)
        if event_type:
            return self._by_event(trigger, words, event_type)
        own: dict[str, Callable[[Trigger, str], Check]] = {
            "date": self._by_date, "schedule": self._by_time, "broadcast": self._by_time, "api": self._by_request,
        }  # fmt: skip
        return own.get(trigger.kind, self._by_others)(trigger, words)

    def _by_event(self, trigger: Trigger, words: str, event_type: str) -> Check:
        event = self._last(trigger, event_type)
        if event is None:
            return _told(False, f"{words}: {unmoved(trigger, self.contact, self.now) or 'that has not happened.'}")
        last = f"{words}: that last happened {why_events.when(event, self.now)}"
        asked, its = trigger.filter, None
        if not conditions.is_empty(asked):
            its, fault = node(why_events.one(event), asked, self.contact, self.now, event_type)
            if its is None:
                return _told(None, f"{last}. {fault}")
            if not its.holds:
                return _told(False, f"{last}, but it does not fit the filter.", its)
            last = f"{last}, and it fits the filter"
        begun = self.campaign.activated_at
        if begun and event.received_at < begun:
            when = moment(begun, self.now)
            before = f"{last}. But that was before the campaign was activated, {when}."
            return _told(True, f"{last}.", its) if self.entered else _told(False, before, its)
        if self.campaign.state not in LISTENING:
            return _told(True, f"{last}.", its)
        fate = why_events.fate(self.campaign, self.contact, event, self.now)
        return _told(fate.holds, f"{last}. {fate.words}.", its, fate.waits)

    def _last(self, trigger: Trigger, event_type: str) -> Event | None:
        """The last one that is meant at all: of this segment, or of this attribute."""
        rows = Event.objects.filter(contact=self.contact, type=event_type)
        narrowed = kind_of(trigger).narrowed(trigger)
        if not conditions.is_empty(narrowed):
            here = self.now.astimezone(SiteSettings.get().zone)
            rows = rows.filter(conditions.compiled(narrowed, "event", here, only=[self.contact.pk]))
        return rows.order_by("-received_at").first()

    def _by_date(self, trigger: Trigger, words: str) -> Check:
        day = DateDue.objects.filter(campaign=self.campaign, trigger=key_of(trigger), contact=self.contact).first()
        if day is None or day.due_at is None:
            return _told(False, f"{words}: {self._no_day(trigger.config['field'])}.")
        return self._filtered(trigger, f"{words}: the next day for them is {self._spoken(day.due_at)}")

    def _no_day(self, field: str) -> str:
        found = dates.of_contacts(field, [self.contact.pk]).get(self.contact.pk, dates.Reading())
        if found.at:
            return "no such day is to come for them"
        return "they have no such date" if found.sent is None else f"“{found.sent}”, which they have, is no date"

    def _by_time(self, trigger: Trigger, words: str) -> Check:
        timer = Timer.objects.filter(campaign=self.campaign, trigger=key_of(trigger)).first()
        when = f"the next time is {self._spoken(timer.due_at)}" if timer and timer.due_at else "no time is to come"
        people = letting_in.people(trigger.config.get("segment")).filter(pk=self.contact.pk)
        if trigger.config.get("segment") is not None and not people.exists():
            return _told(False, f"{words}; {when}. They are not in that segment.")
        found = self._filtered(trigger, f"{words}; {when}")
        return found if timer and timer.due_at else replace(found, holds=False)

    def _by_request(self, trigger: Trigger, words: str) -> Check:
        requests = EntryRequest.objects.filter(campaign=self.campaign, contact=self.contact)
        asked = requests.order_by("due_at", "-pk").first()  # what is planned comes first: the rest is not due
        if asked is None:
            return self._by_others(trigger, f"{words}: it has not asked for them")
        if asked.due_at:
            return self._filtered(trigger, f"{words}: it planned that for {self._spoken(asked.at)}")
        return self._by_others(trigger, f"{words}: it last asked for them {moment(asked.created_at, self.now)}")

    def _by_others(self, trigger: Trigger, words: str) -> Check:
        """Whether somebody else will send them nobody knows; whether the filter would let them in, that can be said."""
        found = self._filtered(trigger, words)
        return replace(found, holds=None) if found.holds else found

    def _filtered(self, trigger: Trigger, said: str) -> Check:
        asked = tree_of(trigger)
        if conditions.is_empty(asked):
            return _told(True, f"{said}.")
        its, fault = node(self._contact(), asked, self.contact, self.now)
        if its is None:
            return _told(None, f"{said}. {fault}")
        return _told(its.holds, f"{said}; they {'fit' if its.holds else 'do not fit'} the filter.", its)

    def _contact(self) -> QuerySet[Contact]:
        return Contact.objects.filter(pk=self.contact.pk)

    def _spoken(self, at: datetime) -> str:
        return in_zone(at, self.contact.timezone, SiteSettings.get())


def unmoved(trigger: Trigger, contact: Contact, now: datetime) -> str:
    """Of a trigger about a segment: why somebody who is in it, or out of it, did not come in by that."""
    if trigger.kind not in ("segment_entered", "segment_left"):
        return ""
    stays = Membership.objects.filter(segment=trigger.config.get("segment"), contact=contact).order_by("-pk")
    stay, entering = stays.first(), trigger.kind == "segment_entered"
    if stay is None:
        return "they are not in it." if entering else "they have not been in it."
    if entering and stay.left_at is None and stay.entered_by == Membership.Cause.DEFINITION:
        return f"they are in it since {moment(stay.entered_at, now)}, {BY_EDIT}."
    if not entering and stay.left_at and stay.left_by == Membership.Cause.DEFINITION:
        return f"they left it {moment(stay.left_at, now)}, {BY_EDIT}."
    return "they are in it still." if not entering and stay.left_at is None else ""
