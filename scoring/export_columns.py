"""Scores in the file of a segment's members: six columns for each active model."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from scoring import reading, shown
from segments import exporting

PARTS = ("points", "fit", "engagement", "band", "cell", "stage")
NUMBERS = {"points", "fit", "engagement"}


class ScoreColumns(exporting.Columns):
    """The heads are what conditions call them: score.lead, score.lead.fit …"""

    said = "their scores in each active model: points, fit, engagement, band, cell of the grid, stage"

    def names(self) -> list[str]:
        return [_head(model.key, part) for model in reading.models() for part in PARTS]

    def cells(self, names: list[str], contact_ids: Collection[int], now: datetime) -> dict[int, list[Any]]:
        """By the heads that were written: a model that is switched on or off meanwhile moves no column."""
        return {
            pk: [found.get(name) for name in names]
            for pk, theirs in reading.scores_of(contact_ids, now).items()
            for found in [{_head(key, part): _cell(one, part) for key, one in theirs.items() for part in PARTS}]
        }


def _head(key: str, part: str) -> str:
    return f"score.{key}" if part == "points" else f"score.{key}.{part}"


def _cell(found: reading.Standing, part: str) -> Any:
    value = getattr(found, part)
    return shown.number(value) if part in NUMBERS else value


def register() -> None:
    exporting.COLUMNS.register("scores", ScoreColumns())
