"""From a step that is no more to one that still is."""

from campaigns.document import Document, StepDoc
from campaigns.flow import way_on


def is_kept(before: StepDoc | None, new: Document) -> bool:
    """Whether those who stand in a step can go on with it in another version."""
    after = new.step(before.uid) if before else None
    return bool(before and after) and before.kind == after.kind  # type: ignore[union-attr]


def next_kept(old: Document, new: Document, uid: str) -> str | None:
    """The first step after `uid`, on the usual way of the old version, that the new one still has; None: the end."""
    seen: set[str] = set()
    step = old.step(uid)
    while step and step.uid not in seen:
        seen.add(step.uid)
        follower = way_on(step, "done")
        step = old.step(follower) if follower else None
        if is_kept(step, new):
            return step.uid  # type: ignore[union-attr]
    return None
