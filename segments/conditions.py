"""The condition language: one tree, one evaluator (SQL), one sentence. docs/conditions.md describes it.

A tree is {"all": […]}, {"any": […]}, {"not": {…}} or a leaf; nothing, {} and {"all": []} mean everyone.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.expressions import Combinable

from segments.leaves import LEAVES, SUBJECTS, Problem, Scope, joined_path, kind_of
from segments.sql import Sql, complement, joined

__all__ = [
    "InvalidCondition", "Problem", "compiled", "in_words", "leaves", "matching", "paths", "reads", "sentence",
    "turning", "typed", "validate",
]  # fmt: skip

MAX_DEPTH, MAX_NODES, MAX_PROBLEMS = 20, 1_000, 50
MAX_DEAR, MAX_FILTERS = 50, 100  # leaves that read events; parts of the filter of one of them
GROUPS = {"all": "AND", "any": "OR", "not": ""}
DENIAL = "it is not true that "
CONTACT = F("pk")  # the contact's own key, where contacts are asked
Tree = dict[str, Any] | None


class InvalidCondition(ValueError):
    """A condition that cannot be evaluated; `problems` says where and why."""

    def __init__(self, problems: list[Problem]):
        super().__init__(problems[0].sentence)
        self.problems = problems


def validate(tree: object, subject: str, event_type: str | None = None) -> list[Problem]:
    """What is wrong with a tree of any shape, in plain sentences: empty if nothing is. Never raises."""
    return _checked(tree, Scope(SUBJECTS[subject], event_type=event_type, asks_database=True))


def compiled(
    tree: Tree, subject: str, now: datetime, event_type: str | None = None, only: Collection[int] | None = None
) -> Combinable:
    """The tree as an expression for `filter()`, `When()` or `annotate()`; raises InvalidCondition.

    Dates are compared with `now`, days are those of its time zone. The complement is `~compiled(…)`.
    Where the question is about some contacts only, `only` spares reading everybody's events.
    """
    scope = Scope(SUBJECTS[subject], now, event_type, only=only)
    if problems := _checked(tree, scope):
        raise InvalidCondition(problems)
    return _expression(tree, scope)


def matching(queryset: QuerySet, tree: Tree, now: datetime, only: Collection[int] | None = None) -> QuerySet:
    """The contacts, events or enrollments of the queryset for which the tree is true; one query.

    `only`: the contacts to whom all of them belong.
    """
    return queryset.filter(compiled(tree, queryset.model._meta.model_name, now, only=only))


def sentence(tree: Tree, subject: str, event_type: str | None = None) -> str:
    """Half a sentence, such as: their plan is “pro” and their age is at least 18. Raises InvalidCondition."""
    scope = Scope(SUBJECTS[subject], event_type=event_type)
    if problems := _checked(tree, scope):
        raise InvalidCondition(problems)
    return _sentence(tree, scope)


def in_words(tree: Tree, subject: str, event_type: str | None = None) -> str:
    """The sentence; of a tree that was written before its fields changed, that it cannot be read."""
    try:
        return sentence(tree, subject, event_type)
    except InvalidCondition:
        return "a condition holds that can no longer be read"


def paths(tree: Tree) -> list[str]:
    """The fields that a tree reads, each once, in their order."""
    return list(dict.fromkeys(path for leaf in _leaves(tree) for path in LEAVES[_key(leaf)].paths(leaf)))


def reads(tree: Tree, subject: str) -> set[str]:
    """What must be written for the tree's answer to change (segments.reading); of a tree without problems."""
    scope = Scope(SUBJECTS[subject])
    return {token for leaf in _leaves(tree) for token in LEAVES[_key(leaf)].reads(leaf, scope)}


def turning(tree: Tree, since: datetime, now: datetime) -> list[QuerySet]:
    """Contact ids, in querysets, of those who may be in or out since `since` because time has passed."""
    scope = Scope(SUBJECTS["contact"], now)
    return [rows for leaf in _leaves(tree) for rows in LEAVES[_key(leaf)].turns(leaf, scope, since)]


def turns_at_midnight(tree: Tree) -> bool:
    scope = Scope(SUBJECTS["contact"])
    return any(LEAVES[_key(leaf)].turns_at_midnight(leaf, scope) for leaf in _leaves(tree))


def vanished(tree: Tree, subject: str) -> list[str]:
    """What a saved tree names that is not there any more, a sentence each."""
    scope = Scope(SUBJECTS[subject], asks_database=True)
    found = (sentence for leaf in _leaves(tree) for sentence in LEAVES[_key(leaf)].vanished(leaf, scope))
    return list(dict.fromkeys(found))


def leaves(tree: Tree) -> list[dict[str, Any]]:
    """The leaves of a tree, in their order."""
    return list(_leaves(tree))


def typed(tree: Tree, subject: str, event_type: str | None = None) -> Tree:
    """A valid tree with the types of the event type's properties written into it.

    To be stored: a later change of the event type then does not change what the tree means.
    """
    return _typed(tree, Scope(SUBJECTS[subject], event_type=event_type))


# For kinds of leaves that hold a tree of their own.


def problems_of(tree: object, path: str, scope: Scope) -> Iterator[Problem]:
    return _problems(tree, path, 1, scope, iter(range(MAX_FILTERS)), MAX_FILTERS)


def expression_of(tree: Tree, scope: Scope) -> Combinable:
    return _expression(tree, scope)


def sentence_of(tree: Tree, scope: Scope) -> str:
    return _sentence(tree, scope)


def typed_of(tree: Tree, scope: Scope) -> Tree:
    return _typed(tree, scope)


def is_empty(tree: object) -> bool:
    return tree is None or tree == {} or tree == {"all": []}


# --- walking ---


def _checked(tree: object, scope: Scope) -> list[Problem]:
    return list(islice(chain(_dear(tree), _problems(tree, "", 1, scope, iter(range(MAX_NODES)))), MAX_PROBLEMS))


def _dear(tree: object) -> Iterator[Problem]:
    """Each look into the events costs what a hundred comparisons cost, and is paid again with every write."""
    asked = sum(LEAVES[_key(leaf)].reads_events for leaf in islice(_leaves(tree), MAX_NODES))
    if asked > MAX_DEAR:
        sentence = (
            f"It asks in {asked:,} places what people did; make segments of some of them, {MAX_DEAR} are the most."
        )
        yield Problem("", sentence)


def _problems(
    node: Any, path: str, depth: int, scope: Scope, places: Iterator[int], most: int = MAX_NODES
) -> Iterator[Problem]:
    if next(places, None) is None:
        yield Problem(path, f"The condition has more than {most:,} parts; split it up.")
    elif is_empty(node):
        return
    elif not isinstance(node, dict):
        yield Problem(path, "This is no condition; write a field with a comparison, or a group of “all”.")
    elif not GROUPS.keys() & node.keys():
        yield from _leaf_problems(node, path, scope)
    elif len(node) > 1:
        yield Problem(path, "A group stands alone; put “all”, “any” and “not” inside each other.")
    elif depth > MAX_DEPTH:
        yield Problem(path, f"The condition is nested more than {MAX_DEPTH} levels deep; make it flatter.")
    else:
        yield from _group_problems(node, path, depth, scope, places, most)


def _group_problems(
    node: dict, path: str, depth: int, scope: Scope, places: Iterator[int], most: int
) -> Iterator[Problem]:
    word, content = next(iter(node.items()))
    here = joined_path(path, word)
    if word == "not":
        yield from _problems(content, here, depth + 1, scope, places, most)
    elif not isinstance(content, list):
        yield Problem(here, f"“{word}” needs a list of conditions.")
    elif not content and word == "any":
        yield Problem(here, "“any” holds no condition, so nobody would match; add one or remove the group.")
    else:
        for number, child in enumerate(content):
            yield from _problems(child, f"{here}[{number}]", depth + 1, scope, places, most)


def _leaf_problems(leaf: dict, path: str, scope: Scope) -> Iterator[Problem]:
    kind = kind_of(leaf)
    if kind and scope.subject.alone and kind.key != "field":
        yield Problem(path, "Only the event itself can be asked about here; use a field such as event.total.")
    elif kind:
        yield from kind.problems(leaf, path, scope)
    else:
        yield Problem(path, "A condition is not complete; choose a field, such as contact.plan.")


def _expression(node: Tree, scope: Scope) -> Combinable:
    if node is None or is_empty(node):
        return Sql("TRUE")
    if "not" in node:
        return complement(_expression(node["not"], scope))
    if (word := _key(node)) in GROUPS:
        return joined(GROUPS[word], [_expression(child, scope) for child in node[word]])
    return LEAVES[word].expression(node, scope)


def _sentence(node: Tree, scope: Scope, inside: bool = False) -> str:
    if node is None or is_empty(node):
        return "everyone"
    if "not" in node:
        return f"{DENIAL}{_sentence(node['not'], scope, inside=True)}"
    if (word := _key(node)) not in GROUPS:
        return LEAVES[word].sentence(node, scope)
    parts = [_sentence(child, scope, inside=len(node[word]) > 1) for child in node[word]]
    parts[:-1] = [_closed(part) for part in parts[:-1]]
    text = {"all": " and ", "any": " or "}[word].join(parts)
    return f"({text})" if inside and len(parts) > 1 else text


def _closed(part: str) -> str:
    """A denial that something follows: “it is not true that A and B” would seem to deny both."""
    denied = part.removeprefix(DENIAL)
    return part if denied == part or denied.startswith("(") else f"{DENIAL}({denied})"


def _typed(node: Tree, scope: Scope) -> Tree:
    if node is None or is_empty(node):
        return node
    if "not" in node:
        return {"not": _typed(node["not"], scope)}
    if (word := _key(node)) in GROUPS:
        return {word: [_typed(child, scope) for child in node[word]]}
    return LEAVES[word].typed(node, scope)


def _key(node: dict) -> str:
    """The group's word, or the kind of the leaf."""
    return next(word for word in (*GROUPS, *(key for key, _ in LEAVES.items())) if word in node)


def _leaves(node: Any, depth: int = 0) -> Iterator[dict]:
    """Every leaf; what is no condition, or too deep to be one, is passed over."""
    if not isinstance(node, dict) or depth > MAX_DEPTH:
        return
    for word in [word for word in GROUPS if word in node]:
        children = node[word] if isinstance(node[word], list) else [node[word]]
        for child in children:
            yield from _leaves(child, depth + 1)
    if not GROUPS.keys() & node.keys() and kind_of(node):
        yield node
