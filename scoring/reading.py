"""Scores as people read them: what contacts have now, who has most, the ledger in words, how a score went.

What fades is computed for the moment that is asked about; nothing here writes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from scoring.models import ScoreChange, ScoreModel


@dataclass(frozen=True)
class Standing:
    """A contact's score in one model at a moment; `band`, `cell` and `stage` in words ("Hot", "A1", "Lead")."""

    points: float
    fit: float
    engagement: float
    band: str
    cell: str
    stage: str
    """Empty: none yet."""


@dataclass(frozen=True)
class Line:
    """One row of the ledger, as the contact page tells it: “+5 clicked a link”, 12 May, now worth 3.1."""

    change: ScoreChange
    title: str
    """Of a rule its name, else the reason or what did it."""
    detail: str
    """What the event was about, such as the page or the link; may be empty."""
    effect: str
    """Of ScoreRule.Effect."""
    points: float
    worth: float
    """At the moment asked about; 0 where it does not count any more."""
    note: str
    """Why it counts less or not at all, or how it fades, in words; may be empty."""


def models() -> list[ScoreModel]:
    """The active models, by name."""
    return list(ScoreModel.objects.active())


def scores_of(contact_ids: Collection[int], now: datetime) -> dict[int, dict[str, Standing]]:
    """Contact → {key of an active model: its standing}, for everybody asked about; a fixed number of queries."""
    raise NotImplementedError


def standings(model: ScoreModel, contact_ids: Collection[int], now: datetime) -> dict[int, Standing]:
    """Contact → standing in one model, for everybody asked about."""
    raise NotImplementedError


def top(model: ScoreModel, now: datetime, limit: int, band: int | None = None) -> list[tuple[int, Standing]]:
    """(contact id, standing) of those with most points, in a band or anywhere."""
    raise NotImplementedError


def ledger(
    model: ScoreModel, contact_id: int, now: datetime, limit: int = 50, before: tuple[datetime, int] | None = None
) -> list[Line]:
    """The newest lines, or those before (at, id) of the last line seen."""
    raise NotImplementedError


def history(
    model: ScoreModel, contact_id: int, since: datetime, now: datetime, points: int = 60
) -> list[tuple[datetime, float]]:
    """(moment, points) at so many moments from `since` to `now`, by the rules as they are."""
    raise NotImplementedError
