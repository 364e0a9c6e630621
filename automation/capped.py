"""Frequency limits hold enrollments: until a place is free, a day at most; who is more important goes first."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from automation.documents import of_version
from automation.in_hand import A_MOMENT
from automation.models import Visit
from automation.zones import in_zone
from campaigns import capping
from campaigns.capping import Blocked
from campaigns.document import Document
from campaigns.models import Campaign, EmailTemplate
from campaigns.step_kinds import Done, Outcome, Wait
from contacts.models import Topic
from lib.durations import in_words
from ops.models import SiteSettings

LONGEST = timedelta(hours=24)
PRIORITIES = {"low": 0, "normal": 1, "high": 2}


def held(visits: Sequence[Visit], now: datetime) -> dict[int, Outcome]:
    """By the id of the enrollment: who gets no message now. All stand in the same step of the same version.

    Queries: the limits; where there are any, the lanes, what was sent to these addresses, and who waits for a place.
    """
    people = [(visit, visit.enrollment.contact) for visit in visits]
    asking = [visit for visit, contact in people if contact.address_id and not contact.is_test]
    if not asking:
        return {}
    first = asking[0].enrollment
    document = of_version(first.version_id)
    step = document.step(asking[0].step_uid)
    if step is None or _is_exempt(step.config.get("template")):
        return {}
    topic = Topic.objects.filter(key=document.topic or "").first()
    caps = capping.caps_for(topic.pk if topic else None)
    return _Turn(asking, document, topic, caps, now).answers() if caps else {}


def _is_exempt(template: Any) -> bool:
    return EmailTemplate.objects.filter(pk=template, transactional=True).exists()


class _Turn:
    """Everybody who stands in the step asks for a place, those who waited longest first."""

    def __init__(self, visits: Sequence[Visit], document: Document, topic: Topic | None, caps, now: datetime):
        self.visits, self.document, self.topic, self.now = visits, document, topic, now
        self.priority = PRIORITIES[document.priority]
        addresses = {pk for visit in visits if (pk := visit.enrollment.contact.address_id)}
        self.free = capping.hold_free(addresses)
        self.places = capping.Places(caps, self.free, now)
        self.before = who_goes_first(self.free, self.priority)
        self.site = SiteSettings.get()

    def answers(self) -> dict[int, Outcome]:
        found: dict[int, Outcome] = {}
        for visit in sorted(self.visits, key=lambda visit: (_since(visit, self.now), visit.enrollment.pk)):
            address = visit.enrollment.contact.address_id
            if address not in self.free:
                found[visit.enrollment.pk] = Wait(
                    "Another mail to the same address is being prepared.", self.now + A_MOMENT, facts=visit.facts
                )
            elif blocked := self.places.blocked(address, self.before[address]):
                found[visit.enrollment.pk] = self._turned(visit, blocked)
            else:
                self.places.take(address, self.topic.pk if self.topic else None, self.now)
        return found

    def _turned(self, visit: Visit, blocked: Blocked) -> Outcome:
        since = _since(visit, self.now)
        before = self.before[visit.enrollment.contact.address_id or 0]
        first = ", and a more important campaign goes first" if before else ""
        limit = f"{blocked.cap} is the most that an address gets{first}"
        if any(trigger.kind == "broadcast" for trigger in self.document.triggers):
            return Done(f"Not sent: {limit}, and a broadcast does not wait.", arm="capped")
        if blocked.until > since + LONGEST:
            when = in_zone(blocked.until, visit.enrollment.contact.timezone, self.site)
            return Done(
                f"Not sent: {limit}; the next place is free {when}, and nothing waits longer than {in_words(LONGEST)}.",
                arm="capped",
            )
        when = in_zone(blocked.until, visit.enrollment.contact.timezone, self.site)
        told = {"since": since.isoformat(), "priority": self.priority, "limit": str(blocked.cap)}
        facts = {**(visit.facts or {}), "capped": told}
        return Wait(f"Held back: {limit}. A place is free {when}.", blocked.until, facts=facts)


def who_goes_first(addresses: Collection[int], priority: int) -> Counter[int]:
    """How many of greater importance than this wait for a place at these addresses."""
    waiting = Visit.objects.filter(
        left_at=None,
        facts__capped__priority__gt=priority,
        enrollment__contact__address__in=addresses,
        enrollment__state="active",
        enrollment__campaign__in=Campaign.objects.running(),
    )
    return Counter(waiting.values_list("enrollment__contact__address", flat=True))


def _since(visit: Visit, now: datetime) -> datetime:
    told = (visit.facts or {}).get("capped")
    return datetime.fromisoformat(told["since"]) if told else now
