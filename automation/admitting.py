"""The gates at the door of a campaign: who was let in by a trigger enters, or a refusal says why not.

They are the same for whatever lets people in: state of the campaign, lateness, audience, what else is asked at the
door, entry key, re-entry, holdouts. Queries: one each for earlier enrollments, holdouts, insertions and refusals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from automation import enrolling, holdouts, seen
from automation.enrolling import Entry, Start
from automation.models import Enrollment, Refusal
from campaigns.document import Document
from campaigns.lifecycle import state_in_words
from campaigns.models import Campaign
from events import types as event_types
from events.recording import MAX_HOPS
from lib.durations import duration, in_words
from lib.registry import Registry
from ops.models import SiteSettings

PAUSED = "paused"
Refused = tuple[str, str]  # a word for the reason, and the sentence
Place = tuple[int, int]  # (campaign, contact)
Name = tuple[int, UUID]  # (campaign, what came to pass)


@dataclass(frozen=True)
class Match:
    """Somebody whom a trigger of a campaign names, and what came to pass."""

    campaign: Campaign
    document: Document
    start: Start
    in_audience: bool
    refused: Refused | None = None

    @property
    def place(self) -> Place:
        return self.campaign.pk, self.start.contact_id

    @property
    def name(self) -> Name:
        return self.campaign.pk, self.start.id

    @property
    def key(self) -> str:
        return entry_key(self.document, self.start.properties)


def entry_key(document: Document, properties: Mapping[str, Any]) -> str:
    """What tells a contact's enrollments apart: the value of the property that the campaign names, else empty."""
    value = properties.get(document.entry_key) if document.entry_key else None
    return "" if value is None or isinstance(value, dict | list) else str(value)[:255]


@dataclass
class Admitted:
    """Who entered, as contact → enrollment (of several campaigns: the last), and who did not."""

    entered: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Refused] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """Somebody who is inside, and whom the repeat of a trigger gives a reason to leave."""

    enrollment: int
    why: Refused


AT_THE_DOOR: Registry[Callable[[Sequence[Match], datetime], Mapping[Name, Refused]]] = Registry("gate of campaigns")
"""(matches, now) → those who must not enter, by `Match.name`: such as whoever would have to leave at once."""


def admit(
    matches: Sequence[Match], now: datetime, *, however_late: bool = False, spread: timedelta = timedelta()
) -> Admitted:
    """Let in whom the gates let in. `spread`: the beginnings of many lie so far apart at most."""
    told = Admitted()
    refusals: list[Refusal] = []
    entries: list[Entry] = []

    def refuse(match: Match, refused: Refused) -> None:
        told.refused[match.start.contact_id] = refused
        refusals.append(_refusal(match, now, *refused))

    open_matches, strangers = [], []
    limits = event_types.late_limits()
    for match in matches:
        refused = match.refused or _refused_at_once(match, {} if however_late else limits, now, however_late)
        if refused:
            refuse(match, refused)
        elif not match.in_audience:
            strangers.append(match)
        else:
            open_matches.append(match)
    for match, words in _with_what_was_seen(strangers, now):
        refuse(match, ("audience", f"They did not match the campaign's audience filter{words}."))
    shut = _shut(open_matches, now)
    earlier = _earlier(open_matches)
    ended: dict[Refused, list[int]] = {}
    for match in open_matches:
        answer = _answer(match, earlier, shut.get(match.name), now)
        if isinstance(answer, Entry):
            entries.append(answer)
            answer.again = match.place in earlier
            earlier.setdefault(match.place, []).insert(0, _as_if_entered(answer, now))
        elif isinstance(answer, Ended):
            ended.setdefault(answer.why, []).append(answer.enrollment)
            refuse(match, answer.why)
        elif answer:
            refuse(match, answer)
    for why, ids in ended.items():
        enrolling.leave(ids, *why, now)
    holdouts.assign(entries, now)
    told.entered = enrolling.insert(entries, now, spread)
    Refusal.objects.bulk_create(refusals, ignore_conflicts=True)
    return told


def _refused_at_once(
    match: Match, limits: Mapping[str, timedelta | None], now: datetime, however_late: bool
) -> Refused | None:
    limit = None if however_late else limits.get(match.start.type, event_types.LATE_LIMIT)
    age = (match.start.received_at or now) - match.start.occurred_at
    if match.campaign.state == Campaign.State.PAUSED:
        return PAUSED, "The campaign was paused when this happened."
    if match.campaign.state != Campaign.State.ACTIVE:
        return "not_active", f"The campaign was {state_in_words(match.campaign)}, so nobody entered it."
    if match.start.hops > MAX_HOPS:
        return "circle", f"More than {MAX_HOPS} campaigns in a row led here; they may be starting each other."
    if limit is not None and age > limit:
        return "late", f"It came {in_words(age)} after it happened; more than {in_words(limit)} later starts nothing."
    return None


def _with_what_was_seen(strangers: Sequence[Match], now: datetime) -> Iterator[tuple[Match, str]]:
    """Those whom the audience filter does not hold, each with the values that it saw; one query, or none."""
    if not strangers:
        return
    by_campaign: dict[int, list[Match]] = {}
    for match in strangers:
        by_campaign.setdefault(match.campaign.pk, []).append(match)
    asked = [(pk, its[0].document.audience, {one.start.contact_id for one in its}) for pk, its in by_campaign.items()]
    found = seen.of_contacts(asked, now.astimezone(SiteSettings.get().zone))
    for match in strangers:
        values = [f"{name}: {value[:60]}" for name, value in found.get(match.place, {}).items()]
        yield match, f". It saw {'; '.join(values)}"[:300] if values else ""


def _shut(matches: Sequence[Match], now: datetime) -> dict[Name, Refused]:
    found: dict[Name, Refused] = {}
    for gate in AT_THE_DOOR if matches else ():
        found |= gate(matches, now)
    return found


def _earlier(matches: Sequence[Match]) -> dict[Place, list[Enrollment]]:
    """Enrollments of these contacts in these campaigns, newest first."""
    found: dict[Place, list[Enrollment]] = {}
    if matches:
        rows = Enrollment.objects.filter(
            campaign_id__in={match.campaign.id for match in matches},
            contact_id__in={match.start.contact_id for match in matches},
        ).order_by("-entered_at", "-id")
        for row in rows:
            found.setdefault((row.campaign_id, row.contact_id), []).append(row)
    return found


def _answer(
    match: Match, earlier: dict[Place, list[Enrollment]], shut: Refused | None, now: datetime
) -> Entry | Ended | Refused | None:
    """What becomes of a match: an entry, a refusal with its sentence, or nothing but fresh data.

    `shut`: why they would have to leave at once; whoever is inside does, by the data of a repeat that counts.
    """
    document = match.document
    before = [row for row in earlier.get(match.place, []) if row.entry_key == match.key]
    inside = next((row for row in before if row.state in Enrollment.INSIDE), None)
    if any(row.event_id == match.start.id for row in before):
        # It let them in before, or a wait that begins anew has taken its data: they must be fit to stay.
        return Ended(inside.pk, shut) if shut and inside and inside.pk and inside.event_id == match.start.id else None
    if inside and _is_news(match, inside):
        if not inside.pk:
            _begin_with(match.start, inside)
            return None
        if shut:
            return Ended(inside.pk, shut)
        if document.on_repeat == "refresh":
            enrolling.refresh(inside, match.start)
            return None
        if document.on_repeat == "restart":
            return Entry(match.campaign, document, match.start, match.key, restarts=inside)
    if inside:
        return "inside", "They were already inside, so the repeat was ignored."
    if shut:
        return shut
    if before and document.reentry.mode == "once":
        return "once", "They had entered before, and the campaign takes everybody in once."
    if before and document.reentry.mode == "once_per":
        period = duration(document.reentry.amount, document.reentry.unit)
        if now - before[0].entered_at < period:
            return "once_per", f"They had entered less than {in_words(period)} before."
    return Entry(match.campaign, document, match.start, match.key)


def _is_news(match: Match, inside: Enrollment) -> bool:
    """Does the repeat count for whoever is inside? One that is told late, after a newer one, does not."""
    document = match.document
    counts = document.on_repeat != "ignore" or (not inside.pk and document.steps[0].config.get("again") is True)
    return counts and (inside.event_at is None or match.start.occurred_at >= inside.event_at)


def _as_if_entered(entry: Entry, now: datetime) -> Enrollment:
    """Stands for an enrollment that this batch is about to insert, for later events of the same batch."""
    found = Enrollment(entry_key=entry.key, state=Enrollment.State.ACTIVE, entered_at=now)
    found.entry = entry  # type: ignore[attr-defined]
    _begin_with(entry.start, found)
    return found


def _begin_with(start: Start, inside: Enrollment) -> None:
    """Of several repeats in one batch the last is what they begin with."""
    inside.entry.start = start  # type: ignore[attr-defined]
    inside.event_id, inside.event_at = start.id, start.occurred_at


def _refusal(match: Match, now: datetime, reason: str, explanation: str) -> Refusal:
    return Refusal(
        campaign=match.campaign,
        contact_id=match.start.contact_id,
        at=now,
        reason=reason,
        explanation=explanation,
        # By its own name, where resuming may let them in.
        event_id=match.start.id if reason == PAUSED else match.start.told_as or match.start.id,
    )
