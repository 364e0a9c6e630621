"""What a condition can be about: everything that the rule builder and the template editor offer to choose from.

An entry becomes the leaf `{entry.kind: entry.key}` ({"field": "contact.plan"}, {"segment": 12}), of which the
rest is filled in. Apps add theirs by a line: `SOURCES.register("scores", entries)`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contacts.models import Topic
from events import types as event_types
from lib.registry import Registry
from segments.fields import registered_for
from segments.leaves import LEAVES, SUBJECTS, Subject
from segments.models import Segment
from segments.values import TYPES

GROUPS = ("Contact", "Attributes", "Company", "Events", "E-mails", "Consent", "Segments", "Computed", "Sample")
EVENT = "Event"  # the group of event.* fields, where there is an event


@dataclass(frozen=True)
class Choice:
    """A value that may be compared with, and how it is shown."""

    value: Any
    label: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing to choose: `kind` is that of the leaf, `key` what the leaf names."""

    kind: str
    key: Any
    label: str
    group: str
    type: str = ""
    """Of segments.values.TYPES; empty: not known, or nothing to compare."""
    values: tuple[Choice, ...] = ()
    """Common values, to suggest."""
    share: int | None = None
    """How many of a hundred have it; None: not known."""
    properties: tuple["Entry", ...] = ()
    """Of an event: its event.* fields, for `where` and measures."""


Source = Callable[[Subject], Iterable[Entry]]
SOURCES: Registry[Source] = Registry("source of conditions")


def catalogue(subject: str, event_type: str | None = None) -> list[Entry]:
    """What conditions about this subject can name, group by group; a fixed number of queries.

    Where there is an event (subjects event, enrollment), its fields come first: those of `event_type`, if given.
    """
    of = SUBJECTS[subject]
    found = {(entry.kind, entry.key): entry for entry in (properties(event_type) if of.event else ())}
    for source in SOURCES:
        for entry in source(of):
            found.setdefault((entry.kind, entry.key), entry)
    order = {group: number for number, group in enumerate((EVENT, *GROUPS))}
    known = (entry for entry in found.values() if entry.kind in LEAVES)
    return sorted(known, key=lambda entry: order.get(entry.group, len(order)))


def properties(event_type: str | None) -> tuple[Entry, ...]:
    """The event.* fields of an event type: its registered properties, in their order."""
    registered = event_types.get(event_type) if event_type else None
    return tuple(
        Entry("field", f"event.{name}", name.replace("_", " "), EVENT, kind if kind in TYPES else "")
        for name, kind in (registered.properties if registered else {}).items()
    )


def _fields(subject: Subject) -> Iterator[Entry]:
    for field in registered_for(subject):
        group = EVENT if field.key.startswith("event.") else GROUPS[0]
        yield Entry("field", field.key, field.label, group, field.type)


def _events(subject: Subject) -> Iterator[Entry]:
    for key, label in event_types.choices():
        yield Entry("event", key, label, "Events", properties=properties(key))


def _sequences(subject: Subject) -> Iterator[Entry]:
    yield Entry("sequence", "", "One thing, then another", "Events")


def _messages(subject: Subject) -> Iterator[Entry]:
    words = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")
    yield from (Entry("message", word, f"E-mail {word}", "E-mails") for word in words)


def _consent(subject: Subject) -> Iterator[Entry]:
    topics = tuple(Choice(key, name) for key, name in Topic.objects.values_list("key", "name"))
    for state in ("can be mailed", "subscribed", "pending", "unsubscribed"):
        yield Entry("consent", state, state.capitalize(), "Consent", values=topics)
    for state in ("unsubscribed from everything", "suppressed", "no address"):
        yield Entry("consent", state, state.capitalize(), "Consent")


def _segments(subject: Subject) -> Iterator[Entry]:
    for pk, name in Segment.objects.values_list("pk", "name"):
        yield Entry("segment", pk, name, "Segments")


def _samples(subject: Subject) -> Iterator[Entry]:
    yield Entry("sample", 10, "A random part of everyone", "Sample", "number")


def register() -> None:
    for key, source in (
        ("fields", _fields), ("events", _events), ("sequences", _sequences), ("messages", _messages),
        ("consent", _consent), ("segments", _segments), ("samples", _samples),
    ):  # fmt: skip
        SOURCES.register(key, source)
