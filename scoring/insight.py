"""What is to be seen of a whole model: who is in which band, how points are spread, what they come from.

A fixed number of queries, whatever the number of people. Bands, grades and stages are counted as they are kept.
Points are worked out for now, of everybody where 20,000 have a score at most, else of a sample of 10,000: by the hash
of their ids, so that the same people are asked each time.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Count

from scoring import points
from scoring.models import Score, ScoreModel

EXACT, SAMPLE = 20_000, 10_000
_HASHES = 65_536


@dataclass(frozen=True)
class Census:
    """How many people have a score, and how many of them are where; by places, the lowest first."""

    people: int
    bands: list[int]
    cells: Counter[tuple[int, int]]
    """(grade of fit, grade of engagement) → how many."""
    stages: list[int]
    """The first: of no stage yet."""


def census(model: ScoreModel) -> Census:
    rows = Score.objects.filter(model=model).order_by()
    counted = rows.values_list("band", "fit_grade", "engagement_grade", "stage").annotate(number=Count("*"))
    bands, cells, stages = [0] * len(model.bands), Counter[tuple[int, int]](), [0] * (len(model.stages) + 1)
    for band, fit, engagement, stage, number in counted:
        bands[min(band, len(bands) - 1)] += number
        cells[fit, engagement] += number
        stages[min(stage, len(stages) - 1)] += number
    return Census(sum(bands), bands, cells, stages)


def bands_of(models: list[ScoreModel]) -> dict[int, list[int]]:
    """Model → how many people are in each of its bands; one query for all."""
    found = {model.pk: [0] * len(model.bands) for model in models}
    rows = Score.objects.filter(model__in=models).order_by().values_list("model", "band")
    for model, band, number in rows.annotate(number=Count("*")):
        found[model][min(band, len(found[model]) - 1)] += number
    return found


@dataclass(frozen=True)
class Tally:
    """What a rule gives those who were asked: contributions that count now, whose, worth how much together."""

    times: int = 0
    people: int = 0
    worth: float = 0
    last: datetime | None = None


@dataclass(frozen=True)
class Spread:
    """How the points of those who were asked are spread, and what they come from."""

    asked: int
    people: int
    points: dict[int, int]
    """Whole points, rounded down → how many have them."""
    tallies: dict[int | None, Tally]
    """By rule; None: what a person, a step or the API gave."""

    @property
    def is_sample(self) -> bool:
        return self.asked < self.people

    @property
    def share(self) -> float:
        """By how much what was counted must be multiplied."""
        return self.people / self.asked if self.asked else 1.0


_ASKED = "SELECT model_id, contact_id FROM scoring_score WHERE model_id = %(model)s{sample}"
_SAMPLE = " AND (hashint8(contact_id) & 65535) < %(hashes)s"
# Of everybody it is quicker to read the whole ledger once; of a sample, each one's own rows, whatever is beside them.
_ALL = "JOIN scoring_scorechange c ON c.contact_id = a.contact_id AND c.model_id = a.model_id AND c.ended_at IS NULL"
_EACH = """CROSS JOIN LATERAL (
    SELECT * FROM scoring_scorechange c
    WHERE c.contact_id = a.contact_id AND c.model_id = a.model_id AND c.ended_at IS NULL OFFSET 0
) AS c"""
_SPREAD = f"""
WITH asked AS MATERIALIZED ({{asked}}),
rules AS MATERIALIZED ({points.RULES} AND model_id = %(model)s),
ledger AS (
    SELECT {points.contributions("%(now)s::timestamptz")} FROM asked a {{joined}}
),
{points.parts()},
standing AS (
    SELECT {points.total("coalesce(p.fit, 0)", "coalesce(p.engagement, 0)")} AS points
    FROM asked a JOIN scoring_scoremodel m ON m.id = a.model_id LEFT JOIN parts p USING (model_id, contact_id)
),
spread AS (SELECT floor(points)::int AS points, count(*) AS number FROM standing GROUP BY 1),
times AS (
    SELECT rule_key, count(*) FILTER (WHERE worth <> 0 OR NOT adds) AS times, max(at) AS last
    FROM valued GROUP BY rule_key
),
worth AS (
    SELECT rule_key, count(*) FILTER (WHERE worth <> 0) AS people,
        sum(CASE WHEN r.cap < abs(worth) THEN sign(worth) * r.cap ELSE worth END) AS worth
    FROM of_rule LEFT JOIN rules r USING (rule_key) GROUP BY rule_key
)
SELECT (SELECT count(*) FROM asked), (SELECT coalesce(jsonb_agg(spread), '[]') FROM spread)::text,
    (SELECT coalesce(jsonb_agg(tally), '[]') FROM (
        SELECT t.rule_key, times, people, worth, last FROM times t
        JOIN worth w ON w.rule_key IS NOT DISTINCT FROM t.rule_key
    ) AS tally)::text
"""


def spread(model: ScoreModel, people: int, now: datetime) -> Spread:
    """One query; `people`: how many have a score, as the census says."""
    values: dict[str, Any] = {"model": model.pk, "now": now}
    sample, joined = "", _ALL
    if people > EXACT:
        sample, joined, values["hashes"] = _SAMPLE, _EACH, _HASHES * SAMPLE // people
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD.format(asked=_ASKED.format(sample=sample), joined=joined), values)
        asked, columns, tallies = cursor.fetchone()
    return Spread(
        asked,
        people if sample else asked,
        {row["points"]: row["number"] for row in msgspec.json.decode(columns)},
        {row["rule_key"]: _tally(row) for row in msgspec.json.decode(tallies)},
    )


def _tally(row: dict[str, Any]) -> Tally:
    return Tally(row["times"], row["people"], row["worth"], datetime.fromisoformat(row["last"]))
