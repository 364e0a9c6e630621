"""The leaf that takes a stable part of everyone: {"sample": 10, "of": "spring offer"}.

Each contact has a place between 0 and 100 in every text's order, by a hash of both: who is among 10 % is
also among 20 % of the same text, and the samples of two texts have nothing to do with each other.
"""

from collections.abc import Iterator
from typing import Any

from django.db.models import Value
from django.db.models.expressions import Combinable

from segments.fields import as_json
from segments.leaves import AT_ANY_TIME, LeafKind, Problem, Scope, joined_path, superfluous
from segments.sql import Sql
from segments.values import Unreadable, read_number, read_text, word_number, word_text

# The first four bytes of the hash: a place among 2^32.
PLACE = "('x' || left(encode(sha256(convert_to({text} || ':' || {contact}, 'UTF8')), 'hex'), 8))::bit(32)::bigint"
PLACES = 2**32


class SampleLeaf(LeafKind):
    """Whoever is in stays in: nothing that is written, and no time that passes, changes it."""

    key = "sample"

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        try:
            fits = 0 <= read_number(leaf["sample"], AT_ANY_TIME) <= 100
        except Unreadable:
            fits = False
        if not fits:
            yield Problem(joined_path(path, "sample"), "Write how many of a hundred, from 0 to 100, such as 10.")
        try:
            _text(leaf)
        except Unreadable as fault:
            yield Problem(joined_path(path, "of"), str(fault).replace("to compare with", "that names the sample"))
        yield from superfluous(leaf, {"sample", "of"}, path)

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        edge = read_number(leaf["sample"], AT_ANY_TIME) * PLACES / 100
        return Sql("({place} < {edge})", place=_place(leaf, scope), edge=Value(edge))

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        of = f" of {word_text(leaf['of'])}" if _text(leaf) else ""
        return f"they are among a random {word_number(leaf['sample'])} %{of}"

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        return []

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        yield from ()

    def seen(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        return as_json(Sql(f"round({{place}} * 100.0 / {PLACES}, 2)", place=_place(leaf, scope)))

    def seen_in_words(self, leaf: dict[str, Any], value: Any) -> str:
        return f"place {value} of 100"


def _text(leaf: dict[str, Any]) -> str:
    given = leaf.get("of")
    if given in (None, ""):
        return ""
    if not isinstance(given, str):
        raise Unreadable("Write a text to compare with.")
    return read_text(given, AT_ANY_TIME)


def _place(leaf: dict[str, Any], scope: Scope) -> Combinable:
    return Sql(PLACE, text=Value(_text(leaf)), contact=scope.contact_id)
