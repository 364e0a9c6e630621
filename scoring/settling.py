"""Settling: what the ledger of some contacts comes to is worked out and written, with what follows from it.

One statement, whatever the number of contacts and models. It also ends the contributions in whose place newer ones of
their rule are: it has to read them all anyway. Whoever settles holds the contacts' lanes
(segments.membership.hold), so that the later of two answers about a contact is written last.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from lib.kept_statement import KeptStatement
from scoring import points
from scoring.models import cell_of
from segments.sql import array

# A crossing is noticed to the minute; a threshold that is just being passed would be looked at again and again.
SHORTEST = 60
# Points are compared as rounded to a millionth (points.tidy): what fades towards a threshold gets there in the end.
ROUNDED = 5e-7


def _reach(gap: str, fading: str, rate: str, ending: str) -> str:
    """Seconds until so much may be lost (or regained), never too late; null: never by itself.

    What fades loses at most `fading`·(1 − 2^(−t·rate/fading)), as if all of it had the mean of the rates (that is
    Jensen's inequality); what expires, expires as a whole at the next expiry.
    """
    return f"""least(
        CASE WHEN {fading} > 0 AND {gap} < {fading}
            THEN -ln(1 - greatest({gap}, 0) / {fading}) / ln(2::float8) * {fading} / {rate} END,
        CASE WHEN {ending} > 0 AND {gap} <= {fading} + {ending} + 1e-6 THEN next_seconds END
    )"""


def _due() -> str:
    """Seconds until the total, or a part, may pass one of the thresholds around it."""
    found = []
    for scope in ("total", "fit", "engagement"):
        shown, value = ("points", "raw") if scope == "total" else (scope, f"raw_{scope}")
        sums = {
            name: f"({' + '.join(f'{part}_{name}' for part in points.PARTS)})"
            if scope == "total"
            else f"{scope}_{name}"
            for name in ("sinks", "sink_rate", "lifts", "lift_rate", "drops", "rises")
        }
        down, up = _gap(value, f"{scope}_below", shown), _gap(f"{scope}_above", value, shown)
        found.append(_reach(down, sums["sinks"], sums["sink_rate"], sums["drops"]))
        found.append(_reach(up, sums["lifts"], sums["lift_rate"], sums["rises"]))
    return f"least({', '.join(found)})"


def _gap(high: str, low: str, shown: str) -> str:
    """How much until what is shown is at the threshold or, where it is at it, beyond."""
    threshold = high if high.endswith("_above") else low
    return f"({high} - {low} + CASE WHEN {shown} = {threshold} THEN {ROUNDED} ELSE -{ROUNDED} END)"


def _place(value: str, thresholds: str, was: str) -> str:
    """How many thresholds are reached; one that was reached before stays so until the margin below it is passed."""
    return (
        f"greatest(width_bucket({value}, {thresholds}),"
        f" least({was}, width_bucket({value} + margin, {thresholds})))::smallint"
    )


def _next(value: str, levels: str) -> str:
    """The level above; or the one that it is just at: a segment may ask for more than that."""
    at = f"width_bucket({value}, {levels})"
    return f"CASE WHEN {levels}[{at}] = {value} THEN {value} ELSE {levels}[{at} + 1] END"


_SETTLE = f"""
WITH asked AS MATERIALIZED (
    SELECT DISTINCT model_id, contact_id FROM unnest(%(models)s, %(contacts)s) AS asked (model_id, contact_id)
),
rules AS MATERIALIZED ({points.RULES} AND model_id IN (SELECT model_id FROM asked)),
-- Each contact's own rows, by the index, whatever the statistics say; of a rule, the latest count.
found AS MATERIALIZED (
    SELECT {points.contributions("%(now)s")}, c.place, c.nth > r.at_most AS displaced
    FROM asked a CROSS JOIN LATERAL (
        SELECT *, ctid AS place, row_number() OVER (PARTITION BY rule_id ORDER BY at DESC, event_id DESC) AS nth
        FROM scoring_scorechange c
        WHERE c.contact_id = a.contact_id AND c.ended_at IS NULL AND c.model_id = a.model_id
    ) AS c LEFT JOIN scoring_scorerule r ON r.id = c.rule_id AND c.event_id IS NOT NULL
),
displaced AS (
    -- Not `ended_at IS NULL`: a plan made while the ledger is short would walk through its partial index for ever.
    UPDATE scoring_scorechange SET ended_at = %(now)s, ended_because = 'newer'
    WHERE ctid = ANY(ARRAY(SELECT place FROM found WHERE displaced)) AND ended_because || '' = ''
),
ledger AS (SELECT * FROM found WHERE displaced IS NOT TRUE),
{points.parts(motion=True, everybody="asked")},
summed AS (
    SELECT p.model_id, p.contact_id, p.earned, {points.tidy("p.fit")} AS fit,
        {points.tidy("p.engagement")} AS engagement, {points.total("p.fit", "p.engagement")} AS points,
        p.fit AS raw_fit, p.engagement AS raw_engagement, p.fit + p.engagement AS raw,
        {", ".join(f"p.{part}_{name}" for part in points.PARTS for name in points._MOTION)},
        date_part('epoch', p.next_expiry - %(now)s) AS next_seconds,
        s.points AS was_points, s.fit AS was_fit, s.engagement AS was_engagement, s.due_at AS was_due,
        s.model_id IS NOT NULL AS known, coalesce(s.stage, 0) AS was_stage, coalesce(s.crossings, 0) AS crossings,
        coalesce(s.band, 0) AS was_band,
        CASE WHEN %(fresh)s THEN 0 ELSE coalesce(s.band, 0) END AS held_band,
        CASE WHEN %(fresh)s THEN 0 ELSE coalesce(s.fit_grade, 0) END AS held_fit,
        CASE WHEN %(fresh)s THEN 0 ELSE coalesce(s.engagement_grade, 0) END AS held_engagement,
        m.is_active, m.floor, m.ceiling, m.margin, m.band_from, m.fit_from, m.engagement_from, m.stage_from, m.levels,
        m.fit_levels, m.engagement_levels
    FROM parts p JOIN scoring_scoremodel m ON m.id = p.model_id
    LEFT JOIN LATERAL (
        SELECT * FROM scoring_score s WHERE s.model_id = p.model_id AND s.contact_id = p.contact_id LIMIT 1
    ) AS s ON true {points.ONCE}
),
placed AS (
    SELECT *, {_place("points", "band_from", "held_band")} AS band,
        {_place("fit", "fit_from", "held_fit")} AS fit_grade,
        {_place("engagement", "engagement_from", "held_engagement")} AS engagement_grade,
        width_bucket(points, stage_from) AS reached,
        CASE WHEN was_points IS NULL OR %(restaged)s THEN 0 ELSE width_bucket(was_points, stage_from) END AS had_reached
    FROM summed {points.ONCE}
),
bounded AS (
    SELECT *, CASE WHEN reached > had_reached THEN greatest(was_stage, reached) ELSE was_stage END::smallint AS stage,
        greatest(
            CASE WHEN band_from[band] - margin <= floor THEN NULL ELSE band_from[band] - margin END,
            CASE WHEN points = floor THEN NULL ELSE levels[width_bucket(points, levels)] END
        ) AS total_below,
        CASE WHEN points = ceiling THEN NULL
            ELSE least(band_from[band + 1], {_next("points", "levels")}, stage_from[reached + 1]) END AS total_above,
        greatest(fit_from[fit_grade] - margin, fit_levels[width_bucket(fit, fit_levels)]) AS fit_below,
        least(fit_from[fit_grade + 1], {_next("fit", "fit_levels")}) AS fit_above,
        greatest(engagement_from[engagement_grade] - margin,
            engagement_levels[width_bucket(engagement, engagement_levels)]) AS engagement_below,
        least(engagement_from[engagement_grade + 1], {_next("engagement", "engagement_levels")}) AS engagement_above
    FROM placed {points.ONCE}
),
awaited AS (
    SELECT *, {_due()} AS seconds FROM bounded WHERE known OR earned OR %(every)s {points.ONCE}
),
settled AS MATERIALIZED (
    SELECT *, CASE WHEN is_active AND seconds IS NOT NULL
        THEN %(now)s + make_interval(secs => greatest(seconds, {SHORTEST})) END AS due
    FROM awaited
),
written AS (
    INSERT INTO scoring_score AS s (
        model_id, contact_id, fit, engagement, points, band, fit_grade, engagement_grade, stage, crossings,
        as_of, due_at
    )
    SELECT model_id, contact_id, fit, engagement, points, band, fit_grade, engagement_grade, stage,
        crossings + (band <> was_band)::int, %(now)s,
        -- An earlier look does no harm; the index is spared.
        CASE WHEN was_due > %(now)s AND due > was_due THEN was_due ELSE due END
    FROM settled ORDER BY model_id, contact_id
    ON CONFLICT (model_id, contact_id) DO UPDATE SET
        fit = excluded.fit, engagement = excluded.engagement, points = excluded.points, band = excluded.band,
        fit_grade = excluded.fit_grade, engagement_grade = excluded.engagement_grade, stage = excluded.stage,
        crossings = excluded.crossings, as_of = excluded.as_of, due_at = excluded.due_at
),
flow AS (
    INSERT INTO scoring_scoreflow (model_id, day, band, net)
    SELECT model_id, %(now)s::date, band, sum(net) FROM (
        SELECT model_id, band, 1 AS net FROM settled WHERE NOT known OR band <> was_band
        UNION ALL SELECT model_id, was_band, -1 FROM settled WHERE known AND band <> was_band
    ) AS moves GROUP BY model_id, band HAVING sum(net) <> 0
)
SELECT model_id, contact_id, points, fit, engagement, band::bigint, was_band::bigint, stage::bigint, was_stage::bigint,
    fit_grade::bigint, engagement_grade::bigint, (crossings + (band <> was_band)::int)::bigint,
    points IS DISTINCT FROM was_points OR fit IS DISTINCT FROM was_fit OR engagement IS DISTINCT FROM was_engagement
FROM settled ORDER BY model_id, contact_id
"""

_SQL_TYPES = {int: "bigint", float: "double precision", bool: "boolean"}


class Settled(NamedTuple):
    """What a contact's score came to, and what it was before."""

    model_id: int
    contact_id: int
    points: float
    fit: float
    engagement: float
    band: int
    was_band: int
    stage: int
    was_stage: int
    fit_grade: int
    engagement_grade: int
    crossings: int
    changed: bool

    @property
    def cell(self) -> str:
        return cell_of(self.fit_grade, self.engagement_grade)


STATEMENT = KeptStatement(
    "scoring_settle",
    _SETTLE,
    parameters={
        "models": "bigint[]", "contacts": "bigint[]", "now": "timestamptz", "fresh": "boolean", "restaged": "boolean",
        "every": "boolean",
    },
    columns={name: _SQL_TYPES[kind] for name, kind in Settled.__annotations__.items()},
    # A batch is more than the planner guesses, and the tables grow after it has; where only a loop will do, one is
    # taken all the same.
    planning=("enable_nestloop = off", "enable_mergejoin = off", "enable_seqscan = off"),
)  # fmt: skip


def settle(
    asked: Mapping[int, Collection[int]],
    now: datetime,
    fresh: bool = False,
    restaged: bool = False,
    every: bool = False,
) -> list[Settled]:
    """Work out the scores of these contacts by model id; the caller holds their lanes.

    `fresh`: bands and grades as the points say, whatever they were (the thresholds themselves were changed);
    `restaged`: the stages as the points say, but nobody goes back.
    `every`: those who earned nothing get a row, too.
    """
    pairs = [(model, contact) for model, contacts in asked.items() for contact in contacts]
    if not pairs:
        return []
    rows = STATEMENT.run(
        models=array(model for model, _ in pairs),
        contacts=array(contact for _, contact in pairs),
        now=now,
        fresh=fresh,
        restaged=restaged,
        every=every,
    )
    return [Settled(*row) for row in rows]
