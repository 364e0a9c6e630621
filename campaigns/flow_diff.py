"""The difference between two definitions as pictures: before and after, each step with its mark and its people."""

from dataclasses import dataclass

from campaigns.canvas_limits import too_large
from campaigns.document import Document
from campaigns.flow_svg import Card, Drawing, Mark, drawing
from campaigns.impact import StepChange

SIGNS = {"added": "+", "removed": "−", "replaced": "⇅", "changed": "≠", "leads": "⤳"}
WORDS = {
    "added": "new",
    "removed": "removed",
    "replaced": "another kind of step",
    "changed": "changed",
    "leads": "leads elsewhere",
}
BESIDE = 430  # pixels: two of them stand beside each other
FATES = {"removed": "to be decided", "wait": "keep their time, or anew"}


@dataclass(frozen=True)
class Side:
    """One of the two pictures."""

    title: str
    drawing: Drawing
    told: str
    """What it shows, for whoever does not see it."""


@dataclass(frozen=True)
class Stop:
    """A card of both pictures, as a list tells it."""

    card: Card
    ways: list[str]


@dataclass(frozen=True)
class Pictures:
    """Both, or one where there is nothing to compare with, and what their marks mean."""

    sides: list[Side]
    legend: list[tuple[str, str, str]]

    @property
    def stops(self) -> list[Stop]:
        """The same as one list, for a phone: as it will be, and what is removed where it stood."""
        after = self.sides[-1].drawing
        found = [Stop(card, after.ways_from(card)) for card in after.cards]
        for side in self.sides[:-1]:
            for before, card in zip(side.drawing.cards, side.drawing.cards[1:], strict=False):
                uids = [stop.card.uid for stop in found]
                if card.uid not in uids:
                    found.insert(uids.index(before.uid) + 1, Stop(card, []))
        return found

    @property
    def wide(self) -> bool:
        """Whether they stand below each other: side by side nothing could be read any more."""
        return any(side.drawing.shown[0] > BESIDE for side in self.sides)


def pictures(old: Document, new: Document, changes: list[StepChange], people: bool = False) -> Pictures | None:
    """None where the flow is the same, or too large to be drawn. With `people` each step tells who stands there."""
    found = {change.uid: _what(change) for change in changes}
    shown = [what for what in SIGNS if what in found.values()]
    if not shown or too_large(old) or too_large(new):
        return None
    crowds = {change.uid: _people(change) for change in changes} if people else {}
    both = [("Before", old), ("After", new)]
    sides = [_side(title, document, found, crowds) for title, document in both if document.steps]
    return Pictures(sides, [(what, SIGNS[what], WORDS[what]) for what in shown])


def _what(change: StepChange) -> str:
    return "leads" if change.what == "same" and change.ways_change else change.what


def _people(change: StepChange) -> str:
    """Who waits in a step, and what becomes of them, in as few words as a picture has room for."""
    return f"{change.waiting.count:,} here: {FATES.get(change.asks, 'stay')}" if change.waiting else ""


def _side(title: str, document: Document, found: dict[str, str], crowds: dict[str, str]) -> Side:
    marks = {
        step.uid: Mark(
            what := found.get(step.uid, "same"), SIGNS.get(what, ""), crowds.get(step.uid, ""), WORDS.get(what, "")
        )
        for step in document.steps
    }
    kinds = [mark.what for mark in marks.values()]
    told = [f"{kinds.count(what)} {words}" for what, words in WORDS.items() if what in kinds]
    return Side(title, drawing(document, marks), f"{title}: {', '.join(told) or 'every step stays'}")
