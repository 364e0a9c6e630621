"""Conditions that nobody can ever match: told to whoever draws them, before people wait for what never comes.

Only what is plain is found: two parts of one “all” that exclude each other, and a way that asks what one before it
asked already. What is not found is still right; what is found is surely wrong.
"""

from collections.abc import Iterator
from itertools import combinations, islice
from typing import Any

Leaf = dict[str, Any]
MOST = 200  # parts of a condition, or ways, that are compared with each other
SURELY_SET = {"is", "any of", ">", "≥", "<", "≤", "is set", "contains", "starts with", "ends with"}


def contradiction(tree: Any) -> bool:
    """Whether nobody can match the condition."""
    if not isinstance(tree, dict):
        return False
    if isinstance(tree.get("any"), list):
        return bool(tree["any"]) and all(contradiction(part) for part in tree["any"])
    parts = list(islice(_together(tree), MOST))
    if any(contradiction(part) for part in parts if part is not tree):
        return True
    return any(_exclude(one, other) for one, other in combinations(parts, 2))


def covered(conditions: list[Any]) -> list[int]:
    """The places of those that ask nothing but what one before them asked."""
    return [place for place, tree in enumerate(conditions[:MOST]) if tree and tree in conditions[:place]]


def _together(tree: Any) -> Iterator[Any]:
    """Everything that must be true at once."""
    parts = tree.get("all") if isinstance(tree, dict) else None
    if not isinstance(parts, list):
        yield tree
        return
    for part in parts:
        yield from _together(part)


def _exclude(one: Any, other: Any) -> bool:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    if one == {"not": other} or other == {"not": one}:
        return True
    name = one.get("field")
    if not isinstance(name, str) or name != other.get("field") or name.startswith("company."):
        return False  # somebody may have several companies
    return _about_one_field(one, other) or _about_one_field(other, one)


def _about_one_field(one: Leaf, other: Leaf) -> bool:
    """Whether the second leaf cannot be true where the first one is."""
    op, value, against, limit = one.get("op"), one.get("value"), other.get("op"), other.get("value")
    if against == "is not set":
        return op in SURELY_SET
    if op == "is" and against in ("is", "is not"):
        return _same(value, limit) == (against == "is not")
    if op in (">", "≥") and against in ("<", "≤") and isinstance(value, int | float) and isinstance(limit, int | float):
        return value > limit or (value == limit and (op, against) != ("≥", "≤"))
    return False


def _same(value: Any, limit: Any) -> bool:
    """Compared as conditions compare: text without case, and numbers also where they are written as text."""
    return str(value).casefold().strip() == str(limit).casefold().strip()
