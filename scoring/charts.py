"""How points are spread and how bands went, as the admin's charts take it: data without scripts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from scoring import flow
from scoring.insight import Census, Spread
from scoring.models import ScoreModel
from scoring.shown import tone

LONGEST, SHORTEST = timedelta(days=89), timedelta(days=13)
STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1_000, 2_000, 5_000, 10_000)
COLUMNS = 28
# A lowest band so much larger than all others together would hide them.
HIDES = 8
COLOURS = {
    "info": "var(--color-blue-400)",
    "success": "var(--color-green-500)",
    "warning": "var(--color-orange-400)",
    "danger": "var(--color-red-500)",
    "primary": "var(--color-primary-500)",
}
_FAINT = {"color": "#9ca3af"}
_AXIS = {"grid": {"color": "rgba(128, 128, 128, .18)"}, "border": {"display": False}, "stacked": True}
_WHOLE = _AXIS | {"beginAtZero": True, "ticks": _FAINT | {"precision": 0, "maxTicksLimit": 6}}
_ALONG = _AXIS | {"grid": {"display": False}, "ticks": _FAINT | {"maxTicksLimit": 10, "maxRotation": 0}}
_SHAPE: dict[str, Any] = {
    "animation": False,
    "maintainAspectRatio": False,
    "interaction": {"mode": "index", "intersect": False},
    "plugins": {"legend": {"display": False}},
    "scales": {"x": _ALONG, "y": _WHOLE},
}
_LEGEND = {"display": True, "align": "end", "labels": _FAINT | {"boxWidth": 10, "boxHeight": 10}}


@dataclass(frozen=True)
class Column:
    """A column of the histogram: from so many points on, and how many people by band."""

    label: str
    low: int
    bands: list[int]

    @property
    def people(self) -> int:
        return sum(self.bands)


def histogram(model: ScoreModel, spread: Spread) -> dict[str, Any] | None:
    """People by points, in the colours of the bands that the points stand for; None where nobody has a score."""
    if not spread.points:
        return None
    columns = columns_of(spread.points, model.band_from, spread.share)
    bars = [
        {
            "label": name,
            "data": [column.bands[place] for column in columns],
            "backgroundColor": COLOURS[tone(place, len(model.bands))],
            "barPercentage": 1,
            "categoryPercentage": 0.92,
        }
        for place, name in enumerate(model.bands)
    ]
    return {
        "data": json.dumps({"labels": [column.label for column in columns], "datasets": bars}),
        "options": json.dumps(_SHAPE),
        "rows": [column for column in columns if column.people],
        "asked": spread.asked,
        "people": spread.people,
        "is_sample": spread.is_sample,
    }


def columns_of(points: dict[int, int], thresholds: Sequence[float], share: float = 1.0) -> list[Column]:
    """Equal columns whose edges, where that is possible, are the thresholds; the few far away share the last one."""
    top = _top(points, thresholds)
    bottom = min(0, *points)
    step = _step(top - bottom, thresholds)
    first = bottom // step * step
    lows = list(range(first, max(top, first + step), step))
    counts = [[0.0] * (len(thresholds) + 1) for _ in lows]
    for whole, number in points.items():
        place = sum(whole >= edge for edge in thresholds)
        counts[min((whole - first) // step, len(lows) - 1)][place] += number * share
    last = lows[-1] + step
    return [
        Column(_label(low, step, max(points) >= last and low == lows[-1]), low, [round(one) for one in column])
        for low, column in zip(lows, counts, strict=True)
    ]


def _top(points: dict[int, int], thresholds: Sequence[float]) -> int:
    """Where the columns end: beyond the highest threshold, and beyond all but one in a hundred."""
    most, beyond = sum(points.values()) / 100, 0
    for whole in sorted(points, reverse=True):
        beyond += points[whole]
        if beyond > most:
            break
    return max(whole + 1, *(int(edge * 1.25) for edge in thresholds), 10)


def _step(span: int, thresholds: Sequence[float]) -> int:
    wide = next((step for step in STEPS if span / step <= COLUMNS), STEPS[-1])
    even = [step for step in STEPS if wide <= step <= 4 * wide and not any(edge % step for edge in thresholds)]
    return even[0] if even and span / even[0] >= 5 else wide


def _label(low: int, step: int, is_open: bool) -> str:
    said = f"{low:,}".replace("-", "−")  # noqa: RUF001  a minus, not a hyphen
    if is_open:
        return f"{said} and more"
    high = f"{low + step - 1:,}".replace("-", "−")  # noqa: RUF001
    return said if step == 1 else f"{said} to {high}" if low < 0 else f"{said}–{high}"  # noqa: RUF001


def bands(model: ScoreModel, census: Census, now: datetime) -> dict[str, Any] | None:
    """How many were in each band by day, the highest at the bottom; None where nobody has a score yet."""
    began = flow.began(model)
    if began is None or not census.people:
        return None
    until = now.date()
    sizes = flow.sizes(model, census.bands, max(until - LONGEST, min(began, until - SHORTEST)), until)
    hidden = sum(census.bands[1:]) * HIDES < census.bands[0] and any(census.bands[1:])
    names = list(enumerate(model.bands))[::-1]
    areas = [
        {
            "label": name,
            "data": [size[place] for _, size in sizes],
            "borderColor": COLOURS[tone(place, len(model.bands))],
            "backgroundColor": COLOURS[tone(place, len(model.bands))],
            "borderWidth": 1,
            "pointRadius": 0,
            "fill": "stack",
            "hidden": hidden and place == 0,
        }
        for place, name in names
    ]
    return {
        "data": json.dumps({"labels": [_day(day) for day, _ in sizes], "datasets": areas}),
        "options": json.dumps(_SHAPE | {"plugins": {"legend": _LEGEND}}),
        "hidden": model.bands[0] if hidden else "",
        "days": len(sizes),
        "names": [name for _, name in names],
        "rows": [(day, [f"{size[place]:,}" for place, _ in names]) for day, size in sizes][::-1],
    }


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"
