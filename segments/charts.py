"""How the size of a segment went, as the admin's charts take it: data without scripts."""

import json
from datetime import datetime, timedelta
from typing import Any

from segments import flow
from segments.models import Segment

LONGEST, SHORTEST = timedelta(days=90), timedelta(days=13)
_GRID = {"color": "rgba(128, 128, 128, .18)"}
_AXIS = {"grid": _GRID, "border": {"display": False}}
_WHOLE = _AXIS | {"beginAtZero": True, "ticks": {"precision": 0, "color": "#9ca3af"}}
_DAYS = _AXIS | {"grid": {"display": False}, "ticks": {"maxTicksLimit": 8, "maxRotation": 0, "color": "#9ca3af"}}
_SHAPE = {
    "animation": False,
    "maintainAspectRatio": False,
    "interaction": {"mode": "index", "intersect": False},
    "plugins": {"legend": {"display": False}},
}


def of(segment: Segment, now: datetime) -> dict[str, Any] | None:
    """The size by day as a line, and who entered and left by day as bars; None where nothing happened yet."""
    until = now.date()
    since = max(until - LONGEST, min(segment.created_at.date(), until - SHORTEST))
    sizes, moves = flow.sizes(segment, since, until), flow.moves(segment, since, until)
    if not any(size for _, size in sizes) and not any(came or went for _, came, went in moves):
        return None
    labels = [f"{day.day} {day:%b}" for day, _ in sizes]
    return {
        "sizes": _line(labels, [size for _, size in sizes]),
        "moves": _bars(labels, [came for _, came, _ in moves], [-went for _, _, went in moves]),
        "size_options": json.dumps(_SHAPE | {"scales": {"x": _DAYS, "y": _WHOLE}}),
        "move_options": json.dumps(_SHAPE | {"scales": {"x": _DAYS | {"stacked": True}, "y": _WHOLE}}),
        "days": len(labels),
        "came": sum(came for _, came, _ in moves),
        "went": sum(went for _, _, went in moves),
        "rows": [(day, size, came, went) for (day, size), (_, came, went) in zip(sizes, moves, strict=True)][::-1],
    }


def _line(labels: list[str], sizes: list[int]) -> str:
    line = {
        "label": "In it",
        "data": sizes,
        "borderColor": "var(--color-primary-500)",
        "backgroundColor": "var(--color-primary-500)",
        "borderWidth": 2,
        "pointRadius": 0,
    }
    return json.dumps({"labels": labels, "datasets": [line]})


def _bars(labels: list[str], came: list[int], went: list[int]) -> str:
    bars = [
        {"label": "Entered", "data": came, "backgroundColor": "var(--color-green-500)"},
        {"label": "Left", "data": went, "backgroundColor": "var(--color-orange-500)"},
    ]
    return json.dumps({"labels": labels, "datasets": bars})
