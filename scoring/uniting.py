"""Merge: what one of two contacts earned, the one who is left earned; the score is worked out anew."""

from datetime import datetime
from typing import Any

from django.db import connection

from scoring.models import ScoreModel
from scoring.stage import settle_apart
from segments.membership import Cause, Occasion

# What was true of the loser is asked again of the winner.
_END = """
UPDATE scoring_scorechange SET ended_at = %(now)s, ended_because = 'merged'
WHERE contact_id = %(loser)s AND event_id IS NULL AND rule_id IS NOT NULL AND ended_at IS NULL
"""
_MOVE = """
UPDATE scoring_scorechange SET contact_id = %(winner)s
WHERE contact_id = %(loser)s AND (ended_at IS NULL OR ended_at IS NOT NULL)
"""
_GONE = """
WITH gone AS (DELETE FROM scoring_score WHERE contact_id = %(loser)s RETURNING model_id, band, stage),
kept AS (
    UPDATE scoring_score s SET stage = greatest(s.stage, g.stage) FROM gone g
    WHERE s.model_id = g.model_id AND s.contact_id = %(winner)s
)
INSERT INTO scoring_scoreflow (model_id, day, band, net)
SELECT model_id, %(now)s::date, band, -1 FROM gone RETURNING model_id
"""


def unite(winner_id: int, loser_id: int, now: datetime) -> None:
    """A merge step: the loser's ledger and stage become the winner's; nobody is told."""
    values: dict[str, Any] = {"winner": winner_id, "loser": loser_id, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_END, values)
        cursor.execute(_MOVE, values)
    models = ScoreModel.objects.active().values_list("pk", flat=True)
    occasion = Occasion(now, Cause.MERGED)
    settle_apart({(model, winner_id) for model in models}, occasion)
    with connection.cursor() as cursor:
        cursor.execute(_GONE, values)
