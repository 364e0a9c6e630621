"""What can be done to a flow: every deed takes a document and gives another one, in which nobody is lost.

A place is a way (`{"from": uid or "", "arm": key}`), or in front of a step, for all who get there (`{"into": uid}`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from campaigns.document import MAX_STEPS, Document, StepDoc, new_uid
from campaigns.flow import ENTRY, Flow, Way, arms_of, ways_of
from campaigns.step_kinds import STEP_KINDS


class CannotBeDone(ValueError):
    """Says in a sentence why a deed is refused."""


class Deed(msgspec.Struct, kw_only=True):
    """One thing done on the canvas: what, to which step, with how much of what follows, and where to."""

    do: str
    uid: str = ""
    kind: str = ""
    at: dict[str, str] = {}
    to: str | None = None
    keep: str | None = None  # the arm whose steps stay when its step is removed; None: none of them
    rest: bool = False  # with everything that only this step leads to


def do(document: Document, deed: Deed) -> tuple[Document, str]:
    """The document after the deed, and the uid of the step to look at next; raises CannotBeDone."""
    document = msgspec.convert(msgspec.to_builtins(document), Document)
    if deed.do not in DEEDS:
        raise CannotBeDone("That cannot be done here; load the page again.")
    shown = DEEDS[deed.do](document, deed)
    if len(document.steps) > MAX_STEPS and deed.do in ("insert", "copy"):
        raise CannotBeDone(f"A campaign has at most {MAX_STEPS} steps; split it.")
    put_in_order(document)
    return document, shown


def put_in_order(document: Document) -> None:
    """The steps as they are read: arms in their order, and what joins below them."""
    if not document.steps:
        return
    flow = Flow(document)
    place = {uid: number for number, uid in enumerate([*flow.main.order, *flow.unreached()])}
    document.steps.sort(key=lambda step: place.get(step.uid, len(place)))


def insert(document: Document, deed: Deed) -> str:
    """A new step on a way; all its arms lead on to what follows, so that nobody's way changes yet."""
    if deed.kind not in STEP_KINDS:
        raise CannotBeDone("There is no such kind of step; load the page again.")
    step = StepDoc(uid=new_uid(), kind=deed.kind)
    leaving = {(step.uid, arm.key) for arm in arms_of(step)}
    _put(document, [step], step.uid, _found(document, deed.at), leaving)
    return step.uid


def remove(document: Document, deed: Deed) -> str:
    """Without the step: what led to it leads to what follows on the arm that is kept, or to where all arms meet."""
    flow = Flow(document)
    gone, before, above = _step(document, deed.uid), flow.main.order, flow.into(deed.uid)
    target = _follower(flow, gone.uid, deed.keep)
    begins = any(way.source == ENTRY for way in above)
    _heal(document, flow, gone.uid, target)
    document.steps.remove(gone)
    left = set() if begins and target is None else set(Flow(document).main.order)
    lost = set(before) - left
    document.steps[:] = [step for step in document.steps if step.uid not in lost]
    for step in document.steps:
        step.next = {arm: None if way in lost else way for arm, way in step.next.items()}
    return target or next((way.source for way in above if way.source != gone.uid), ENTRY)


def _follower(flow: Flow, uid: str, keep: str | None) -> str | None:
    """What comes instead of a step that goes."""
    ways = flow.ways[uid]
    kept = flow.way(uid, keep) if keep is not None else ways[0] if len({way.target for way in ways}) == 1 else None
    target = kept.target if kept else flow.walk_of(uid).meeting(uid)
    return None if target == uid else target


def move(document: Document, deed: Deed) -> str:
    """A step, with its arms up to where they meet (or with all that follows), on another way."""
    flow, before = Flow(document), msgspec.to_builtins(document)
    section = _section(flow, deed.uid, deed.rest)
    if deed.at.get("from") in section.taken or deed.at.get("into") in section.taken:
        raise CannotBeDone("It stands there already, or would go into itself; choose another place.")
    steps = [step for step in document.steps if step.uid in section.taken]
    _heal(document, flow, deed.uid, section.follower)
    document.steps[:] = [step for step in document.steps if step.uid not in section.taken]
    _put(document, steps, deed.uid, _found(document, deed.at), section.leaving)
    put_in_order(document)
    if msgspec.to_builtins(document) == before:
        raise CannotBeDone("It stands there already.")
    return deed.uid


def copy(document: Document, deed: Deed) -> str:
    """The same steps once more, as steps of their own, on another way."""
    section = _section(Flow(document), deed.uid, deed.rest)
    place = _found(document, deed.at)
    names = {uid: new_uid() for uid in section.taken}
    steps = [_renamed(step, names) for step in document.steps if step.uid in section.taken]
    _put(document, steps, names[deed.uid], place, {(names[uid], arm) for uid, arm in section.leaving})
    return names[deed.uid]


def lead(document: Document, deed: Deed) -> str:
    """An arm leads to a step that is there already, or ends."""
    flow = Flow(document)
    if deed.to is not None and deed.to not in flow.steps:
        raise CannotBeDone("That step is not here any more.")
    for way in _found(document, deed.at):
        if way.source == ENTRY and deed.to is None:
            raise CannotBeDone("People begin here: choose the step that comes first.")
        _point(document, way, deed.to)
    return deed.uid or deed.at.get("from", "")


DEEDS: dict[str, Callable[[Document, Deed], str]] = {
    "insert": insert,
    "remove": remove,
    "move": move,
    "copy": copy,
    "lead": lead,
}


def settle_arms(step: StepDoc, before: StepDoc) -> None:
    """After its settings changed: each arm leads where it led; a new one where the last one did."""
    old = {way.arm: way.target for way in ways_of(before)}
    last = next(reversed(old.values()), None)
    step.next = {arm.key: old.get(arm.key, last) for arm in arms_of(step)} | _named(step, before)


def _named(step: StepDoc, before: StepDoc) -> dict[str, str | None]:
    """Ways that only the definition names stay; arms that were removed do not."""
    arms = {arm.key for arm in arms_of(before)} | {"done"}
    return {arm: target for arm, target in before.next.items() if arm not in arms}


def _found(document: Document, at: dict[str, str]) -> list[Way]:
    """The ways that a place stands for."""
    flow = Flow(document)
    if "into" in at:
        ways = flow.into(at["into"])
    else:
        way = flow.way(at.get("from", ""), at.get("arm", "done"))
        ways = [way] if way else []
    if not ways:
        raise CannotBeDone("That place is not here any more; choose another one.")
    return ways


def _step(document: Document, uid: str) -> StepDoc:
    step = document.step(uid)
    if step is None:
        raise CannotBeDone("That step is not here any more.")
    return step


class _Section(NamedTuple):
    """Steps that go together, what follows them, and the (step, arm) that go on to it."""

    taken: set[str]
    follower: str | None
    leaving: set[tuple[str, str]]


def _section(flow: Flow, uid: str, rest: bool) -> _Section:
    if uid not in flow.steps:
        raise CannotBeDone("That step is not here any more.")
    walk = flow.walk_of(uid)
    taken, follower = set(walk.only_from(uid)), walk.meeting(uid)
    if not rest and follower in taken:
        taken -= set(walk.only_from(follower))  # type: ignore[arg-type]
    outward = [way for one in taken for way in walk.ahead[one] if way.target not in taken]
    onward = [way for way in outward if way.target] or outward
    targets = {way.target for way in onward}
    return _Section(taken, targets.pop() if len(targets) == 1 else None, {(way.source, way.arm) for way in onward})


def _heal(document: Document, flow: Flow, uid: str, target: str | None) -> None:
    """What leads to the step leads to the target instead."""
    for way in flow.into(uid):
        _point(document, way, target)


def _point(document: Document, way: Way, target: str | None) -> None:
    if way.source == ENTRY:
        first = [step for step in document.steps if step.uid == target]
        document.steps[:] = [*first, *(step for step in document.steps if step.uid != target)]
        return
    step = document.step(way.source)
    if step:
        step.next = {one.arm: one.target for one in ways_of(step)} | {way.arm: target}


def _put(document: Document, steps: list[StepDoc], head: str, place: list[Way], leaving: set[tuple[str, str]]) -> None:
    """Steps on a way, the head first; the arms that leave them go on to what follows there."""
    if not leaving and place[0].target:
        raise CannotBeDone("No way leads on from it, so it can only stand where a way ends.")
    for step in steps:
        ways = {way.arm: way.target for way in ways_of(step)}
        step.next = ways | {arm: place[0].target for arm in ways if (step.uid, arm) in leaving}
    document.steps.extend(steps)
    for way in place:
        _point(document, way, head)


def _renamed(step: StepDoc, names: dict[str, str]) -> StepDoc:
    """A copy in which the steps that were copied along are meant, where their uids stand in its settings."""
    return msgspec.convert(_replaced(msgspec.to_builtins(step), names), StepDoc)


def _replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value
