"""What the steps are called in which people of a list stand, worked out for the whole page at once."""

from collections.abc import Iterable

from automation.documents import of_versions
from campaigns.canvas import title_of
from campaigns.canvas_limits import numbers_of_rows
from lib import once


def titles(places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """By (version, uid); what a version does not have is left out."""
    asked = set(places)
    documents = of_versions({version for version, _ in asked})
    with once.reading({pk for document in documents.values() for pk in numbers_of_rows(document)}):
        found = {place: documents[place[0]].step(place[1]) for place in asked}
        return {place: title_of(step) for place, step in found.items() if step}
