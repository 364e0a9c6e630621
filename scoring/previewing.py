"""Previewing: what a draft would do to everybody's score, without doing it.

`ScorePreview.outcome`:
{"people": contacts with a score before or after, "moved": how many change band,
 "bands": [[before, after, how many], …] by place,
 "examples": [{"contact": id, "before": points, "after": points, "band_before": place, "band_after": place}, …] (≤ 20),
 "edges": the lower edges of the histogram's columns, "before": [how many, …], "after": [how many, …]}
"""

from datetime import datetime

from ops.models import Job
from scoring.models import ScoreModel

KIND = "scoring.preview"


def start(model: ScoreModel, user, now: datetime) -> Job:
    """Queue a preview of `model.draft`; `model.preview` is its row, ready when `made_at` is set."""
    raise NotImplementedError
