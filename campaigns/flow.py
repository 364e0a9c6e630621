"""A definition as a flow: which way leads where, what joins again, what leads back, and what nobody gets to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from campaigns.document import Document, StepDoc
from campaigns.step_kinds import DONE, STEP_KINDS, Arm

ENTRY = ""  # where the way to the first step begins
END = "\0end"


@dataclass(frozen=True)
class Way:
    """A way out of a step, or in from the entry; `target` None: it ends there."""

    source: str
    arm: str
    label: str = ""
    target: str | None = None


def way_on(step: StepDoc, arm: str) -> str | None:
    """Where an arm leads; one that leads nowhere of its own takes the usual way."""
    kind = STEP_KINDS.get(step.kind)
    for key in (arm, kind.wider(arm)) if kind else (arm,):
        if key in step.next:
            return step.next[key]
    return step.next.get("done", step.next.get(arms_of(step)[-1].key))


def arms_of(step: StepDoc) -> list[Arm]:
    """The ways out that a step has, whatever its configuration; never none."""
    kind = STEP_KINDS.get(step.kind)
    try:
        return (kind.arms(step.config) if kind else []) or [DONE]
    except Exception:  # a draft may hold anything; what is wrong with it `problems` say
        return [DONE]


def ways_of(step: StepDoc) -> list[Way]:
    """The ways out of a step, those included that only its definition names."""
    arms = arms_of(step)
    own = {arm.key for arm in arms}
    named = [Arm(key, key.replace("_", " ")) for key in step.next if key not in own and key != "done"]
    return [Way(step.uid, arm.key, arm.label, way_on(step, arm.key)) for arm in [*named, *arms]]


def ways_by_arm(step: StepDoc) -> dict[str, str]:
    """Of every arm by which somebody may leave the step: which of the ways that are drawn they take."""
    kind, drawn = STEP_KINDS.get(step.kind), [way.arm for way in ways_of(step)]
    found = {arm: arm for arm in drawn}
    for arm in [*_outcomes(step), "skipped"]:
        wider = kind.wider(arm) if kind else "done"
        found.setdefault(arm, next((key for key in (wider, "done") if key in drawn), drawn[-1]))
    return found


def _outcomes(step: StepDoc) -> list[str]:
    kind = STEP_KINDS.get(step.kind)
    try:
        return [arm.key for arm in kind.outcomes(step.config)] if kind else []
    except Exception:  # a draft may hold anything; what is wrong with it `problems` say
        return []


@dataclass
class Walk:
    """What can be reached from a root: in the order in which it is read, without the ways that lead back."""

    root: str
    order: list[str] = field(default_factory=list)
    back: set[Way] = field(default_factory=set)
    ahead: dict[str, list[Way]] = field(default_factory=dict)
    into: dict[str, list[Way]] = field(default_factory=dict)

    @cached_property
    def above(self) -> dict[str, set[str]]:
        """Node → the nodes that everybody passed who gets there, itself included."""
        found: dict[str, set[str]] = {}
        for node in self.order:
            before = [found[way.source] for way in self.into.get(node, ())]
            found[node] = {node} | (set.intersection(*before) if before else set())
        return found

    @cached_property
    def below(self) -> dict[str, set[str]]:
        """Node → the nodes that everybody passes who goes on from there, itself and the end included."""
        found: dict[str, set[str]] = {END: {END}}
        for node in reversed(self.order):
            inside = set(self.order)
            after = [found[way.target if way.target in inside else END] for way in self.ahead[node]]
            found[node] = {node} | (set.intersection(*after) if after else {END})
        return found

    @cached_property
    def place(self) -> dict[str, int]:
        return {node: place for place, node in enumerate(self.order)}

    def only_from(self, node: str) -> list[str]:
        """The nodes that nobody reaches but by this one, itself included, in order."""
        return [other for other in self.order if node in self.above[other]]

    def meeting(self, node: str) -> str | None:
        """Where all ways out of a node meet again."""
        shared = [other for other in self.below[node] if other not in (node, END)]
        return min(shared, key=self.place.__getitem__) if shared else None

    def parent(self, node: str) -> str | None:
        """The last node that everybody passed who gets there."""
        before = self.above[node] - {node}
        return max(before, key=self.place.__getitem__) if before else None


class Flow:
    """The ways of a document, read once. What cannot be reached from the entry makes walks of its own."""

    def __init__(self, document: Document):
        self.steps: dict[str, StepDoc] = {}
        for step in document.steps:
            self.steps.setdefault(step.uid, step)
        self.steps.pop(ENTRY, None)
        first = next(iter(self.steps), None)
        self.ways = {ENTRY: [Way(ENTRY, "done", "", first)]} | {
            uid: [self._known(way) for way in ways_of(step)] for uid, step in self.steps.items()
        }

    def _known(self, way: Way) -> Way:
        return way if way.target in self.steps else Way(way.source, way.arm, way.label)

    @cached_property
    def walks(self) -> list[Walk]:
        found: list[Walk] = []
        seen: set[str] = set()
        for root in [ENTRY, *self._roots()]:
            if root not in seen:
                walk = self._walk(root, seen)
                seen |= set(walk.order)
                found.append(walk)
        return found

    def _roots(self) -> Iterable[str]:
        """Steps that nothing leads to come first: what follows them is drawn below them."""
        reached = {way.target for ways in self.ways.values() for way in ways if way.target != way.source}
        return sorted(self.steps, key=lambda uid: uid in reached)

    @property
    def main(self) -> Walk:
        return self.walks[0]

    def walk_of(self, uid: str) -> Walk:
        return next(walk for walk in self.walks if uid in walk.place)

    def unreached(self) -> list[str]:
        return [uid for walk in self.walks[1:] for uid in walk.order]

    def into(self, uid: str) -> list[Way]:
        """Every way that leads to a step."""
        return [way for ways in self.ways.values() for way in ways if way.target == uid]

    def way(self, source: str, arm: str) -> Way | None:
        return next((way for way in self.ways.get(source, ()) if way.arm == arm), None)

    def _walk(self, root: str, seen: set[str]) -> Walk:
        """Depth first, last arm first: backwards, what was left is in the order of the arms."""
        walk, left, open_, known = Walk(root), [], {root}, {root} | seen
        stack = [(root, iter(reversed(self.ways[root])))]
        while stack:
            node, ways = stack[-1]
            way = next(ways, None)
            if way is None:
                stack.pop()
                open_.discard(node)
                left.append(node)
            elif way.target in open_:
                walk.back.add(way)
            elif way.target and way.target not in known:
                known.add(way.target)
                open_.add(way.target)
                stack.append((way.target, iter(reversed(self.ways[way.target]))))
        walk.order = left[::-1]
        for node in walk.order:
            walk.ahead[node] = [way for way in self.ways[node] if way not in walk.back]
            for way in walk.ahead[node]:
                if way.target and way.target not in seen:
                    walk.into.setdefault(way.target, []).append(way)
        return walk
