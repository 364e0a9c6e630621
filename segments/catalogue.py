"""What a condition can be about: everything that the rule builder and the template editor offer to choose from.

An entry becomes the leaf `{entry.kind: entry.key}` ({"field": "contact.plan"}, {"segment": 12}), of which the
rest is filled in. Apps add theirs by a line: `SOURCES.register("scores", entries)`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from contacts.models import Topic
from events import types as event_types
from events.models import EventTypeRow
from lib.registry import Registry
from segments import known
from segments.entries import CONTACT, EVENT, GROUPS, Choice, Entry
from segments.fields import registered_for
from segments.leaves import LEAVES, SUBJECTS, Subject
from segments.models import Segment
from segments.segment_leaf import MOVES
from segments.values import TYPES

Source = Callable[[Subject], Iterable[Entry]]
SOURCES: Registry[Source] = Registry("source of conditions")
# The values that a property of our own events can have, by the event's type: `values() -> {property: choices}`.
VALUES: Registry[Callable[[], dict[str, tuple[Choice, ...]]]] = Registry("values of properties")


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
    """The event.* fields of an event type: its registered properties in their order, then those that its events had."""
    return _properties(event_type, known.properties(), _values()) if event_type else ()


Values = dict[str, dict[str, tuple[Choice, ...]]]


def _values() -> Values:
    """By event type and property, what is registered; each source is asked once."""
    made = {source: source() for source in VALUES}
    return {event_type: made[source] for event_type, source in VALUES.items()}


def _moves() -> dict[str, tuple[Choice, ...]]:
    """The segments by name, for the property by which people enter and leave them."""
    return {"segment": tuple(Choice(pk, name) for pk, name in Segment.objects.values_list("pk", "name"))}


def _properties(event_type: str, sent: dict[str, list[Entry]], values: Values) -> tuple[Entry, ...]:
    named = values.get(event_type, {})
    registered, held = event_types.get(event_type), {entry.key: entry for entry in sent.get(event_type, [])}
    found = []
    for name, kind in (registered.properties if registered else {}).items():
        entry = Entry("field", f"event.{name}", name.replace("_", " "), EVENT, kind if kind in TYPES else "")
        if known_one := held.pop(entry.key, None):
            entry = replace(entry, values=known_one.values, share=known_one.share)
        if name in named:
            entry = replace(entry, values=named[name])
        found.append(entry)
    return (*found, *held.values())


def _fields(subject: Subject) -> Iterator[Entry]:
    for field in registered_for(subject):
        group = EVENT if field.key.startswith("event.") else CONTACT
        yield Entry("field", field.key, field.label.removeprefix("their ").removeprefix("the "), group, field.type)


def _events(subject: Subject) -> Iterator[Entry]:
    sent, values, rows = known.properties(), _values(), EventTypeRow.objects.values_list("key", "label")
    named = {kind.key: kind.label for kind in event_types.registry}
    named |= {key: label or key for key, label in rows if key not in named}
    for key, label in named.items():
        yield Entry("event", key, label, "Events", properties=_properties(key, sent, values))


def _sequences(subject: Subject) -> Iterator[Entry]:
    yield Entry("sequence", "", "One thing, then another", "Events")


def _messages(subject: Subject) -> Iterator[Entry]:
    words = ("sent", "delivered", "opened", "clicked", "bounced", "complained", "unsubscribed")
    said = {"clicked": "link clicked", "complained": "marked as spam", "unsubscribed": "used to unsubscribe"}
    yield from (Entry("message", word, f"E-mail {said.get(word, word)}", "E-mails") for word in words)


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
    for event_type in MOVES:
        VALUES.register(event_type, _moves)
    for key, source in (
        ("fields", _fields), ("known", known.entries), ("events", _events), ("sequences", _sequences),
        ("messages", _messages),
        ("consent", _consent), ("segments", _segments), ("samples", _samples),
    ):  # fmt: skip
        SOURCES.register(key, source)
