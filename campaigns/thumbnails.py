"""A campaign in the list: its flow as a small picture, from left to right and without words, and what it is."""

from dataclasses import dataclass

from campaigns import linear
from campaigns.document import Document
from campaigns.flow import ENTRY, Flow
from campaigns.flow_picture import CARD_HEIGHT, CARD_WIDTH, Picture
from campaigns.numbers import MAIL_KINDS

MOST = 40  # steps: with more of them nothing could be told from so small a picture
SIZE, MARGIN = 110, 70


@dataclass(frozen=True)
class Thumbnail:
    """Dots and ways; `dots` are (x, y, whether it mails)."""

    width: int
    height: int
    dots: list[tuple[int, int, bool]]
    ways: list[str]
    size: int = SIZE


def thumbnail(document: Document) -> Thumbnail | None:
    """None where there is nothing to see, or too much."""
    if not 0 < len(document.steps) <= MOST:
        return None
    drawn = Picture(Flow(document)).drawn()
    mails = {step.uid for step in document.steps if step.kind in MAIL_KINDS}
    places = {uid: (at["y"] + CARD_HEIGHT // 2, at["x"] + CARD_WIDTH // 2) for uid, at in drawn["cards"].items()}
    dots = [(x - SIZE // 2, y - SIZE // 2, uid in mails) for uid, (x, y) in places.items() if uid != ENTRY]
    ways = [_way(line["points"]) for line in drawn["lines"] if line["from"] != ENTRY and line["what"] != "end"]
    begins = min(x for x, _, _ in dots) - MARGIN
    dots = [(x - begins, y, mail) for x, y, mail in dots]
    moved = [f"M{' L'.join(f'{x - begins} {y}' for x, y in way)}" for way in ways]
    return Thumbnail(drawn["height"] - begins, drawn["width"], dots, moved)


def _way(points: list[list[int]]) -> list[tuple[int, int]]:
    """From top to bottom becomes from left to right."""
    return [(y, x) for x, y in points]


def shape(document: Document) -> str:
    """What marketers call a campaign that is built so."""
    if any(trigger.kind == "broadcast" for trigger in document.triggers):
        return "Broadcast"
    return "Workflow" if linear.rows(document) is None else "Sequence"


def steps_in_brief(document: Document) -> str:
    count = len(document.steps)
    return "1 step" if count == 1 else f"{count} steps"
