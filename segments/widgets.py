"""The rule builder: one hidden input holds the tree, a script draws it. What the script cannot draw stands as its
sentence, and so does the whole tree where no script runs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.forms.widgets import Script
from django.urls import reverse
from django.utils.http import urlencode
from unfold.widgets import BASE_CLASSES, INPUT_CLASSES

from segments.conditions import MAX_DEPTH, InvalidCondition, is_empty, sentence, validate
from segments.field_leaf import type_of
from segments.fields import UnknownField, found
from segments.leaves import SUBJECTS, Scope, joined_path


def _classes(names: list[str]) -> str:
    """Unfold's looks without its widths, and without the red that a fault puts on everything in the field."""
    return " ".join(name for name in names if name not in ("w-full", "max-w-2xl", "min-w-20") and ".errors" not in name)


INPUT, SELECT = _classes(INPUT_CLASSES), _classes([*BASE_CLASSES, "px-3", "py-2"])
UNREADABLE = "The conditions could not be read; add them again."


class Unparsed(ValueError):
    """What came back is not the JSON that the page wrote."""


def parsed(value: Any) -> Any:
    """The tree in a hidden input's text; nothing (None) for an empty one."""
    if not isinstance(value, str):
        return value
    try:
        tree = json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as fault:
        raise Unparsed(UNREADABLE) from fault
    return None if is_empty(tree) else tree


class ConditionWidget(forms.Widget):
    """The rule builder for conditions about a subject.

    `event_type` is that of the event in question; `event_from` names an input of the same form that holds it.
    `eager`: the people are counted as soon as the page is open, not only when somebody edits.
    `roots`: only fields that begin with one of these are offered.
    """

    template_name = "segments/conditions.html"
    event_type: str | None = None

    class Media:
        # Async: the other scripts of the page do not wait for its modules.
        js = [Script("segments/conditions.js", type="module", **{"async": True})]
        css = {"all": ["segments/conditions.css"]}

    def __init__(self, subject: str, *, event_from: str = "", eager: bool = False, roots: tuple[str, ...] = ()):
        super().__init__()
        self.subject, self.event_from, self.eager, self.roots = subject, event_from, eager, roots

    def format_value(self, value):
        return value if isinstance(value, str) else "" if is_empty(value) else json.dumps(value)

    def get_context(self, name, value, attrs):
        offers = {"subject": self.subject, "roots": ",".join(self.roots)} if self.roots else {"subject": self.subject}
        own = {
            "subject": self.subject,
            "event_type": self.event_type or "",
            "event_from": self.event_from,
            "eager": self.eager,
            "offers_url": f"{reverse('admin:conditions_offers')}?{urlencode(offers)}",
            "named": "event" if self.roots == ("event",) else "contact",
            "live_url": reverse("admin:conditions_live"),
            "input_classes": INPUT,
            "select_classes": SELECT,
        }
        return super().get_context(name, value, attrs) | own | {"seen": self._seen(value)}

    def _seen(self, value: Any) -> dict[str, Any]:
        """What is said about the tree: its sentence, what is wrong where, and each leaf's words, label and type."""
        try:
            tree = parsed(value)
        except Unparsed as fault:
            return {"words": str(fault), "problems": [{"path": "", "sentence": str(fault)}], "leaves": {}}
        problems = validate(tree, self.subject, self.event_type)
        return {
            "words": "" if is_empty(tree) else _words(tree, self.subject, self.event_type),
            "problems": [{"path": problem.path, "sentence": problem.sentence} for problem in problems],
            "leaves": {leaf.path: _said(leaf) for leaf in _leaves(Place(tree, self.subject, self.event_type))},
        }


@dataclass(frozen=True)
class Place:
    """A part of a tree: where it stands, and what it is about."""

    node: Any
    subject: str
    event_type: str | None
    path: str = ""
    depth: int = 0

    def inside(self, node: Any, *names: str, **about: Any) -> "Place":
        return replace(self, node=node, path=joined_path(self.path, *names), depth=self.depth + 1, **about)


def _leaves(place: Place) -> Iterator[Place]:
    """Every leaf, those in the filters of events included, as deep as a tree may be.

    A leaf stands where its “not” does: that is the place of its row.
    """
    inner = place
    while isinstance(inner.node, dict) and set(inner.node) == {"not"} and inner.depth <= MAX_DEPTH:
        inner = inner.inside(inner.node["not"], "not")
    if inner.depth > MAX_DEPTH:
        return
    word = next((word for word in ("all", "any") if isinstance(inner.node, dict) and set(inner.node) == {word}), "")
    if word and isinstance(inner.node[word], list):
        for number, child in enumerate(inner.node[word]):
            yield from _leaves(inner.inside(child, f"{word}[{number}]"))
    else:
        yield replace(inner, path=place.path)
        yield from _inside(inner)


def _inside(place: Place) -> Iterator[Place]:
    """The leaves in the filters of what somebody did."""
    leaf = place.node if isinstance(place.node, dict) else {}
    steps = [("", leaf)] if "event" in leaf else []
    if isinstance(leaf.get("sequence"), list):
        steps = [(f"sequence[{number}]", step) for number, step in enumerate(leaf["sequence"][:2])]
    for name, step in steps:
        if isinstance(step, dict) and isinstance(step.get("where"), dict):
            event_type = step.get("event") if isinstance(step.get("event"), str) else None
            yield from _leaves(place.inside(step["where"], name, "where", subject="event", event_type=event_type))


def _said(place: Place) -> dict[str, str]:
    """A leaf in words; of one that compares a field, what the field is called and its type."""
    said = {"words": _words(place.node, place.subject, place.event_type)}
    if isinstance(place.node, dict) and "field" in place.node:
        scope = Scope(SUBJECTS[place.subject], event_type=place.event_type)
        with suppress(UnknownField):
            said |= {"label": found(place.node["field"], scope).label, "type": type_of(place.node, scope)}
    return said


def _words(tree: Any, subject: str, event_type: str | None) -> str:
    try:
        return sentence(tree, subject, event_type)
    except InvalidCondition:
        return "a condition that is not complete"
