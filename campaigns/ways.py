"""From a step that is no more to one that still is."""

from campaigns.document import Document, StepDoc
from campaigns.flow import ENTRY, Flow, Way, way_on, ways_of
from campaigns.step_kinds import STEP_KINDS


def is_kept(before: StepDoc | None, new: Document) -> bool:
    """Whether those who stand in a step can go on with it in another version."""
    after = new.step(before.uid) if before else None
    return bool(before and after) and before.kind == after.kind  # type: ignore[union-attr]


def waits_anew(before: StepDoc | None, after: StepDoc | None) -> bool:
    """Whether those who wait in a step would be due at another time by another version of it."""
    kind = STEP_KINDS.get(after.kind) if after else None
    if not (before and after and kind) or before.kind != after.kind or not kind.can_be_due_again:
        return False
    return kind.times(before.config) != kind.times(after.config)


def next_kept(old: Document, new: Document, uid: str) -> str | None:
    """Where those go on who stand in a step that is no more; None: the end.

    Where what led to the step leads now, as the canvas showed it when the step was taken out; where that tells nothing,
    the first step after it on the usual way that the new version still has.
    """
    flow = Flow(old)
    if uid not in flow.steps:
        return None
    ahead = _ahead(flow, uid)
    for way in _ways_in(flow, new, uid):
        leads = _leads_now(new, way)
        # Nobody is led back, or over to a branch that is not theirs.
        if leads and (leads.target is None or leads.target in ahead or old.step(leads.target) is None):
            return leads.target
    return next_in_both(old, new, uid)


def _ahead(flow: Flow, uid: str) -> set[str]:
    """The steps that can be reached from there without going back."""
    walk, found, left = flow.walk_of(uid), set(), [uid]
    while left:
        for way in walk.ahead[left.pop()]:
            if way.target and way.target in walk.ahead and way.target not in found:
                found.add(way.target)
                left.append(way.target)
    return found


def _ways_in(flow: Flow, new: Document, uid: str) -> list[Way]:
    """The ways by which people came there from steps that are still there; those between are no more, either."""
    walk = flow.walk_of(uid)
    found, seen, left = [], {uid}, [uid]
    while left:
        for way in walk.into.get(left.pop(0), ()):
            if way.source == ENTRY or is_kept(flow.steps[way.source], new):
                found.append(way)
            elif way.source not in seen:
                seen.add(way.source)
                left.append(way.source)
    return found


def _leads_now(new: Document, way: Way) -> Way | None:
    """The same way out in the new version; None: it has no such way."""
    if way.source == ENTRY:
        return Way(ENTRY, way.arm, target=new.steps[0].uid if new.steps else None)
    source = new.step(way.source)
    return next((one for one in ways_of(source) if one.arm == way.arm), None) if source else None


def next_in_both(old: Document, new: Document, uid: str) -> str | None:
    """The first step after it, on the usual way of the old version, that the new one has as well; None: the end."""
    seen: set[str] = set()
    step = old.step(uid)
    while step and step.uid not in seen:
        seen.add(step.uid)
        follower = way_on(step, "done")
        step = old.step(follower) if follower else None
        if is_kept(step, new):
            return step.uid  # type: ignore[union-attr]
    return None
