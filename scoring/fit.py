"""The ledger of fit: a contribution for as long as a rule's condition is true of somebody."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import connection

from contacts.models import Contact
from ops.models import SiteSettings
from scoring.ledger import Pairs
from scoring.models import ScoreRule
from segments import conditions
from segments.sql import among, array

log = structlog.get_logger(__name__)

# As for memberships: who was asked and who fits are grouped instead of joined, and a contribution is looked up by its
# key, so that stale statistics do no harm.
_JUDGE = """
WITH asked AS MATERIALIZED ({asked}), fits AS MATERIALIZED ({fits}),
known AS MATERIALIZED (
    SELECT a.*, live.id FROM (
        SELECT rule_id, contact_id, bool_or(fits) AS fits FROM (
            SELECT rule_id, contact_id, false AS fits FROM asked
            UNION ALL SELECT rule_id, contact_id, true FROM fits
        ) AS said GROUP BY rule_id, contact_id
    ) AS a LEFT JOIN LATERAL (
        SELECT id FROM scoring_scorechange c
        WHERE c.contact_id = a.contact_id AND c.rule_id = a.rule_id AND c.ended_at IS NULL AND c.event_id IS NULL
        LIMIT 1
    ) AS live ON true
),
begun AS (
    INSERT INTO scoring_scorechange (model_id, rule_id, contact_id, at)
    SELECT r.model_id, k.rule_id, k.contact_id, %s FROM known k JOIN scoring_scorerule r ON r.id = k.rule_id
    WHERE k.fits AND k.id IS NULL ORDER BY k.contact_id, k.rule_id
    ON CONFLICT (rule_id, contact_id) WHERE event_id IS NULL AND ended_at IS NULL AND rule_id IS NOT NULL DO NOTHING
    RETURNING model_id, contact_id
), over AS (
    UPDATE scoring_scorechange c SET ended_at = %s, ended_because = 'untrue'
    FROM known k WHERE c.id = k.id AND NOT k.fits
        AND c.id = ANY(ARRAY(SELECT id FROM known WHERE NOT fits AND id IS NOT NULL))
    RETURNING c.model_id, c.contact_id
)
SELECT model_id, contact_id FROM begun UNION SELECT model_id, contact_id FROM over
"""
_ASKED = "SELECT %s::bigint AS rule_id, contact_id FROM unnest(%s::bigint[]) AS contact_id"
_FITS = "SELECT %s::bigint AS rule_id, id AS contact_id FROM ({rows}) AS found (id)"


def judge(asked: Mapping[ScoreRule, Collection[int]], now: datetime) -> Pairs:
    """Ask these contacts the conditions of these rules; (model, contact) of those whose answer is another one now."""
    asking, fits = list[Any](), list[Any]()
    sources, answers = [], []
    for rule, ids in asked.items():
        if not ids or (rows := whom(rule, now, ids)) is None:
            continue
        sql, values = rows.order_by().values_list("pk").query.sql_with_params()
        sources.append(_ASKED)
        asking += [rule.pk, array(ids)]
        answers.append(_FITS.format(rows=sql))
        fits += [rule.pk, *values]
    if not sources:
        return set()
    statement = _JUDGE.format(asked=" UNION ALL ".join(sources), fits=" UNION ALL ".join(answers))
    with connection.cursor() as cursor:
        cursor.execute(statement, [*asking, *fits, now, now])
        return set(cursor.fetchall())


def whom(rule: ScoreRule, now: datetime, only: Collection[int]):
    """Those of the contacts for whom the condition is true; None where it cannot be evaluated any more."""
    here = now.astimezone(SiteSettings.get().zone)
    try:
        condition = conditions.compiled(rule.condition, "contact", here, only=only)
    except conditions.InvalidCondition as fault:
        log.warning("score.rule_not_evaluated", rule=rule.pk, fault=str(fault))
        return None
    return Contact.objects.current().filter(among(conditions.CONTACT, only)).filter(condition)
