"""Why did, or didn't, somebody enter a campaign or get its mails: what was written down, else as things stand now."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from automation.documents import of_version
from automation.models import Assignment, Enrollment, Refusal
from campaigns.document import Document, Tree
from campaigns.models import Campaign, Message
from campaigns.trigger_kinds import TRIGGER_KINDS, kind_of, tree_of
from campaigns.watches import in_words
from contacts import consent
from contacts.models import Contact, Topic
from events.models import Event
from lib.durations import duration
from lib.durations import in_words as span_in_words
from lib.words import moment
from segments import conditions, explaining

SHOWN = 20
MAIL = "Mail"


@dataclass(frozen=True)
class Check:
    """One thing that is asked at the door: whether it holds now, in a sentence, and part by part."""

    what: str
    holds: bool | None  # None: it cannot be told beforehand
    sentence: str
    node: Any = None


@dataclass
class Answer:
    """What is known about one contact and one campaign."""

    enrollments: list[Enrollment] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def would_enter(self) -> bool:
        """Consent is asked when a mail goes out, not at the door."""
        return all(check.holds is not False for check in self.checks if check.what != MAIL)


def about(campaign: Campaign, contact: Contact, now: datetime) -> Answer:
    """A fixed number of queries, and one or two for each trigger."""
    found = Answer()
    theirs = {"campaign": campaign, "contact": contact}
    found.enrollments = list(Enrollment.objects.filter(**theirs).select_related("version").order_by("-pk")[:SHOWN])
    found.refusals = list(Refusal.objects.filter(**theirs).order_by("-at", "-pk")[:SHOWN])
    messages = Message.objects.filter(**theirs).select_related("template").order_by("-created_at")
    found.messages = list(messages[:SHOWN])
    found.checks = list(_checks(campaign, contact, found.enrollments, now))
    return found


def _checks(campaign: Campaign, contact: Contact, before: list[Enrollment], now: datetime) -> Iterator[Check]:
    running = campaign.state == Campaign.State.ACTIVE
    yield Check("State", running, f"The campaign is {campaign.get_state_display().lower()}.")
    if campaign.live_id is None:
        return
    document = of_version(campaign.live_id)
    yield _about_triggers(document, contact, now)
    if not conditions.is_empty(document.audience):
        yield _condition("Which people", document.audience, contact, now)
    yield _about_reentry(document, before, now)
    for watch in document.exits:
        if not watch.event:
            yield _exit(watch, contact, now)
    if Assignment.objects.filter(campaign=campaign, contact=contact, name="holdout", arm="holdout").exists():
        yield Check("Holdout", False, "They are held out by chance: they get nothing, for comparison.")
    yield _about_address(document, contact, now)


# --- what lets people in ---


def _about_triggers(document: Document, contact: Contact, now: datetime) -> Check:
    found = [_about_trigger(trigger, contact, now) for trigger in document.triggers]
    holds = any(one.holds is not False for one in found)
    if len(found) == 1:
        return found[0]
    return Check("Who enters", holds, " ".join(one.sentence for one in found))


def _about_trigger(trigger, contact: Contact, now: datetime) -> Check:
    kind = kind_of(trigger) if trigger.kind in TRIGGER_KINDS else None
    words = kind.describe(trigger) if kind else "Something that is not there any more"
    event_type = kind.event_type(trigger) if kind else None
    if event_type is None:
        return Check("Who enters", None, f"{words}.")
    rows = Event.objects.filter(contact=contact, type=event_type).order_by("-received_at")
    event = rows.first()
    if event is None:
        return Check("Who enters", False, f"{words}: that has not happened.")
    asked = tree_of(trigger)
    last = f"{words}: that happened last {moment(event.occurred_at, now)}"
    if conditions.is_empty(asked):
        return Check("Who enters", True, f"{last}.")
    one = Event.objects.filter(pk=event.pk, received_at=event.received_at)
    node, fault = _node(one, asked, contact, now, event_type)
    if node is None:
        return Check("Who enters", None, f"{last}. {fault}")
    rest = "and it fits the filter" if node.holds else "but it does not fit the filter"
    return Check("Who enters", node.holds, f"{last}, {rest}.", node)


# --- at the door ---


def _condition(what: str, tree: Tree, contact: Contact, now: datetime) -> Check:
    node, fault = _node(Contact.objects.filter(pk=contact.pk), tree, contact, now)
    if node is None:
        return Check(what, None, fault)
    return Check(what, node.holds, "They match." if node.holds else "They do not match.", node)


def _exit(watch, contact: Contact, now: datetime) -> Check:
    node, fault = _node(Contact.objects.filter(pk=contact.pk), watch.condition, contact, now)
    if node is None:
        return Check("Reason to leave", None, fault)
    sentence = f"They would have to leave at once: {in_words(watch)}." if node.holds else "It is not so."
    return Check("Reason to leave", not node.holds, sentence, None if node.holds else node)


def _node(rows, tree: Tree, contact: Contact, now: datetime, event_type: str | None = None) -> tuple[Any, str]:
    try:
        return explaining.explain_row(rows, tree, now, event_type, only=[contact.pk]), ""
    except conditions.InvalidCondition:
        return None, "It asks about what is known only when somebody enters."


def _about_reentry(document: Document, before: list[Enrollment], now: datetime) -> Check:
    inside = next((row for row in before if row.state in Enrollment.INSIDE), None)
    key = " for each " + document.entry_key if document.entry_key else ""
    if inside:
        again = {"ignore": "is ignored", "refresh": "brings new data", "restart": "begins anew"}[document.on_repeat]
        holds = document.on_repeat == "restart" or bool(document.entry_key) or None
        return Check("Again", holds, f"They are inside; a repeat {again}{key and f' (once{key})'}.")
    if not before:
        return Check("Again", True, "They have not been in it.")
    if document.reentry.mode == "once":
        return Check("Again", None if key else False, f"They have been in it, and each person enters once{key}.")
    if document.reentry.mode == "once_per":
        period = duration(document.reentry.amount, document.reentry.unit)
        early = now - before[0].entered_at < period
        last = moment(before[0].entered_at, now)
        return Check("Again", not early, f"They entered last {last}; once in {span_in_words(period)}.")
    return Check("Again", True, "They have been in it, and may enter every time.")


def _about_address(document: Document, contact: Contact, now: datetime) -> Check:
    """What sending would ask of a marketing mail; the entry itself does not ask it."""
    if contact.address_id is None:
        return Check(MAIL, False, "They have no e-mail address, so no mail can be sent.")
    topic = Topic.objects.filter(key=document.topic or "").first()
    found = consent.verdicts([contact.address_id], topic.pk if topic else None, False, now)[contact.address_id]
    words = "They may be mailed." if found.allowed else f"They would enter, but get no marketing mail: {found.sentence}"
    return Check(MAIL, found.allowed, words)
