"""A flow in pixels: where each card stands, how each way runs, where its “+” and its words are."""

from dataclasses import dataclass
from typing import Any

from campaigns.flow import ENTRY, Flow
from campaigns.flow_layout import Drawn, arrange

COLUMN, CARD_WIDTH, CARD_HEIGHT, END_HEIGHT, MARGIN = 272, 240, 98, 30, 24
FAN, PLUS, WORDS, JOIN = 14, 26, 24, 34  # heights inside a gap


@dataclass
class Gap:
    """The space above a row: ways set out, have their words and “+”, merge, and may share one more “+”."""

    top: int = 0
    labelled: bool = False
    merges: bool = False
    joins: bool = False

    @property
    def plus(self) -> int:
        return self.top + FAN + (WORDS + PLUS if self.labelled else 14)

    @property
    def merge(self) -> int:
        return self.plus + 22

    @property
    def back(self) -> int:
        """Ways back run above those that merge, so that both can be followed."""
        return self.merge - 7

    @property
    def join(self) -> int:
        return self.merge + 20

    @property
    def bottom(self) -> int:
        return self.plus + 24 + (12 if self.merges else 0) + (JOIN - 8 if self.joins else 0)


class Picture:
    """What is drawn of a flow."""

    def __init__(self, flow: Flow):
        self.flow, self.block = flow, arrange(flow)
        self.joins = {uid for walk in flow.walks for uid, ways in walk.into.items() if len(ways) > 1}
        self.gaps = [Gap() for _ in range(self.block.rows + 1)]
        self.tops: list[int] = []
        self._measure()

    def _measure(self) -> None:
        heights = [END_HEIGHT] * (self.block.rows + 1)
        for uid, (_, row) in self.block.places.items():
            heights[row] = CARD_HEIGHT
            self.gaps[row].joins |= uid in self.joins
        for drawn in self.block.drawn:
            self.gaps[drawn.knees[0].row].labelled |= bool(drawn.way.label)
            for knee in drawn.knees[1:]:
                self.gaps[knee.row].merges = True
        top = MARGIN
        for row, gap in enumerate(self.gaps):
            gap.top = top
            self.tops.append(gap.bottom if row else top)
            top = self.tops[-1] + heights[row]

    def drawn(self) -> dict[str, Any]:
        """All of it, as the page gets it."""
        lines = [self._line(drawn) for drawn in self.block.drawn]
        bottoms = [self.tops[row] + CARD_HEIGHT for _, row in self.block.places.values()]
        return {
            "width": round(self.block.width * COLUMN) + 2 * MARGIN,
            "height": max([*bottoms, *(self._bottom(line) for line in lines)]) + MARGIN,
            "cards": {uid: self._corner(*place) for uid, place in self.block.places.items()},
            "lines": lines,
            "joins": [{"into": uid, **self._join(uid)} for uid in self.block.places if uid in self.joins],
        }

    def _bottom(self, line: dict[str, Any]) -> int:
        below = END_HEIGHT if line["what"] in ("end", "jump") else 0
        return max(max(y for _, y in line["points"]) + below, line["plus"]["y"] + PLUS // 2)

    def _x(self, column: float) -> int:
        return MARGIN + round(column * COLUMN)

    def _corner(self, column: float, row: int) -> dict[str, int]:
        return {"x": self._x(column) - CARD_WIDTH // 2, "y": self.tops[row], "row": row}

    def _join(self, uid: str) -> dict[str, int]:
        column, row = self.block.places[uid]
        return {"x": self._x(column), "y": self.gaps[row].join}

    def _line(self, drawn: Drawn) -> dict[str, Any]:
        column, row = self.block.places[drawn.way.source]
        points = [[self._x(column), self.tops[row] + CARD_HEIGHT]]
        for knee in drawn.knees:
            gap, x = self.gaps[knee.row], self._x(knee.x)
            y = {"fan": gap.top + FAN, "merge": gap.merge, "back": gap.back}[knee.level]
            points += [[points[-1][0], y], [x, y]]
        points.append([points[-1][0], self._end(drawn)])
        start = self.gaps[drawn.knees[0].row]
        lane = self._x(drawn.knees[0].x)
        words = {"x": lane, "y": start.top + FAN + 8 + WORDS // 2} if drawn.way.label else None
        return {
            "from": drawn.way.source,
            "arm": drawn.way.arm,
            "label": drawn.way.label,
            "to": drawn.way.target,
            "what": drawn.what,
            "points": points,
            "words": words,
            "plus": {"x": lane, "y": start.plus},
        }

    def _end(self, drawn: Drawn) -> int:
        if drawn.what in ("end", "jump"):
            return self.tops[drawn.knees[-1].row]
        return self.tops[self.block.places[drawn.way.target or ENTRY][1]]
