"""Why somebody fits a condition or does not: the tree with each part true or false, and the values it saw."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Combinable

from contacts.models import Contact
from ops.models import SiteSettings
from segments import conditions
from segments.conditions import GROUPS, Tree, is_empty
from segments.leaves import LEAVES, SUBJECTS, Scope, kind_of
from segments.sql import Sql

AT_ONCE = 300  # a row has at most 1,664 columns
HEADINGS = {"all": "All of these", "any": "At least one of these", "not": "Not so that"}


@dataclass(frozen=True)
class Node:
    """One part of a tree: what it says, whether that is so, what it saw (a leaf), its own parts (a group)."""

    sentence: str
    holds: bool
    seen: str = ""
    group: str = ""
    children: tuple["Node", ...] = ()

    def as_json(self) -> dict[str, Any]:
        node = {"sentence": self.sentence, "holds": self.holds}
        if self.group:
            return node | {"group": self.group, "children": [child.as_json() for child in self.children]}
        return node | {"seen": self.seen}


def explain(tree: Tree, contact_id: int, now: datetime) -> Node | None:
    """Why a contact fits, or not; None if there is no such contact. Raises InvalidCondition."""
    return explain_row(Contact.objects.filter(pk=contact_id), tree, now, only=[contact_id])


def explain_row(
    rows: QuerySet, tree: Tree, now: datetime, event_type: str | None = None, only: Iterable[int] | None = None
) -> Node | None:
    """The same for the one contact, event or enrollment of a queryset; `only`: the contact it is about, if known."""
    subject, moment = rows.model._meta.model_name, now.astimezone(SiteSettings.get().zone)
    conditions.sentence(tree, subject, event_type)  # raises InvalidCondition
    known = list(only) if only is not None else None
    scope = Scope(SUBJECTS[subject], moment, event_type, only=known)
    found = _answers(rows.order_by(), conditions.leaves(tree), scope)
    return None if found is None else _node(tree, scope, iter(found))


def _answers(rows: QuerySet, leaves: list[dict], scope: Scope) -> list[tuple[bool, Any]] | None:
    """Truth and seen value of every leaf, in their order; one query (for each 300 leaves)."""
    found: list[tuple[bool, Any]] = []
    for start in range(0, max(len(leaves), 1), AT_ONCE):
        some = leaves[start : start + AT_ONCE]
        columns = _columns(some, scope)
        row = rows.annotate(**columns).values("pk", *columns).first()
        if row is None:
            return None
        found += [(bool(row[f"_holds_{number}"]), row.get(f"_seen_{number}")) for number in range(len(some))]
    return found


def _columns(leaves: list[dict], scope: Scope) -> dict[str, Combinable]:
    columns: dict[str, Combinable] = {}
    for number, leaf in enumerate(leaves):
        kind = kind_of(leaf)
        assert kind
        columns[f"_holds_{number}"] = Sql("({test})", test=kind.expression(leaf, scope))
        if (seen := kind.seen(leaf, scope)) is not None:
            columns[f"_seen_{number}"] = seen
    return columns


def _node(tree: Tree, scope: Scope, answers) -> Node:
    """Groups follow from their parts: unknown counts as false there, and its complement as true."""
    if tree is None or is_empty(tree):
        return Node("Everyone", True)
    word = next((word for word in GROUPS if word in tree), "")
    if not word:
        holds, seen = next(answers)
        kind = LEAVES[next(key for key, _ in LEAVES.items() if key in tree)]
        return Node(kind.sentence(tree, scope), holds, kind.seen_in_words(tree, seen))
    parts = [tree["not"]] if word == "not" else tree[word]
    children = tuple(_node(part, scope, answers) for part in parts)
    holds = {"all": all, "any": any, "not": _none}[word](child.holds for child in children)
    if len(children) == 1 and word != "not":
        return children[0]
    return Node(HEADINGS[word], holds, group=word, children=children)


def _none(holds: Iterable[bool]) -> bool:
    return not any(holds)
