"""When somebody who enters now gets to a step: for the examples beside its settings. Nothing is sent or kept."""

from datetime import datetime, tzinfo

from campaigns.document import Document
from campaigns.flow import ENTRY, Flow, Way
from campaigns.step_kinds import STEP_KINDS

Arrival = tuple[datetime, bool]


def in_words(document: Document, uid: str, now: datetime, zone: tzinfo) -> str:
    """What the step means for somebody who enters now; empty where that cannot be told."""
    step = document.step(uid)
    kind = STEP_KINDS.get(step.kind) if step else None
    found = arrivals(document, now, zone).get(uid)
    if step is None or kind is None or found is None:
        return ""
    arrives, sure = found
    try:
        return kind.from_entry(step.config, arrives, sure, now, zone, document.window)
    except Exception:  # a draft may hold anything; what is wrong with it `problems` say
        return ""


def arrivals(document: Document, now: datetime, zone: tzinfo) -> dict[str, Arrival]:
    """Step → when somebody gets there who enters now, and whether it is sure: else it is the earliest."""
    flow = Flow(document)
    found: dict[str, Arrival] = {ENTRY: (now, True)}
    for uid in flow.main.order[1:]:
        ways = flow.main.into[uid]
        reached = [left for way in ways if (left := _left(flow, way, found, document, zone))]
        if reached:
            times = [at for at, _ in reached]
            alike = len(reached) == len(ways) and min(times) == max(times)
            found[uid] = (min(times), alike and all(sure for _, sure in reached))
    return found


def _left(flow: Flow, way: Way, found: dict[str, Arrival], document: Document, zone: tzinfo) -> Arrival | None:
    """When they leave by the way."""
    came = found.get(way.source)
    if way.source == ENTRY or came is None:
        return came
    at, sure = came
    step = flow.steps[way.source]
    if step.only_if:  # who does not match goes on at once
        return at, False
    kind = STEP_KINDS.get(step.kind)
    try:
        left = kind.goes_on(step.config, way.arm, at, zone, document.window) if kind else at
        return (left, sure and not (kind and kind.may_take_longer(step.config, way.arm))) if left else None
    except Exception:  # the same
        return None
