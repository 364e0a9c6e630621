"""How a score model stands, in words: on or off, what is being worked out, what waits for somebody."""

from dataclasses import dataclass

from scoring.models import ScoreModel


@dataclass(frozen=True)
class Badge:
    """A short word with its colour (success, info, warning, danger), and the sentence behind it."""

    text: str
    tone: str
    why: str


def badges(model: ScoreModel) -> list[Badge]:
    """What one must know about a model; nothing for one that is as it should be."""
    found = []
    if is_working(model):
        share = progress(model)
        words = "being worked out" if share is None else f"being worked out {share} %"
        found.append(Badge(words, "info", "Everybody's score is worked out by the rules in force."))
    elif why := why_unsettled(model):
        found.append(Badge("stopped", "warning", why))
    if model.draft is not None:
        found.append(Badge("draft waiting", "info", "Somebody is changing the rules; the draft is not in force yet."))
    return found


def is_working(model: ScoreModel) -> bool:
    return model.job is not None and model.job.due_at is not None


def progress(model: ScoreModel) -> int | None:
    """How much of what is under way is done, in percent; None where that cannot be said yet."""
    job = model.job
    if job is None or job.due_at is None or not job.total:
        return None
    return min(100, round(100 * job.done / job.total))


def why_unsettled(model: ScoreModel) -> str:
    """In one sentence, why scores may not be what the rules say; empty if they are."""
    if not model.is_active or model.is_settled or is_working(model):
        return ""
    job = model.job  # the one that stopped may be another: of time, or of a number in a segment
    because = f" ({job.result.rstrip('.')})" if job and job.result and job.state != job.State.DONE else ""
    return f"Not everybody's score follows the rules in force{because}; work them out again."
