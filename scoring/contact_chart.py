"""How a contact's score went, as the admin's charts take it: a line, and the thresholds of the bands behind it."""

import json
from datetime import datetime, timedelta

from scoring import reading, shown
from scoring.models import ScoreModel

OVER, DRAWN = timedelta(days=90), 61
_GRID = {"color": "rgba(128, 128, 128, .18)"}
_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "interaction": {"mode": "index", "intersect": False},
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {
            "grid": {"display": False},
            "border": {"display": False},
            "ticks": {"maxTicksLimit": 6, "maxRotation": 0, "color": "#9ca3af"},
        },
        "y": {
            "grid": _GRID,
            "border": {"display": False},
            "beginAtZero": True,
            "ticks": {"maxTicksLimit": 5, "color": "#9ca3af"},
        },
    },
}


def of(model: ScoreModel, contact_id: int, now: datetime) -> dict[str, str]:
    """The last 90 days; one query."""
    went = reading.history(model, contact_id, now - OVER, now, DRAWN)
    values = [round(points, 1) for _, points in went]
    near = _near(model, values)
    lines = [_score(model, values), *(_threshold(band["name"], band["points"], len(values)) for band in near)]
    labels = [f"{at.day} {at:%b}" for at, _ in went]
    return {
        "data": json.dumps({"labels": labels, "datasets": lines}),
        "options": json.dumps(_OPTIONS),
        "dashed": ", ".join(f"{band['name']} from {shown.points(band['points'])}" for band in near),
    }


def _score(model: ScoreModel, values: list[float]) -> dict:
    return {
        "label": model.name,
        "data": values,
        "borderColor": "var(--color-primary-500)",
        "backgroundColor": "var(--color-primary-500)",
        "borderWidth": 2,
        "pointRadius": 0,
    }


def _near(model: ScoreModel, values: list[float]) -> list[dict]:
    """The bands that were reached, and the next one above; not the lowest."""
    bands = model.definition.get("bands", [])[1:]
    above = [band for band in bands if band["points"] > max(values, default=0)]
    return [band for band in bands if band not in above[1:]]


def _threshold(name: str, points: float, length: int) -> dict:
    return {
        "label": f"{name} from",
        "data": [points] * length,
        "borderColor": "rgba(128, 128, 128, .55)",
        "backgroundColor": "rgba(128, 128, 128, .55)",
        "borderWidth": 1,
        "borderDash": [4, 4],
        "pointRadius": 0,
        "pointHitRadius": 0,
    }
