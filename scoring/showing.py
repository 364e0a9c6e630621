"""What the page of a model shows, as its templates draw it: rows with words, colours, widths and links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from contacts import panels
from contacts.models import Contact
from events.models import Event
from events.sentences import properties_in_words
from scoring import firing, insight, reading, rising, shown
from scoring.insight import Census
from scoring.models import ScoreModel

TOP = 20


@dataclass(frozen=True)
class Place:
    """A band or a stage with how many are in it; `share` of all who have a score, in percent."""

    name: str
    tone: str
    range: str
    people: int
    share: float
    link: str


def bands(model: ScoreModel, counts: Sequence[int], links: bool = False) -> list[Place]:
    """The highest first."""
    found = [
        Place(
            name,
            shown.tone(place, len(model.bands)),
            _range(model.band_from, place),
            counts[place],
            _percent(counts[place], sum(counts)),
            _contacts(model, "score_band", place) if links else "",
        )
        for place, name in enumerate(model.bands)
    ]
    return found[::-1]


def _range(thresholds: Sequence[float], place: int) -> str:
    if place == 0:
        return f"under {shown.points(thresholds[0])}" if thresholds else "everybody"
    return f"{shown.points(thresholds[place - 1])} and more" if place == len(thresholds) else (
        f"{shown.points(thresholds[place - 1])} to {shown.points(thresholds[place])}"
    )  # fmt: skip


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _contacts(model: ScoreModel, parameter: str, place: int) -> str:
    """The list of contacts, narrowed to a band, a cell or a stage; empty where it cannot be."""
    if parameter not in panels.list_filters:
        return ""
    return f"{reverse('admin:contacts_contact_changelist')}?{urlencode({parameter: f'{model.key}:{place}'})}"


@dataclass(frozen=True)
class Cell:
    """A cell of the grid; `heat` 0 (nobody) to 5 (most of all cells)."""

    name: str
    people: int
    heat: int
    link: str


def grid(model: ScoreModel, census: Census, links: bool) -> list[tuple[str, list[Cell]]]:
    """(A, B, C with what they take; the cells of the row from 1 to 3)."""
    most = max(census.cells.values(), default=0)
    return [
        (
            f"{'CBA'[fit]}",
            [
                Cell(
                    f"{'CBA'[fit]}{3 - engagement}",
                    number := census.cells[fit, engagement],
                    _heat(number, most),
                    _contacts(model, "score_cell", fit * 3 + engagement) if links else "",
                )
                for engagement in (2, 1, 0)
            ],
        )
        for fit in (2, 1, 0)
    ]


def _heat(number: int, most: int) -> int:
    """Few among many can still be seen: by the square root."""
    return min(5, 1 + int(5 * (number / most) ** 0.5)) if number else 0


def grades(model: ScoreModel) -> dict[str, list[str]]:
    """What the grades take, in points: of fit A to C, of engagement 1 to 3."""
    parts = {"fit": model.fit_from, "engagement": model.engagement_from}
    return {part: [_range(levels, place) for place in (2, 1, 0)] for part, levels in parts.items() if len(levels) == 2}


def stages(model: ScoreModel, census: Census, links: bool) -> list[dict[str, Any]]:
    """Each stage with how many are in it now, and how many came so far or farther; who is in none yet comes first."""
    if not model.stages:
        return []
    names, found = ["None yet", *model.stages], []
    for place, name in enumerate(names):
        so_far = sum(census.stages[place:])
        found.append(
            {
                "name": name,
                "people": census.stages[place],
                "so_far": so_far,
                "share": _percent(so_far, census.people),
                "how": _how(model.stage_from, place),
                "link": _contacts(model, "score_stage", place) if links else "",
            }
        )
    return found


def _how(thresholds: Sequence[float], place: int) -> str:
    if place == 0 or place > len(thresholds):
        return ""
    needed = thresholds[place - 1]
    return f"from {shown.points(needed)} points" if isfinite(needed) else "by hand, a step or the API"


def rules(model: ScoreModel, spread: insight.Spread) -> dict[str, Any]:
    """The rules that gave something, with a bar each; those that never did; what people and steps gave."""
    found = firing.rules(model, spread)
    most = max((abs(one.worth) for one in found), default=0) or 1
    given = spread.tallies.get(None)
    return {
        "fired": [(one, _percent(round(abs(one.worth)), round(most) or 1)) for one in found if one.ever],
        "never": [one for one in found if not one.ever],
        "given": given if given and given.times else None,
        "given_times": round(given.times * spread.share) if given else 0,
        "given_people": round(given.people * spread.share) if given else 0,
        "given_worth": given.worth * spread.share if given else 0,
    }


def people(model: ScoreModel, now: datetime) -> dict[str, Any]:
    """Who has most points, and who is about to come into a higher band; with their contacts."""
    top, ahead = reading.top(model, now, TOP), rising.ahead(model, now)
    ids = {pk for pk, _ in top} | {one.contact_id for band in ahead for one in band.people}
    contacts = Contact.objects.current().select_related("address").in_bulk(ids)
    details = _details(one.last_event for band in ahead for one in band.people)
    return {
        "top": [
            (contacts[pk], standing, shown.tone_of(model, standing.band)) for pk, standing in top if pk in contacts
        ],
        "ahead": [
            (band, [(contacts[one.contact_id], one, details.get(one.last_event or "", ""))
                    for one in band.people if one.contact_id in contacts])
            for band in ahead
        ],
    }  # fmt: skip


def _details(event_ids: Iterable[str | None]) -> dict[str, str]:
    """What events were about, by their ids: one query."""
    events = Event.objects.filter(pk__in=[pk for pk in event_ids if pk]).only("properties")
    return {str(event.pk): properties_in_words(event.properties) for event in events}
