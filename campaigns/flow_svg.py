"""The picture of a flow as it is printed: nothing to press, drawn by the server for pages that only show it."""

from dataclasses import dataclass, replace
from typing import Any

from campaigns.canvas import described
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import Document
from campaigns.flow import ENTRY, Flow
from campaigns.flow_picture import CARD_HEIGHT, CARD_WIDTH, Picture
from campaigns.head_words import trigger_in_words
from campaigns.step_kinds import STEP_KINDS
from lib import once
from lib.words import capital

CURVE = 10  # how round the corners of a way are
LABEL = 248  # wide
SCALE = 0.8  # of the canvas, where there is more to do with it


@dataclass(frozen=True)
class Card:
    """A step, or the entry, at its place."""

    x: int
    y: int
    icon: str
    label: str
    words: str
    group: str
    uid: str = ENTRY
    mark: "Mark | None" = None


@dataclass(frozen=True)
class Mark:
    """What a picture says about a step besides: how it differs, and who stands there."""

    what: str
    sign: str = ""
    people: str = ""
    said: str = ""


@dataclass(frozen=True)
class Line:
    """A way from card to card, or to the end, with its words in the middle of `label_x`."""

    path: str
    label: str
    label_x: int
    label_y: int
    ends_at: tuple[int, int] | None
    source: str = ENTRY
    arm: str = ""
    target: str | None = None


@dataclass(frozen=True)
class Drawing:
    """Everything of it, in pixels; the cards in the order in which they are read."""

    width: int
    height: int
    cards: list[Card]
    lines: list[Line]
    card_width: int = CARD_WIDTH
    card_height: int = CARD_HEIGHT
    label_width: int = LABEL

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height on the page."""
        return round(self.width * SCALE), round(self.height * SCALE)

    def ways_from(self, card: Card) -> list[str]:
        """Where one gets to from a card, in words, beyond “the next one in the list”."""
        place = {other.uid: number for number, other in enumerate(self.cards)}
        return [said for line in self.lines if line.source == card.uid and (said := self._way(line, place))]

    def _way(self, line: Line, place: dict[str, int]) -> str:
        here, there = place[line.source], place.get(line.target or "", -1) if line.target else None
        if there is None:
            where = "ends here" if line.label or here + 1 < len(self.cards) else ""
        elif there == here + 1 and not line.label:
            where = ""
        else:
            where = f"{'back to' if there <= here else 'on to'} “{self.cards[there].words}”"
        return f"{line.label}: {where}" if line.label else capital(where)


def drawing(document: Document, marks: dict[str, Mark] | None = None) -> Drawing:
    """The flow of a definition, with what is to be marked on its steps."""
    once.expect(lambda: numbers_of_rows(document))
    flow, marks = Flow(document), marks or {}
    drawn = Picture(flow).drawn()
    places = ((uid, drawn["cards"][uid]) for uid in [*flow.main.order, *flow.unreached()])
    cards = [replace(_card(document, uid, place), mark=marks.get(uid)) for uid, place in places]
    return Drawing(drawn["width"], drawn["height"], cards, [_line(line) for line in drawn["lines"]])


def _card(document: Document, uid: str, place: dict[str, int]) -> Card:
    step = document.step(uid) if uid != ENTRY else None
    if step is None:
        words = " ".join(trigger_in_words(trigger) for trigger in document.triggers)
        return Card(place["x"], place["y"], "bolt", "Who enters", words, "entry")
    kind, words = STEP_KINDS.get(step.kind), step.name or described(step)
    icon, label, group = (kind.icon, kind.label, kind.group.lower()) if kind else ("help", step.kind, "")
    return Card(place["x"], place["y"], icon, label, capital(words), group, uid)


def _line(line: dict[str, Any]) -> Line:
    words = line["words"] or {"x": 0, "y": 0}
    end = line["points"][-1]
    ends = (end[0], end[1]) if line["what"] in ("end", "jump") else None
    way = (line["from"], line["arm"], line["to"])
    return Line(_path(line["points"]), line["label"], words["x"] - LABEL // 2, words["y"] - 12, ends, *way)


def _path(points: list[list[int]]) -> str:
    """The points joined, with round corners."""
    points = [point for place, point in enumerate(points) if not place or point != points[place - 1]]
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, (x, y), after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards((x, y), before), _towards((x, y), after)
        parts.append(f"L{start[0]:g} {start[1]:g}Q{x} {y} {end[0]:g} {end[1]:g}")
    return "".join([*parts, f"L{points[-1][0]} {points[-1][1]}"])


def _towards(corner: tuple[int, int], other: list[int]) -> tuple[float, float]:
    """The point at which the corner begins to be round."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    far = abs(dx) + abs(dy)
    share = min(CURVE, far / 2) / far if far else 0
    return corner[0] + dx * share, corner[1] + dy * share
