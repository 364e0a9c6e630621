"""The leaf that asks for one thing and then another: {"sequence": [{"event": A}, {"event": B}], "within": …}."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

from lib.durations import in_words
from segments import happened, timeframes
from segments.event_leaf import unknown_keys
from segments.fields import JsonField, UnknownField, property_of
from segments.leaves import LeafKind, Problem, Scope, joined_path
from segments.operands import read_span
from segments.sql import Json, Sql, exists
from segments.timeframes import Window
from segments.values import Unreadable

Leaf = dict[str, Any]
DID, DID_NOT = "did", "did not"
# As texts are compared: without case; a number is the text of its shortest form, so that 18.0 is “18”.
_SAME = "CASE jsonb_typeof({j}) WHEN 'number' THEN trim_scale(({j})::numeric)::text ELSE lower(dripline_text({j})) END"


class SequenceLeaf(LeafKind):
    """Did A, and then did (or did not do) B within a time after it.

    Of two events at the same time the one that was recorded later comes after the other: what arrives in one
    request may well be dated alike. “Did not” becomes true when the time is over.
    """

    key = "sequence"
    reads_events = True
    keys = {"sequence", "then", "within", "same", "when"}
    part_keys = {"event", "where"}

    def problems(self, leaf: Leaf, path: str, scope: Scope) -> Iterator[Problem]:
        yield from self._part_problems(leaf["sequence"], joined_path(path, "sequence"), scope)
        if leaf.get("then") not in (None, DID, DID_NOT):
            yield Problem(joined_path(path, "then"), "Write “did” or “did not”.")
        try:
            read_span(leaf.get("within"))
        except Unreadable as fault:
            yield Problem(joined_path(path, "within"), str(fault))
        yield from _same_problems(leaf.get("same"), joined_path(path, "same"))
        yield from timeframes.problems(leaf.get("when"), path, scope)
        yield from unknown_keys(leaf, self.keys, path)

    def _part_problems(self, parts: Any, path: str, scope: Scope) -> Iterator[Problem]:
        if not isinstance(parts, list) or len(parts) != 2:
            yield Problem(path, "Write two events: what they did first, and what came then.")
            return
        for number, part in enumerate(parts):
            here = f"{path}[{number}]"
            if not isinstance(part, dict):
                yield Problem(here, "Choose what happened, such as order.completed.")
                continue
            yield from happened.problems(part, here, scope)
            yield from unknown_keys(part, self.part_keys, here)

    def expression(self, leaf: Leaf, scope: Scope) -> Combinable:
        return exists(scope.contact_id, _firsts(leaf, scope).values("contact_id"))

    def sentence(self, leaf: Leaf, scope: Scope) -> str:
        first, then = leaf["sequence"]
        done = f"{happened.words(first)}{timeframes.words(leaf.get('when'))}{happened.words_of_where(first, scope)}"
        deed = happened.words(then).replace("they", "then never" if _is_negative(leaf) else "then", 1)
        within = in_words(read_span(leaf["within"]))
        same = _words_of_same(leaf.get("same"))
        return f"{done} and {deed} within {within} of it{same}{happened.words_of_where(then, scope)}"

    def paths(self, leaf: Leaf) -> list[str]:
        return []

    def typed(self, leaf: Leaf, scope: Scope) -> Leaf:
        return {**leaf, "sequence": [happened.typed(part, scope) for part in leaf["sequence"]]}

    def reads(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        yield from dict.fromkeys(f"event:{part['event']}" for part in leaf["sequence"])

    def turns(self, leaf: Leaf, scope: Scope, since: datetime) -> Iterator[QuerySet]:
        first, then = leaf["sequence"]
        edges = timeframes.window(leaf.get("when"), scope).edges
        if _is_negative(leaf):
            edges += (read_span(leaf["within"]),)
        yield from happened.turns(first, edges, scope, since)
        yield from happened.turns(then, (), scope, since)

    def turns_at_midnight(self, leaf: Leaf, scope: Scope) -> bool:
        moving = any(happened.turns_at_midnight(part) for part in leaf["sequence"])
        return moving or timeframes.turns_at_midnight(leaf.get("when"), scope)

    def seen(self, leaf: Leaf, scope: Scope) -> Combinable:
        """When they last did the first thing so."""
        its = _firsts(leaf, scope).filter(contact_id=OuterRef(f"{scope.subject.contact}pk"))
        return Json("to_jsonb({at})", at=Subquery(its.order_by("-occurred_at").values("occurred_at")[:1]))

    def vanished(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        same = leaf.get("same") or ["", ""]
        for part, name in zip(leaf["sequence"], same, strict=True):
            yield from happened.vanished(part, scope, *([name] if name else []))


def _is_negative(leaf: Leaf) -> bool:
    return leaf.get("then") == DID_NOT


def _same_problems(same: Any, path: str) -> Iterator[Problem]:
    if same in (None, []):
        return
    if not isinstance(same, list) or len(same) != 2:
        yield Problem(path, "Write two properties: one of the first event, and the one of the second that equals it.")
        return
    for number, name in enumerate(same):
        try:
            property_of(name, None)
        except UnknownField as fault:
            yield Problem(f"{path}[{number}]", str(fault))


def _words_of_same(same: list[str] | None) -> str:
    if not same:
        return ""
    first, then = (property_of(name, None).label for name in same)
    return f" with the same {first}" if first == then else f" with a {then} that is the first one’s {first}"


# --- SQL ---


def _firsts(leaf: Leaf, scope: Scope) -> QuerySet:
    """The first events that were followed as asked; its window also bounds where the second ones lie."""
    first, then = leaf["sequence"]
    window = timeframes.window(leaf.get("when"), scope)
    within = read_span(leaf["within"])
    rows = happened.rows(first, window, scope)
    start = window.start if isinstance(window.start, datetime) else None
    followed = Exists(happened.rows(then, Window(start), scope).filter(*_after(leaf, Value(within))))
    if _is_negative(leaf):
        return rows.filter(~followed, occurred_at__lt=scope.instant - within)
    return rows.filter(followed)


def _after(leaf: Leaf, within: Value) -> Iterator[Q | Sql]:
    yield Q(contact_id=OuterRef("contact_id"))
    places = {"at": F("occurred_at"), "id": F("pk"), "first": OuterRef("occurred_at"), "first_id": OuterRef("pk")}
    yield Sql("({at}, {id}) > ({first}, {first_id}) AND {at} <= {first} + {within}", within=within, **places)
    if same := leaf.get("same"):
        first, then = (property_of(name, None) for name in same)
        its, own = _comparable(OuterRef("properties"), first), _comparable(F("properties"), then)
        yield Sql("{own} = {its}", own=own, its=its)


def _comparable(properties: Combinable, property_: JsonField) -> Sql:
    return Sql(_SAME, j=Sql("({c} #> {keys}::text[])", c=properties, keys=Value(list(property_.keys))))
