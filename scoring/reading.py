"""Scores as people read them: what contacts have now, who has most, the ledger in words, how a score went.

What fades is computed for the moment that is asked about; nothing here writes.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from contacts.models import Contact
from events.models import Event
from events.sentences import properties_in_words, sentence
from lib.durations import in_words
from scoring import points
from scoring.models import Score, ScoreChange, ScoreModel, ScoreRule, cell_of, grades_of
from segments.sql import array

CANDIDATES = 1_000
LONGEST = 80
# What an event was about: the first of these properties that it has.
TELLING = ("title", "name", "label", "form_name", "form", "link", "product_name", "product", "path", "url")


@dataclass(frozen=True)
class Standing:
    """A contact's score in one model at a moment; `band`, `cell` and `stage` in words ("Hot", "A1", "Lead")."""

    points: float
    fit: float
    engagement: float
    band: str
    cell: str
    stage: str
    """Empty: none yet."""


@dataclass(frozen=True)
class Line:
    """One row of the ledger, as the contact page tells it: “+5 clicked a link”, 12 May, now worth 3.1."""

    change: ScoreChange
    title: str
    """Of a rule its name, else the reason or what did it."""
    detail: str
    """What the event was about, such as the page or the link; may be empty."""
    effect: str
    """Of ScoreRule.Effect."""
    points: float
    worth: float
    """At the moment asked about; 0 where it does not count any more."""
    note: str
    """Why it counts less or not at all, or how it fades, in words; may be empty."""


def models() -> list[ScoreModel]:
    """The active models, by name."""
    return list(ScoreModel.objects.active())


_ASKED = """
asked AS MATERIALIZED (
    SELECT model_id, contact_id
    FROM unnest(%(models)s::bigint[]) AS model_id, unnest(%(contacts)s::bigint[]) AS contact_id
)"""
_OF_MODELS = f"rules AS MATERIALIZED ({points.RULES} AND model_id = ANY(%(models)s::bigint[]))"
_STANDINGS = f"""
WITH {_ASKED}, {_OF_MODELS},
ledger AS (
    SELECT {points.contributions("%(now)s::timestamptz")} FROM asked a CROSS JOIN LATERAL (
        SELECT * FROM scoring_scorechange c
        WHERE c.contact_id = a.contact_id AND c.ended_at IS NULL AND c.model_id = a.model_id OFFSET 0
    ) AS c
),
{points.parts(everybody="asked")}
SELECT p.model_id, p.contact_id, {points.total("p.fit", "p.engagement")}, {points.tidy("p.fit")},
    {points.tidy("p.engagement")}, coalesce(s.band, 0), coalesce(s.fit_grade, 0), coalesce(s.engagement_grade, 0),
    coalesce(s.stage, 0)
FROM parts p JOIN scoring_scoremodel m ON m.id = p.model_id
LEFT JOIN LATERAL (
    SELECT * FROM scoring_score s WHERE s.model_id = p.model_id AND s.contact_id = p.contact_id LIMIT 1
) AS s ON true
"""


def scores_of(contact_ids: Collection[int], now: datetime) -> dict[int, dict[str, Standing]]:
    """Contact → {key of an active model: its standing}, for everybody asked about; two queries."""
    found: dict[int, dict[str, Standing]] = {pk: {} for pk in contact_ids}
    active = {model.pk: model for model in models()}
    for model, contact, standing in _standings(active, found, now):
        found[contact][model.key] = standing
    return found


def standings(model: ScoreModel, contact_ids: Collection[int], now: datetime) -> dict[int, Standing]:
    """Contact → standing in one model, for everybody asked about."""
    return {contact: standing for _, contact, standing in _standings({model.pk: model}, contact_ids, now)}


def _standings(
    by_id: dict[int, ScoreModel], contact_ids: Collection[int], now: datetime
) -> Iterator[tuple[ScoreModel, int, Standing]]:
    if not by_id or not contact_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_STANDINGS, {"models": array(by_id), "contacts": array(contact_ids), "now": now})
        rows = cursor.fetchall()
    for model_id, contact, total, fit, engagement, band, fit_grade, engagement_grade, stage in rows:
        model = by_id[model_id]
        cell = cell_of(fit_grade, engagement_grade)
        words = name_of(model.bands, band), cell, name_of(["", *model.stages], stage)
        yield model, contact, Standing(total, fit, engagement, *words)


def top(
    model: ScoreModel, now: datetime, limit: int, band: int | None = None, cell: str = "", stage: int | None = None
) -> list[tuple[int, Standing]]:
    """(contact id, standing) of those with most points, anywhere or in a band, a cell of the grid, a stage.

    Chosen among the thousand with most points when last looked at, and ordered by the points of now.
    """
    fit, engagement = grades_of(cell) if cell else (None, None)
    which = {"band": band, "fit_grade": fit, "engagement_grade": engagement, "stage": stage}
    asked = {name: place for name, place in which.items() if place is not None}
    rows = Score.objects.filter(model=model, **asked).order_by("-points").values_list("contact_id", flat=True)
    best = Contact.objects.current().filter(pk__in=list(rows[: max(CANDIDATES, limit)]))
    found = standings(model, list(best.values_list("pk", flat=True)), now)
    return sorted(found.items(), key=lambda item: (-item[1].points, item[0]))[:limit]


# --- the ledger ---

_WORTHS = f"""
WITH {_ASKED}, {_OF_MODELS},
ledger AS (
    SELECT {points.contributions("%(now)s::timestamptz")} FROM asked a
    JOIN scoring_scorechange c ON c.contact_id = a.contact_id AND c.model_id = a.model_id AND c.ended_at IS NULL
),
{points.valued()}
SELECT id, worth FROM valued
"""


def ledger(
    model: ScoreModel,
    contact_id: int,
    now: datetime,
    limit: int = 50,
    before: tuple[datetime, int] | None = None,
    live: bool = False,
) -> list[Line]:
    """The newest lines, or those before (at, id) of the last line seen; three queries. `live`: only what counts."""
    worths = _worths(model, contact_id, now)
    rows = ScoreChange.objects.for_contact(contact_id).filter(model=model).select_related("rule", "by")
    if live:
        reset = Q(effect=ScoreRule.Effect.RESET) | Q(effect="", rule__effect=ScoreRule.Effect.RESET)
        rows = rows.live().filter(Q(pk__in=[pk for pk, worth in worths.items() if worth]) | Q(reset, pk__in=worths))
    if before:
        at, pk = before
        rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
    changes = list(rows.order_by("-at", "-id")[:limit])
    events = {event.pk: event for event in Event.objects.filter(pk__in=[row.event_id for row in changes if row.rule])}
    return [_line(change, events.get(change.event_id), worths.get(change.pk)) for change in changes]


def _worths(model: ScoreModel, contact_id: int, now: datetime) -> dict[int, float]:
    """What each contribution that counts is worth, by its id; those that a reset or set left behind are not there."""
    with connection.cursor() as cursor:
        cursor.execute(_WORTHS, {"models": array([model.pk]), "contacts": array([contact_id]), "now": now})
        return dict(cursor.fetchall())


def _line(change: ScoreChange, event: Event | None, worth: float | None) -> Line:
    rule = change.rule
    return Line(
        change=change,
        title=sentence(event.type) if event else rule.name if rule else change.reason or change.get_cause_display(),
        detail=_about(event.properties) if event else "",
        effect=change.effect or (rule.effect if rule else ScoreRule.Effect.ADD),
        points=change.points if change.points is not None else rule.points if rule else 0,
        worth=worth or 0,
        note=_note(change, worth),
    )


def _about(properties: dict) -> str:
    """The name of the page, the form or the product; else the values that tell most."""
    if "template_name" in properties:
        return properties_in_words(properties)
    named = (properties.get(name) for name in TELLING)
    short = next((value for value in named if isinstance(value, str) and 0 < len(value) <= LONGEST), "")
    return f"“{short}”" if short else properties_in_words(properties)


def _note(change: ScoreChange, worth: float | None) -> str:
    if change.ended_at:
        return change.get_ended_because_display()
    if worth is None:
        return "A later reset or set took its place"
    kept = change.rule or change
    if kept.half_life:
        return f"Fades by half every {in_words(timedelta(seconds=kept.half_life))}"
    if not kept.lasts:
        return ""
    span = in_words(timedelta(seconds=kept.lasts))
    return f"Expires after {span}" if worth else f"Expired after {span}"


# --- how it went ---

_HISTORY = f"""
WITH {_OF_MODELS},
moments AS (
    SELECT %(since)s::timestamptz + (%(now)s::timestamptz - %(since)s::timestamptz) * step / %(steps)s AS moment
    FROM generate_series(0, %(steps)s) AS step
),
ledger AS (
    SELECT {points.contributions("t.moment")} FROM moments t JOIN scoring_scorechange c
        ON c.at <= t.moment AND (c.ended_at IS NULL OR c.ended_at > t.moment AND c.ended_at IS NOT NULL)
    WHERE c.contact_id = %(contact)s AND c.model_id = ANY(%(models)s::bigint[])
),
{points.parts("model_id, contact_id, moment")}
SELECT t.moment, {points.total("coalesce(p.fit, 0)", "coalesce(p.engagement, 0)")}
FROM moments t JOIN scoring_scoremodel m ON m.id = ANY(%(models)s::bigint[]) LEFT JOIN parts p USING (moment)
ORDER BY t.moment
"""


def history(
    model: ScoreModel, contact_id: int, since: datetime, now: datetime, points: int = 60
) -> list[tuple[datetime, float]]:
    """(moment, points) at so many moments from `since` to `now`, by the rules as they are."""
    values: dict[str, Any] = {
        "models": array([model.pk]), "contact": contact_id, "since": since, "now": now, "steps": max(points - 1, 1)
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, values)
        return cursor.fetchall()


# --- words ---


def name_of(names: Sequence[str], place: int) -> str:
    """The name of a band or stage by its place; empty where the definition has no such place any more."""
    return names[place] if place < len(names) else ""
