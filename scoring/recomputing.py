"""Recomputing: everybody's score from the events as far back as they are kept, in the background."""

from datetime import datetime

from ops.models import Job
from scoring.models import ScoreModel

KIND = "scoring.recompute"


def start(model: ScoreModel, user, now: datetime) -> Job:
    """Queue it; `model.job` is its job. One under way for an older definition stops by itself."""
    raise NotImplementedError


def kept_since() -> datetime | None:
    """Since when events are kept: what happened before stays in the ledger as it is. None: there are no events."""
    raise NotImplementedError
