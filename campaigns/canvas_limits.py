"""How large a definition may be to be drawn: what is larger is told in a sentence, not worked on for minutes."""

from collections.abc import Iterator
from typing import Any

from campaigns.document import MAX_STEPS, Document, to_json
from campaigns.flow import arms_of

STEPS, WAYS, BESIDES, PARTS = MAX_STEPS * 2, 1_000, 100, 20_000
ROWS = ("template", "segment", "campaign")  # keys under which definitions hold the number of a row
HIGHEST = 2**31


def too_large(document: Document) -> str:
    """Why the document is not drawn; empty where it is."""
    if len(document.steps) > STEPS:
        return f"A campaign has at most {MAX_STEPS} steps; split it."
    if len(document.triggers) + len(document.exits) + len(document.goals) > BESIDES:
        return f"A campaign has at most {BESIDES} triggers, reasons to leave and goals; remove some."
    if sum(1 for _ in parts(document)) > PARTS:
        return "This campaign says more than can be drawn; split it, or put long conditions into segments."
    if sum(max(len(step.next), len(arms_of(step))) for step in document.steps) > WAYS:
        return f"The steps of a campaign have at most {WAYS:,} ways out of them; remove some, or split it."
    return ""


def parts(document: Document) -> Iterator[dict[str, Any] | list[Any]]:
    """Every list and every group of settings in it, however deep."""
    left: list[Any] = [to_json(document)]
    while left:
        part = left.pop()
        yield part
        left += [one for one in (part.values() if isinstance(part, dict) else part) if isinstance(one, dict | list)]


def numbers_of_rows(document: Document) -> set[int]:
    """The numbers of the rows that it names."""
    named = [part[key] for part in parts(document) if isinstance(part, dict) for key in ROWS if key in part]
    return {pk for pk in named if type(pk) is int and 0 < pk < HIGHEST}
