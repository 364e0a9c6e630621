"""Where everything of a flow stands on the canvas: top to bottom, arms side by side, joined ways below both.

Blocks of columns and rows are built from the inside out. A step stands on top of the lanes of its arms; where
arms join, their lanes stand beside each other above what follows. A lane is kept free down to where its way goes.
"""

from dataclasses import dataclass, field

from campaigns.flow import Flow, Walk, Way

NARROW, CHANNEL = 0.62, 0.3  # columns: a lane without steps, a line that runs beside


@dataclass
class Knee:
    """A way changes its lane to column `x`, in the gap above `row`: when it sets out (fan), or later (merge, back)."""

    x: float
    row: int
    level: str


@dataclass
class Drawn:
    """A way as it runs: from the source's place by its knees to its end. `what`: step, end, back, jump."""

    way: Way
    what: str
    knees: list[Knee] = field(default_factory=list)

    @property
    def x(self) -> float:
        return self.knees[-1].x


@dataclass
class Block:
    """A part of the picture: steps and ends at (column, row), and ways that still lead out at its bottom."""

    width: float
    rows: int
    entry: float
    places: dict[str, tuple[float, int]] = field(default_factory=dict)
    drawn: list[Drawn] = field(default_factory=list)
    open: list[Drawn] = field(default_factory=list)

    def shift(self, x: float, rows: int) -> "Block":
        self.entry += x
        self.places = {key: (column + x, row + rows) for key, (column, row) in self.places.items()}
        for drawn in self.drawn:
            for knee in drawn.knees:
                knee.x, knee.row = knee.x + x, knee.row + rows
        return self

    def take(self, other: "Block") -> None:
        self.places |= other.places
        self.drawn += other.drawn


def arrange(flow: Flow) -> Block:
    """The whole flow; what cannot be reached stands below the rest."""
    whole = Block(0, 0, 0)
    for walk in flow.walks:
        block = _Builder(walk).block(walk.root)
        block.shift(0, whole.rows)
        whole.take(block)
        whole.width, whole.rows = max(whole.width, block.width), whole.rows + block.rows
        whole.entry = whole.entry or block.entry
    return whole


class _Builder:
    """Builds the blocks of one walk."""

    def __init__(self, walk: Walk):
        self.walk = walk
        self.children: dict[str | None, list[str]] = {}
        for node in walk.order:
            self.children.setdefault(walk.parent(node), []).append(node)

    def joins(self, node: str) -> bool:
        return len(self.walk.into.get(node, ())) > 1

    def block(self, node: str) -> Block:
        """A step, its lanes below it, and whatever only it leads to."""
        ways = [*self.walk.ahead[node], *(way for way in self.walk.back if way.source == node)]
        lanes = [self._lane(way) for way in sorted(ways, key=self._arm_order(node))]
        for child in self.children.get(node, ()):
            if self.joins(child):
                lanes = self._joined(lanes, child)
        return self._looped(node, self._on_top(node, _beside(lanes)))

    def _arm_order(self, node: str):
        """Ways that lead back stand outside, on the side on which the line runs up."""
        place = {way: number for number, way in enumerate(self.walk.ahead[node])}
        return lambda way: place.get(way, len(place))

    def _lane(self, way: Way) -> Block:
        drawn = Drawn(way, self._what(way))
        if drawn.what == "step" and way.target and not self.joins(way.target):
            lane = self.block(way.target)
        else:
            stands = drawn.what in ("end", "jump")
            lane = Block(NARROW, 1 if stands else 0, NARROW / 2)
            lane.open = [] if stands else [drawn]
        drawn.knees.append(Knee(lane.entry, 0, "fan"))
        lane.drawn.append(drawn)
        return lane

    def _what(self, way: Way) -> str:
        if way.target is None:
            return "end"
        if way in self.walk.back:
            return "back" if way.target in self.walk.above[way.source] else "jump"
        return "step" if way.target in self.walk.place else "jump"

    def _joined(self, lanes: list[Block], child: str) -> list[Block]:
        """The lanes that lead to the step, beside each other and above it; the others keep their order."""
        into = [lane for lane in lanes if any(drawn.way.target == child for drawn in lane.open)]
        group, below = _beside(into), self.block(child)
        ending = [drawn for drawn in group.open if drawn.way.target == child and drawn.what == "step"]
        middle = (min(drawn.x for drawn in ending) + max(drawn.x for drawn in ending)) / 2
        aside = middle - below.entry
        group.shift(max(0.0, -aside), 0)
        left = max(0.0, aside)
        group.width = max(group.width + max(0.0, -aside), left + below.width)
        below.shift(left, group.rows)
        for drawn in ending:
            drawn.knees.append(Knee(below.entry, group.rows, "merge"))
        passing = [drawn for drawn in group.open if drawn not in ending]
        for drawn in passing:
            if drawn.what != "back" and left - CHANNEL < drawn.x < left + below.width + CHANNEL:
                drawn.knees.append(Knee(group.width + CHANNEL / 2, group.rows, "merge"))
                group.width += CHANNEL
        group.take(below)
        group.open = [*passing, *below.open]
        group.rows += below.rows
        place = lanes.index(into[0])
        rest = [lane for lane in lanes if lane not in into]
        before = [lane for lane in lanes[:place] if lane not in into]
        return [*before, group, *rest[len(before) :]]

    def _on_top(self, node: str, below: Block) -> Block:
        below.shift(0, 1)
        below.rows += 1
        if below.width < 1:
            below.shift((1 - below.width) / 2, 0)
            below.width = 1
        if below.entry < 0.5 or below.width - below.entry < 0.5:
            spare = max(0.0, 0.5 - below.entry)
            below.shift(spare, 0)
            below.width = max(below.width + spare, below.entry + 0.5)
        below.places[node] = (below.entry, 0)
        return below

    def _looped(self, node: str, block: Block) -> Block:
        """Ways that lead back to this step run up on the right of everything that follows from it."""
        for drawn in [drawn for drawn in block.open if drawn.what == "back" and drawn.way.target == node]:
            channel = block.width + CHANNEL / 2
            down = block.places[drawn.way.source][1] + 1
            drawn.knees += [Knee(channel, down, "back"), Knee(block.entry, 0, "back")]
            block.width += CHANNEL
            block.open.remove(drawn)
        return block


def _beside(lanes: list[Block]) -> Block:
    """Lanes side by side; the way in is above the middle of their own."""
    whole = Block(0, 0, 0)
    for lane in lanes:
        lane.shift(whole.width, 0)
        whole.take(lane)
        whole.open += lane.open
        whole.width, whole.rows = whole.width + lane.width, max(whole.rows, lane.rows)
    if lanes:
        whole.entry = (lanes[0].entry + lanes[-1].entry) / 2
    return whole
