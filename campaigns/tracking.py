"""Opens and clicks: each request is kept raw with a verdict on who made it, and becomes an event.

Machines fetch most pixels and many links. So a message remembers apart when it was opened, and when by a
person; only what is surely a person's counts as one. Whoever hammers a pixel fills no tables: hits are
capped per message, and events are made once a minute at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from campaigns import machines
from campaigns.announcing import about
from campaigns.links import WEB, cleaned, scheme
from campaigns.models import Message, TrackingHit
from campaigns.rendering import tracked
from events import recording
from ops.models import SiteSettings

MOST_HITS = 200  # of one kind, per message
AT_ONCE = timedelta(seconds=10)
BURST, BURST_WITHIN = 3, timedelta(seconds=1)
BURST_SAYS = "More than two actions within a second."
Verdict = TrackingHit.Verdict


@dataclass(frozen=True)
class Visitor:
    """What a request tells of the one who makes it."""

    ip: str | None = None
    user_agent: str = ""
    prefetch: bool = False


def target(message_id: UUID | None, link: str) -> str | None:
    """The web address that a link of a message leads to: “3” of its template, “d3” of its own; None for no such."""
    messages = Message.objects.select_related("template")
    message = messages.filter(pk=message_id).first() if message_id else None
    number = link.removeprefix("d")
    if message is None or not (number.isascii() and number.isdecimal() and len(number) < 5):
        return None
    urls = message.links if number != link else message.template.compiled.get("links", [])
    url = cleaned(urls[int(number)]) if int(number) < len(urls) else ""
    return url if scheme(url) in WEB else None


def record(kind: str, message_id: UUID, visitor: Visitor, now: datetime, link: str = "", url: str = "") -> None:
    """Keep one “open” or “click” of a message and make its event; nothing for whoever agreed to no tracking."""
    with transaction.atomic():
        message = _locked(message_id)
        if message is None or not tracked(message, SiteSettings.get()):
            return
        earlier = list(message.hits.order_by("-at", "-id")[: 2 * MOST_HITS])
        if sum(hit.kind == kind for hit in earlier) >= MOST_HITS:
            return
        verdict, why = judge(message, visitor, earlier, now)
        hit = TrackingHit(
            message=message,
            kind=kind,
            url=url,
            at=now,
            ip=visitor.ip,
            user_agent=visitor.user_agent[:300],
            verdict=verdict,
            why=why,
        )
        hit.save(force_insert=True)
        _remember(message, hit, earlier)
        if message.purpose not in Message.UNCOUNTED:
            recording.record_own([_event(message, hit, link, now)], now)


def _locked(message_id: UUID) -> Message | None:
    messages = Message.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "template", "address", "campaign"
    )
    return messages.defer("campaign__draft").filter(pk=message_id).first()


def judge(message: Message, visitor: Visitor, earlier: Sequence[TrackingHit], now: datetime) -> tuple[str, str]:
    """The verdict on a request, and why; `earlier` are the message's hits so far."""
    if visitor.prefetch:
        return Verdict.MACHINE, "Fetched ahead by a browser, before anybody looked."
    if machines.PRIVACY_PROXY.fullmatch(visitor.user_agent):
        return Verdict.MACHINE, "It hides what it is, as Apple's privacy proxy does, which fetches every mail."
    if machines.PROGRAM.search(visitor.user_agent):
        return Verdict.MACHINE, "A program, by its own name."
    if len(_recent(earlier, now)) + 1 >= BURST:
        return Verdict.MACHINE, BURST_SAYS
    if not visitor.user_agent.strip():
        return Verdict.UNSURE, "It did not say what it is."
    if message.sent_at is None or now - message.sent_at < AT_ONCE:
        return Verdict.UNSURE, "Within seconds of the sending, as scanners do."
    if machines.IMAGE_PROXY.search(visitor.user_agent):
        return Verdict.HUMAN, "The mailbox's picture proxy, which fetches when the mail is shown."
    return Verdict.HUMAN, ""


def _recent(hits: Sequence[TrackingHit], now: datetime) -> list[TrackingHit]:
    return [hit for hit in hits if abs(now - hit.at) < BURST_WITHIN]


def _remember(message: Message, hit: TrackingHit, earlier: Sequence[TrackingHit]) -> None:
    """The first open and click, by anybody and by a person. A click implies an open."""
    hits = [hit] if hit.verdict == Verdict.HUMAN else []
    if burst := _demoted(hit, earlier):
        message.opened_by_human_at = message.clicked_by_human_at = None
        hits = [one for one in reversed(earlier) if one not in burst and one.verdict == Verdict.HUMAN]
    message.opened_at = message.opened_at or hit.at
    message.opened_by_human_at = message.opened_by_human_at or _first(hits)
    clicks = [one for one in hits if one.kind == "click"]
    if hit.kind == "click":
        message.clicked_at = message.clicked_at or hit.at
    message.clicked_by_human_at = message.clicked_by_human_at or _first(clicks)
    message.save(update_fields=["opened_at", "opened_by_human_at", "clicked_at", "clicked_by_human_at"])


def _demoted(hit: TrackingHit, earlier: Sequence[TrackingHit]) -> list[TrackingHit]:
    """Where this hit completes a burst, what came within its second was a machine's, too."""
    recent = _recent(earlier, hit.at)
    if len(recent) + 1 < BURST:
        return []
    for one in recent:
        one.verdict, one.why = Verdict.MACHINE, BURST_SAYS
    TrackingHit.objects.bulk_update(recent, ["verdict", "why"])
    return recent


def _first(hits: Sequence[TrackingHit]) -> datetime | None:
    return hits[0].at if hits else None


def _event(message: Message, hit: TrackingHit, link: str, now: datetime) -> recording.OwnEvent:
    """Once a minute for each link, and apart for people and machines: the first of a minute speaks for the others."""
    machine = hit.verdict != Verdict.HUMAN
    said = {"machine": machine, "verdict": hit.verdict, **({"url": hit.url} if hit.kind == "click" else {})}
    who = "machine" if machine else "person"
    return recording.OwnEvent(
        contact_id=message.contact_id,
        type=f"email.{hit.kind}ed",
        properties=about(message) | said,
        hops=message.hops + 1,
        key=f"{hit.kind}:{message.pk}:{link}:{who}:{now:%Y-%m-%dT%H:%M}",
        occurred_at=now,
    )
