"""What people, steps and the API do to scores: give points, set, reset, take back; move the lifecycle stage."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from scoring.document import Fading
from scoring.models import ScoreChange, ScoreModel

MAX_REASON = 200


class Refused(ValueError):
    """Says in one sentence why that cannot be done."""


@dataclass(frozen=True)
class Deed:
    """`effect` add, set or reset; set and reset concern the engagement part (fit follows what is known of them)."""

    effect: str
    points: int = 0
    reason: str = ""
    fading: Fading = field(default_factory=Fading)
    cause: str = ScoreChange.Cause.HAND


def adjust(
    model: ScoreModel, contact_ids: Collection[int], deed: Deed, now: datetime, by=None,
    hops: Mapping[int, int] | None = None, key: UUID | None = None,
) -> int:  # fmt: skip
    """Do it to these contacts, and tell of bands crossed; returns how many were concerned.

    In the caller's transaction, or one of its own. `hops`: of those whom the engine's own events led here.
    `key`: a second call with it does nothing. Raises Refused (the model is off, the numbers make no sense).
    """
    raise NotImplementedError


def move_stage(
    model: ScoreModel, contact_ids: Collection[int], stage: int, now: datetime, by=None, forced: bool = False,
    hops: Mapping[int, int] | None = None,
) -> int:  # fmt: skip
    """Move to a stage (1: the first; 0, forced: none); forward only unless forced. How many moved. Raises Refused."""
    raise NotImplementedError


def take_back(change: ScoreChange, now: datetime, by=None) -> None:
    """End what was given by hand, step or API; the score follows. Raises Refused for what a rule gave."""
    raise NotImplementedError
