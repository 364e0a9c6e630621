"""*Why?*, the ways in: what lets people into a campaign, and how far it has come about for somebody."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import QuerySet

from automation import letting_in
from automation.models import DateDue, Timer
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

WHAT, OR = "Who enters", "Or"


def checks(campaign: Campaign, document: Document, contact: Contact, entered: bool, now: datetime) -> Iterator[Check]:
    """One for each trigger; one or two queries each. `entered`: they have been in it."""
    asked = _Asked(campaign, contact, entered, now)
    for place, trigger in enumerate(document.triggers):
        holds, sentence, its = asked.about(trigger)
        yield Check(OR if place else WHAT, holds, sentence, its, lets_in=True)


Answer = tuple[bool | None, str, object]


class _Asked:
    def __init__(self, campaign: Campaign, contact: Contact, entered: bool, now: datetime):
        self.campaign, self.contact, self.entered, self.now = campaign, contact, entered, now

    def about(self, trigger: Trigger) -> Answer:
        kind = kind_of(trigger) if trigger.kind in TRIGGER_KINDS else None
        if kind is None:
            return None, "Something that is not there any more.", None
        words, event_type = kind.describe(trigger), kind.event_type(trigger)
        if event_type:
            return self._by_event(trigger, words, event_type)
        own: dict[str, Callable[[Trigger, str], Answer]] = {"date": self._by_date, "schedule": self._by_time}
        return own.get(trigger.kind, self._by_time if trigger.kind == "broadcast" else self._by_others)(trigger, words)

    def _by_event(self, trigger: Trigger, words: str, event_type: str) -> Answer:
        event = Event.objects.filter(contact=self.contact, type=event_type).order_by("-received_at").first()
        if event is None:
            return False, f"{words}: that has not happened.", None
        last = f"{words}: that last happened {moment(event.occurred_at, self.now)}"
        asked, its = tree_of(trigger), None
        if not conditions.is_empty(asked):
            one = Event.objects.filter(pk=event.pk, received_at=event.received_at)
            its, fault = node(one, asked, self.contact, self.now, event_type)
            if its is None:
                return None, f"{last}. {fault}", None
            if not its.holds:
                return False, f"{last}, but it does not fit the filter.", its
            last = f"{last}, and it fits the filter"
        begun = self.campaign.activated_at
        if begun and event.received_at < begun and not self.entered:
            when = moment(begun, self.now)
            return False, f"{last}. But that was before the campaign was activated, {when}.", its
        return True, f"{last}.", its

    def _by_date(self, trigger: Trigger, words: str) -> Answer:
        day = DateDue.objects.filter(campaign=self.campaign, trigger=key_of(trigger), contact=self.contact).first()
        if day is None or day.due_at is None:
            return False, f"{words}: no such day is to come for them.", None
        return self._filtered(trigger, f"{words}: the next day for them is {self._spoken(day.due_at)}")

    def _by_time(self, trigger: Trigger, words: str) -> Answer:
        timer = Timer.objects.filter(campaign=self.campaign, trigger=key_of(trigger)).first()
        when = f"the next time is {self._spoken(timer.due_at)}" if timer and timer.due_at else "no time is to come"
        people = letting_in.people(trigger.config.get("segment")).filter(pk=self.contact.pk)
        if trigger.config.get("segment") is not None and not people.exists():
            return False, f"{words}; {when}. They are not in that segment.", None
        holds, sentence, its = self._filtered(trigger, f"{words}; {when}")
        return (holds if timer and timer.due_at else False), sentence, its

    def _by_others(self, trigger: Trigger, words: str) -> Answer:
        """Whether somebody else will send them nobody knows; whether the filter would let them in, that can be said."""
        holds, sentence, its = self._filtered(trigger, words)
        return None if holds else holds, sentence, its

    def _filtered(self, trigger: Trigger, said: str) -> Answer:
        asked = tree_of(trigger)
        if conditions.is_empty(asked):
            return True, f"{said}.", None
        its, fault = node(self._contact(), asked, self.contact, self.now)
        if its is None:
            return None, f"{said}. {fault}", None
        return its.holds, f"{said}; they {'fit' if its.holds else 'do not fit'} the filter.", its

    def _contact(self) -> QuerySet[Contact]:
        return Contact.objects.filter(pk=self.contact.pk)

    def _spoken(self, at: datetime) -> str:
        return in_zone(at, self.contact.timezone, SiteSettings.get())
