"""How many were in which band when: batches become days, days become lines."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum

from scoring.models import ScoreFlow, ScoreModel

_COMPACT = """
WITH many AS (
    SELECT model_id, day FROM scoring_scoreflow GROUP BY model_id, day HAVING count(*) > count(DISTINCT band)
), old AS (
    DELETE FROM scoring_scoreflow f USING many WHERE f.model_id = many.model_id AND f.day = many.day
    RETURNING f.model_id, f.day, f.band, f.net
)
INSERT INTO scoring_scoreflow (model_id, day, band, net)
SELECT model_id, day, band, sum(net) FROM old GROUP BY model_id, day, band
"""
_LOCK = "SELECT pg_try_advisory_xact_lock(7306)"


@transaction.atomic
def compact(now: datetime) -> None:
    """One row a model, day and band; one worker at a time, those who only add rows do not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if cursor.fetchone()[0]:
            cursor.execute(_COMPACT)


def sizes(model: ScoreModel, present: Sequence[int], since: date, until: date) -> list[tuple[date, list[int]]]:
    """How many were in each band at the end of each day, counted back from how many are in it at present."""
    rows = ScoreFlow.objects.filter(model=model, day__gte=since).order_by().values_list("day", "band")
    net: dict[date, dict[int, int]] = defaultdict(dict)
    for day, band, number in rows.annotate(net=Sum("net")):
        net[day][band] = number
    at, found = list(present), []
    for day in sorted((day for day in net if day > until), reverse=True):
        at = _before(at, net[day])
    for number in range((until - since).days + 1):
        day = until - timedelta(days=number)
        found.append((day, at))
        at = _before(at, net[day])
    return found[::-1]


def _before(at: Sequence[int], net: dict[int, int]) -> list[int]:
    return [max(number - net.get(band, 0), 0) for band, number in enumerate(at)]


def growth(model: ScoreModel, after: date) -> dict[int, int]:
    """Band → how many more (or fewer) are in it than at the end of that day."""
    rows = ScoreFlow.objects.filter(model=model, day__gt=after).order_by().values_list("band")
    return dict(rows.annotate(net=Sum("net")))


def began(model: ScoreModel) -> date | None:
    """The first day on which anybody had a score."""
    return ScoreFlow.objects.filter(model=model).order_by("day").values_list("day", flat=True).first()
