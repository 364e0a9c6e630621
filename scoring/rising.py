"""Who is about to come into a higher band: not far below it, and gained points in the last seven days.

By what they do alone: that somebody is a director becomes known at some moment, and says nothing about it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from scoring import points
from scoring.models import ScoreModel
from scoring.shown import tone

OVER = timedelta(days=7)
MOST = 20
NEAREST = 5.0
_ASKED_AT_MOST = 300


@dataclass(frozen=True)
class Rising:
    """A contact below a threshold: points now, how many of them were gained, and what gave the last of these."""

    contact_id: int
    points: float
    missing: float
    gained: float
    last: str
    last_at: datetime
    last_event: str | None


@dataclass(frozen=True)
class Ahead:
    """A band with those who are about to come into it, the nearest first."""

    band: str
    tone: str
    threshold: float
    reach: float
    people: list[Rising]


# Those who did something lately are sought from the threshold downwards, until there are enough of them.
# The score of a week ago counts what counted then, by the rules as they are now.
_RISING = f"""
WITH asked AS MATERIALIZED (
    SELECT model_id, contact_id FROM (
        SELECT model_id, contact_id FROM scoring_score
        WHERE model_id = %(model)s AND band = %(below)s AND points >= %(from)s ORDER BY points DESC OFFSET 0
    ) AS near
    WHERE EXISTS (
        SELECT FROM scoring_scorechange c
        WHERE c.contact_id = near.contact_id AND c.ended_at IS NULL AND c.at > %(since)s AND c.model_id = %(model)s
            AND (c.event_id IS NOT NULL OR c.rule_id IS NULL)
    )
    LIMIT {_ASKED_AT_MOST}
),
rules AS MATERIALIZED ({points.RULES} AND model_id = %(model)s),
ledger AS (
    SELECT {points.contributions("t.moment")}
    FROM asked a CROSS JOIN (VALUES (%(now)s::timestamptz), (%(since)s::timestamptz)) AS t (moment)
    CROSS JOIN LATERAL (
        SELECT * FROM scoring_scorechange c
        WHERE c.contact_id = a.contact_id AND c.ended_at IS NULL AND c.model_id = a.model_id AND c.at <= t.moment
        UNION ALL
        SELECT * FROM scoring_scorechange c
        WHERE c.contact_id = a.contact_id AND c.ended_at > t.moment AND c.model_id = a.model_id AND c.at <= t.moment
            AND c.ended_because IN ('newer', 'untrue', 'taken back')
        OFFSET 0
    ) AS c
),
{points.parts("model_id, contact_id, moment")},
standing AS (
    SELECT a.contact_id, t.moment, coalesce(p.engagement, 0) AS engagement,
        {points.total("coalesce(p.fit, 0)", "coalesce(p.engagement, 0)")} AS points
    FROM asked a JOIN scoring_scoremodel m ON m.id = a.model_id
    CROSS JOIN (VALUES (%(now)s::timestamptz), (%(since)s::timestamptz)) AS t (moment)
    LEFT JOIN parts p ON p.contact_id = a.contact_id AND p.moment = t.moment
),
latest AS (
    SELECT DISTINCT ON (contact_id) contact_id, at, id, rule_key, event_id FROM valued
    WHERE moment = %(now)s AND worth > 0 AND NOT is_fit AND at > %(since)s
    ORDER BY contact_id, at DESC, id DESC
)
SELECT now.contact_id, now.points, now.engagement - before.engagement, coalesce(nullif(c.reason, ''), r.name, ''), l.at,
    l.event_id::text
FROM standing now JOIN standing before ON before.contact_id = now.contact_id AND before.moment = %(since)s
JOIN latest l ON l.contact_id = now.contact_id JOIN scoring_scorechange c ON c.id = l.id
LEFT JOIN scoring_scorerule r ON r.id = l.rule_key
WHERE now.moment = %(now)s AND now.points >= %(from)s AND now.points < %(threshold)s
    AND now.engagement - before.engagement >= 0.05
ORDER BY now.points DESC, now.contact_id LIMIT {MOST}
"""


def ahead(model: ScoreModel, now: datetime) -> list[Ahead]:
    """For the two highest bands who is about to come into them, the highest first; a query a band."""
    places = range(len(model.band_from), 0, -1)[:2]
    return [_into(model, place, now) for place in places if place < len(model.bands)]


def reach(model: ScoreModel, place: int) -> float:
    """How far below a band's threshold is near: a third of the way from the band below."""
    below = model.band_from[place - 2] if place > 1 else max(model.floor or 0, 0)
    return float(max((model.band_from[place - 1] - below) / 3, NEAREST))


def _into(model: ScoreModel, place: int, now: datetime) -> Ahead:
    threshold, near = model.band_from[place - 1], reach(model, place)
    values = {
        "model": model.pk,
        "below": place - 1,
        "from": threshold - near,
        "threshold": threshold,
        "now": now,
        "since": now - OVER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RISING, values)
        people = [
            Rising(pk, has, threshold - has, gained, last, at, event)
            for pk, has, gained, last, at, event in cursor.fetchall()
        ]
    return Ahead(model.bands[place], tone(place, len(model.bands)), threshold, near, people)
