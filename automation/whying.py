"""Why did, or didn't, somebody enter a campaign or get its mails: what was written down, else as things stand now."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from automation import holdouts, why_ahead, why_triggers
from automation.documents import of_version
from automation.models import Enrollment, EntryRequest, Refusal, Visit
from automation.why_checks import Check, node, of_contact
from campaigns.document import Document
from campaigns.lifecycle import state_in_words
from campaigns.models import Campaign, Message
from campaigns.watches import in_words
from contacts.models import Contact
from lib.durations import duration
from lib.durations import in_words as span_in_words
from lib.words import moment
from ops.models import SiteSettings
from segments import conditions

SHOWN = 20
AUDIENCE = "Which people"


@dataclass
class Answer:
    """What is known about one contact and one campaign."""

    enrollments: list[Enrollment] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    requests: list[EntryRequest] = field(default_factory=list)
    """Of other software, that came to nothing, or are planned."""
    messages: list[Message] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    ahead: list[Check] = field(default_factory=list)
    """What stands before the next mails; it keeps nobody out."""
    inside: bool = False

    @property
    def story(self) -> list[tuple[datetime, str, Any]]:
        """What was written down, the newest first."""
        told: list[tuple[datetime, str, Any]] = [(row.entered_at, "entered", row) for row in self.enrollments]
        told += [(row.at, "refused", row) for row in self.refusals]
        told += [(row.decided_at or row.created_at, "asked", row) for row in self.requests]
        told += [(row.created_at, "mailed", row) for row in self.messages]
        return sorted(told, key=lambda one: one[0], reverse=True)

    @property
    def would_enter(self) -> bool:
        ways = [check.holds is not False for check in self.checks if check.lets_in]
        rest = [check.holds is not False for check in self.checks if not check.lets_in]
        return all(rest) and (any(ways) or not ways)

    @property
    def in_words(self) -> str:
        """The whole in a few words."""
        if self.inside:
            return "they are inside already"
        if not self.would_enter:
            return "they would not enter"
        ways = [check for check in self.checks if check.lets_in]
        if ways and not any(check.holds for check in ways):
            return "nothing would keep them out, once something lets them in"
        return "nothing would keep them out"


def about(campaign: Campaign, contact: Contact, now: datetime) -> Answer:
    """A fixed number of queries, and one or two for each trigger and each “only if”."""
    found = Answer()
    theirs = {"campaign": campaign, "contact": contact}
    found.enrollments = list(Enrollment.objects.filter(**theirs).select_related("version").order_by("-pk")[:SHOWN])
    found.refusals = list(Refusal.objects.filter(**theirs).order_by("-at", "-pk")[:SHOWN])
    found.requests = _requests(campaign, contact)
    messages = Message.objects.filter(**theirs).select_related("template").order_by("-created_at")
    found.messages = list(messages[:SHOWN])
    inside = _inside(found.enrollments)
    _say_what_is_awaited(found.enrollments)
    found.inside = inside is not None
    found.checks = list(_at_the_door(campaign, contact, found.enrollments, now))
    if campaign.live_id:
        document = of_version(campaign.live_id)
        found.ahead = list(why_ahead.checks(campaign, document, contact, inside, now))
    return found


def _requests(campaign: Campaign, contact: Contact) -> list[EntryRequest]:
    """Those that neither an enrollment nor a refusal tells of."""
    state = EntryRequest.State
    untold = Q(state__in=[state.PLANNED, state.CANCELLED]) | Q(state=state.REFUSED, reason="fault")
    return list(EntryRequest.objects.filter(untold, campaign=campaign, contact=contact).order_by("-pk")[:SHOWN])


def _say_what_is_awaited(rows: list[Enrollment]) -> None:
    """`awaits`: which mail, call, place or person's word; as the step that they stand in says it. A query, or none."""
    held = {row.pk: row for row in rows if row.state == Enrollment.State.HELD}
    visits = Visit.objects.filter(enrollment__in=held, left_at=None) if held else ()
    for visit in visits:
        held[visit.enrollment_id].awaits = visit.explanation  # type: ignore[attr-defined]


def _at_the_door(campaign: Campaign, contact: Contact, before: list[Enrollment], now: datetime) -> Iterator[Check]:
    running = campaign.state == Campaign.State.ACTIVE
    yield Check("State", running, f"The campaign is {state_in_words(campaign)}.")
    if campaign.live_id is None:
        return
    document = of_version(campaign.live_id)
    yield from why_triggers.checks(campaign, document, contact, bool(before), now)
    yield from asked_of(campaign, document, contact, before, now)


def asked_of(
    campaign: Campaign, document: Document, contact: Contact, before: list[Enrollment], now: datetime
) -> Iterator[Check]:
    """What is asked of whoever the triggers bring; `before`: their enrollments so far, the newest first."""
    if not conditions.is_empty(document.audience):
        yield of_contact(AUDIENCE, document.audience, contact, now)
    yield _about_reentry(document, before, now)
    for watch in document.exits:
        if not watch.event:
            yield _exit(watch, contact, now)
    if _inside(before) is None:
        yield from holdouts_of(campaign, document, contact)


def _inside(before: list[Enrollment]) -> Enrollment | None:
    return next((row for row in before if row.state in Enrollment.INSIDE), None)


def _exit(watch, contact: Contact, now: datetime) -> Check:
    found, fault = node(Contact.objects.filter(pk=contact.pk), watch.condition, contact, now)
    if found is None:
        return Check("Reason to leave", None, fault)
    sentence = f"They would have to leave at once: {in_words(watch)}." if found.holds else "It is not so."
    return Check("Reason to leave", not found.holds, sentence, None if found.holds else found)


def holdouts_of(campaign: Campaign, document: Document, contact: Contact) -> Iterator[Check]:
    """Whether chance would keep everything from them: as it was drawn, or will be: it hangs on nothing but them."""
    percents = {"this campaign": document.holdout, "the whole site": SiteSettings.get().holdout}
    held = {
        "this campaign": holdouts.held_by_campaign(campaign, document, contact.pk),
        "the whole site": holdouts.held_by_site(percents["the whole site"], contact.pk),
    }
    if not any(percents.values()) and not any(held.values()):
        return
    if holdouts.is_exempt(document):
        yield Check("Holdout", True, "Nobody is held out: it sends nothing but transactional mail.")
        return
    for what, percent in percents.items():
        share = f"{percent} % are held out by chance from {what}, for comparison"
        if held[what] and not percent:
            said = f"They were held out by chance from {what}, for comparison, and stay so: they get nothing."
            yield Check("Holdout", False, said)
        elif percent:
            words = "they are among them and get nothing" if held[what] else "they are not among them"
            yield Check("Holdout", not held[what], f"{share}; {words}.")


def _about_reentry(document: Document, before: list[Enrollment], now: datetime) -> Check:
    inside = _inside(before)
    name = document.entry_key
    key = " for each " + name if name else ""
    if inside:
        again = {"ignore": "is ignored", "refresh": "brings new data", "restart": "begins anew"}[document.on_repeat]
        holds = document.on_repeat == "restart" or bool(name) or None
        keys = dict.fromkeys(f"“{row.entry_key}”" for row in before if row.state in Enrollment.INSIDE)
        place = f"inside for {name} {' and '.join(list(keys)[:3])}" if name else "inside"
        return Check("Again", holds, f"They are {place}; a repeat {again}{key and f' (once{key})'}.")
    if not before:
        return Check("Again", True, "They have not been in it.")
    if document.reentry.mode == "once":
        return Check("Again", None if key else False, f"They have been in it, and each person enters once{key}.")
    if document.reentry.mode == "once_per":
        period = duration(document.reentry.amount, document.reentry.unit)
        early = now - before[0].entered_at < period
        last = moment(before[0].entered_at, now)
        again_now = None if early and key else not early
        return Check("Again", again_now, f"They entered last {last}; once in {span_in_words(period)}{key}.")
    return Check("Again", True, "They have been in it, and may enter every time.")
