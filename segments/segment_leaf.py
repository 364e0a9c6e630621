"""The leaf that asks who is in another segment now: {"segment": 12}; outside it: {"not": {"segment": 12}}."""

from collections.abc import Iterator
from typing import Any

from django.db.models.expressions import Combinable

from lib.words import in_plain_words
from segments.fields import as_json
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted, superfluous
from segments.models import Membership, Segment
from segments.sql import some

HIGHEST = 2**63 - 1
MOVES = ("segment.entered", "segment.left")  # events whose property “segment” is the id of one


class SegmentLeaf(LeafKind):
    """Rests on the memberships as they are kept, so it costs one look into an index a contact."""

    key = "segment"

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        number, place = leaf["segment"], joined_path(path, "segment")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number <= HIGHEST:
            yield Problem(place, "Choose a segment.")
        elif scope.asks_database and number not in names(scope):
            yield Problem(place, f"There is no segment {number} any more; choose another one.")
        yield from superfluous(leaf, {"segment"}, path)

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        return some(_stays(leaf, scope))

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        name = names(scope).get(leaf["segment"])
        return f"they are in the segment {quoted(name)}" if name else "they are in a segment that was deleted"

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        return []

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        yield f"segment:{leaf['segment']}"

    def seen(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        return as_json(_stays(leaf, scope).values("entered_at")[:1])

    def seen_in_words(self, leaf: dict[str, Any], value: Any) -> str:
        return f"in it since {in_plain_words(value)}" if value else "not in it"

    def vanished(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        if leaf["segment"] not in names(scope):
            yield f"The segment {leaf['segment']} was deleted; nobody is in it."


def _stays(leaf: dict[str, Any], scope: Scope):
    theirs = scope.narrowed(Membership.objects.current().filter(contact=scope.contact_outside))
    return theirs.filter(segment=leaf["segment"])


def names(scope: Scope) -> dict[int, str]:
    """The segments by their ids, looked up once for the whole tree."""
    if "segments" not in scope.memo:
        scope.memo["segments"] = dict(Segment.objects.values_list("pk", "name"))
    return scope.memo["segments"]
