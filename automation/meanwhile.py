"""At the door: who did in the meantime what would let them out does not enter.

Between what lets somebody in and their entry lies a moment, and sometimes more: things that happened are told late, in
one request, or out of order; they wait out a pause; or one looks back at them when a campaign is activated. What
happens once they are inside is looked at as it is read (`automation.watching`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import JSONField, QuerySet, Value
from django.db.models.fields.json import KeyTransform

from automation.admitting import Match, Name, Refused
from campaigns.document import Document, Watch
from campaigns.watches import EXIT, GOAL, in_words
from events.models import Event
from lib.united import united
from ops.models import SiteSettings
from segments import conditions
from segments.happened import CLOCKS

SAID = {EXIT: "A reason to leave had come before they entered", GOAL: "They had reached the goal before they entered"}


@dataclass
class Question:
    """What one campaign looks out for, asked of all whom it may let in."""

    document: Document
    watches: list[tuple[str, Watch]]
    matches: list[Match] = field(default_factory=list)


def at_the_door(matches: Sequence[Match], now: datetime) -> dict[Name, Refused]:
    """Whoever met since then what ends the campaign for them; one query for all campaigns that look out for such."""
    asked: dict[int, Question] = {}
    for match in matches:
        if watches := _ends(match.document):
            asked.setdefault(match.campaign.pk, Question(match.document, watches)).matches.append(match)
    found: dict[Name, Refused] = {}
    for (campaign_id, place), done in _done(asked, now.astimezone(SiteSettings.get().zone)).items():
        question = asked[campaign_id]
        role, watch = question.watches[place]
        why = f"{SAID[role]}: {in_words(watch)}."[:400]
        for match in question.matches:
            if any(_is_after(last, match) for last in _about(match, done)):
                found.setdefault(match.name, (role, why))
    return found


def _ends(document: Document) -> list[tuple[str, Watch]]:
    """What happens by which somebody leaves."""
    goals = document.goals if document.exit_on_goal else []
    watched = [(EXIT, watch) for watch in document.exits] + [(GOAL, goal) for goal in goals]
    return [(role, watch) for role, watch in watched if watch.event]


Done = dict[tuple[int, Any], datetime]  # when somebody did it last, by contact and what the entry key names


def _done(asked: Mapping[int, Question], here: datetime) -> dict[tuple[int, int], Done]:
    """By campaign and place of the watch what people did last, no longer ago than what lets them in."""
    queries = [
        _last(watch, question, here, (campaign_id, place))
        for campaign_id, question in asked.items()
        for place, (_, watch) in enumerate(question.watches)
    ]
    found: dict[tuple[int, int], Done] = {}
    for campaign_id, place, contact_id, named, last in united(queries):
        found.setdefault((campaign_id, place), {})[contact_id, _key(named)] = last
    return found


def _last(watch: Watch, question: Question, here: datetime, label: tuple[int, int]) -> QuerySet:
    contacts = {match.start.contact_id for match in question.matches}
    since = min(match.start.occurred_at for match in question.matches)
    rows = Event.objects.filter(
        type=watch.event, contact__in=contacts, occurred_at__gte=since, received_at__gte=since - CLOCKS
    )
    if watch.filter:
        rows = rows.filter(conditions.compiled(watch.filter, "event", here, only=contacts))
    key = question.document.entry_key
    named: Any = KeyTransform(key, "properties") if key else Value(None, JSONField())
    rows = rows.annotate(campaign=Value(label[0]), place=Value(label[1]), named=named)
    rows = rows.order_by("contact_id", "named", "-occurred_at").distinct("contact_id", "named")
    return rows.values_list("campaign", "place", "contact_id", "named", "occurred_at")


def _key(named: Any) -> str | None:
    return None if named is None else str(named)[:255]


def _about(match: Match, done: Done) -> Iterator[datetime]:
    """What is about this order, cart …; what names none is about all."""
    keys: Collection[str | None] = {None, match.key} if match.document.entry_key else {None}
    yield from (done[match.start.contact_id, key] for key in keys if (match.start.contact_id, key) in done)


def _is_after(last: datetime, match: Match) -> bool:
    """What happened in the very moment is looked at in the order in which it was told (`watching.catch_up`)."""
    return last > match.start.occurred_at
