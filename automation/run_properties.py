"""The event that lets somebody into a test run: which properties are asked for, and how they are written and read."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from campaigns.document import Document, Trigger, Watch
from campaigns.models import EmailTemplate
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS, kind_of, tree_of
from events import types as event_types
from events.models import Event
from segments import conditions
from segments.known_models import KnownField

MOST = 20  # properties of one event
NESTED = ("list", "object")
EXAMPLES: dict[str, Any] = {"text": "example", "number": 10, "boolean": True}
BUILT_IN = {"type", "at", "occurred_at"}


def newest(type_: str) -> dict[str, Any] | None:
    """The properties of the newest event of the type; None: there is none."""
    found = Event.objects.filter(type=type_).order_by("-received_at").first()
    return found.properties if found else None


def kinds(type_: str, documents: Sequence[Document]) -> dict[str, str]:
    """The kind of each property that the definitions ask for, and then of those that the type is known to have."""
    named, known = named_by(type_, documents), _known(type_)
    found = {name: kind or known.get(name, "") for name, kind in named.items()} | {
        name: kind for name, kind in known.items() if name not in named
    }
    return {name: kind for name, kind in found.items() if not _is_within(name, found)}


def offered(given: dict[str, Any], kinds_of: dict[str, str]) -> dict[str, Any]:
    """Name → value (None: there is none) of what can be typed; what the definitions ask for comes first."""
    within = [name for name, value in given.items() if not isinstance(value, dict | list)]
    found = {name: value(given, name) for name in [*kinds_of, *within] if kinds_of.get(name) not in NESTED}
    return {name: one for name, one in found.items() if not isinstance(one, dict | list)}


def made_up(kinds_of: dict[str, str]) -> dict[str, Any]:
    """Properties of an event that has never happened."""
    found: dict[str, Any] = {}
    for name, kind in kinds_of.items():
        example = EXAMPLES.get(kind or "text")
        if example is not None:
            found = put(found, name, example)
    return found


def value(given: dict[str, Any], name: str) -> Any:
    """What a property is, whether its name stands as it is or is a path."""
    if name in given:
        return given[name]
    at: Any = given
    for key in name.split("."):
        at = at.get(key) if isinstance(at, dict) else None
    return at


def put(given: dict[str, Any], name: str, new: Any) -> dict[str, Any]:
    """A copy in which the property is that."""
    found = deepcopy(given)
    *way, last = [name] if name in given else name.split(".")
    at = found
    for key in way:
        at[key] = at[key] if isinstance(at.get(key), dict) else {}
        at = at[key]
    at[last] = new
    return found


def typed(value: Any) -> str:
    """As it stands in a form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def read(text: str, before: Any, kind: str) -> Any:
    """As the value before was, else as its kind asks: a number where that was one; None: nothing was written."""
    text = text.strip()
    if not text:
        return None
    if isinstance(before, bool) or (before is None and kind == "boolean"):
        return text.lower() in ("yes", "true", "1")
    if isinstance(before, int | float) or (before is None and kind in ("number", "")):
        return _number(text, exact=before is None and not kind)
    return text


def _number(text: str, exact: bool) -> Any:
    """`exact`: nobody said that it is a number, so what looks like a code stays a text."""
    try:
        number = float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        return text
    return text if exact and str(number) != text else number


def named_by(type_: str, documents: Sequence[Document]) -> dict[str, str]:
    found: dict[str, str] = {}
    for document in documents:
        for tree in _trees(type_, document):
            for leaf in conditions.leaves(tree):
                _note(found, str(leaf.get("field", "")), str(leaf.get("type", "")))
        for path in _of_mails(document):
            _note(found, path, "")
    return found


def _note(found: dict[str, str], path: str, kind: str) -> None:
    root, _, name = path.partition(".")
    if root == "event" and name and "[" not in name and name not in BUILT_IN:
        found[name] = found.get(name) or kind


def _trees(type_: str, document: Document) -> Iterator[Any]:
    """The conditions that are asked of who came in by such an event."""
    yield document.audience
    yield from (tree_of(trigger) for trigger in document.triggers if _is_by(trigger, type_))
    for step in document.steps:
        yield step.only_if
        if kind := STEP_KINDS.get(step.kind):
            yield from kind.trees(step.config)
            yield from (watch.condition for watch in kind.watches(step.config) if not watch.event)
    watches: list[Watch] = [*document.exits, *document.goals]
    yield from (watch.condition for watch in watches if not watch.event)


def _is_by(trigger: Trigger, type_: str) -> bool:
    return trigger.kind in TRIGGER_KINDS and kind_of(trigger).event_type(trigger) == type_


def _of_mails(document: Document) -> Iterator[str]:
    ids = {step.template for step in document.steps if step.template}
    for compiled in EmailTemplate.objects.filter(pk__in=ids).order_by("pk").values_list("compiled", flat=True):
        yield from (one["path"] for one in compiled.get("variables", []))


def _known(type_: str) -> dict[str, str]:
    known = event_types.get(type_)
    found = dict(known.properties) if known else {}
    for path, kind in KnownField.objects.filter(root=f"event:{type_}").order_by("id").values_list("path", "type"):
        found.setdefault(path, kind)
    return found


def _is_within(name: str, names: dict[str, str]) -> bool:
    """Is it but the whole of other ones?"""
    return any(other.startswith(f"{name}.") for other in names)
