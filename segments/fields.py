"""The fields that conditions read: registered ones, attributes of contacts, properties of events.

What hangs on a contact in other tables (tags, companies, computed attributes) has a module of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from django.db.models import F, Value
from django.db.models.expressions import Combinable

from contacts.models import Contact
from events import types as event_types
from lib.clean_json import MAX_DEPTH, MAX_KEY_LENGTH, Unclean, clean
from lib.registry import Registry
from segments import known
from segments.leaves import Scope, Subject, quoted
from segments.operands import Parts
from segments.sql import Json, Sql
from segments.values import TYPES, Type


class UnknownField(ValueError):
    """Says in one sentence why a field cannot be read and what to write."""


@dataclass(frozen=True)
class Comparison:
    """A test in SQL, to be put to a value {x}; that of a positive operator, or another one without a name."""

    sql: str
    type: Type
    parts: Parts
    scope: Scope
    operator: str = ""

    def of(self, value: Combinable) -> Sql:
        return Sql(f"({self.sql})", x=value, zone=Value(self.scope.zone), **self.parts)


class AnyField(Protocol):
    """What a leaf needs of its field, of whatever kind."""

    @property
    def key(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def type(self) -> str:
        """Empty: any."""

    @property
    def reads(self) -> tuple[str, ...]:
        """What must be written for it to change: segments.reading."""

    def test(self, comparison: Comparison) -> Sql:
        """Whether the comparison holds of its value."""

    def seen(self, scope: Scope, type_: str) -> Combinable | None:
        """Its value as jsonb."""

    def refused(self, scope: Scope) -> Iterator[str]:
        """Why a new condition must not name it, in a sentence."""

    def vanished(self, scope: Scope) -> Iterator[str]:
        """Why it is not there any more, in a sentence."""


@runtime_checkable
class NamesItsValues(Protocol):
    """A field whose values are names that people give, and may take away again."""

    def values_vanished(self, value: object) -> Iterator[str]:
        """Which of the values of a saved leaf is none any more, in a sentence each."""


def as_json(value: Combinable) -> Combinable:
    return Json("to_jsonb({x})", x=value)


class Lasting:
    """A field that cannot vanish."""

    def refused(self, scope: Scope) -> Iterator[str]:
        yield from ()

    def vanished(self, scope: Scope) -> Iterator[str]:
        yield from ()


class OneValue(Lasting):
    """A field whose value is one expression."""

    def expression(self, scope: Scope, type_: str) -> Combinable:
        raise NotImplementedError

    def test(self, comparison: Comparison) -> Sql:
        return comparison.of(self.expression(comparison.scope, comparison.type.key))

    def seen(self, scope: Scope, type_: str) -> Combinable | None:
        return as_json(self.expression(scope, type_))


@dataclass(frozen=True)
class Field(OneValue):
    """A field with a name of its own.

    `path` is a lookup from the contact or, for event.*, a key of `Subject.event`; `source` makes the
    expression where a lookup is not enough, from the lookup of the contact ("" or "contact__").
    """

    key: str
    label: str
    path: str
    type: str
    source: Callable[[str], Combinable] | None = None
    reads: tuple[str, ...] = ()  # what must be written for it to change: segments.reading

    def expression(self, scope: Scope, type_: str) -> Combinable:
        if self.source:
            return self.source(scope.subject.contact)
        from_event = self.key.startswith("event.")
        lookup = scope.subject.event[self.path] if from_event else scope.subject.contact + self.path
        return Sql(TYPES[type_].column, c=F(lookup))


@dataclass(frozen=True)
class JsonField(OneValue):
    """A path into the attributes of a contact (`contact.subscription.plan`) or the properties of an event."""

    key: str
    label: str
    keys: tuple[str, ...]
    type: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        return () if self.key.startswith("event.") else (f"attribute:{self.keys[0]}",)

    def expression(self, scope: Scope, type_: str) -> Combinable:
        return Sql(TYPES[type_].json, j=self.sent(scope), zone=Value(scope.zone))

    def seen(self, scope: Scope, type_: str) -> Combinable:
        return as_json(self.sent(scope))

    def vanished(self, scope: Scope) -> Iterator[str]:
        """Attributes only: properties are looked after by the leaf that names their event."""
        if self.key.startswith("contact.") and not known.is_held(Contact, self.keys, scope):
            yield f"No contact has {quoted('.'.join(self.keys))} any more; choose another field."

    def sent(self, scope: Scope) -> Combinable:
        """The value as it was sent, as jsonb."""
        subject, from_event = scope.subject, self.key.startswith("event.")
        column = subject.event["properties"] if from_event else f"{subject.contact}attributes"
        return Sql("({c} #> {keys}::text[])", c=F(column), keys=Value(list(self.keys)))


FIELDS: Registry[AnyField] = Registry("field of conditions")
# Root of a name (`company` of company.plan) → the field of such a name. May raise UnknownField.
ROOTS: Registry[Callable[[str, tuple[str, ...], Scope], AnyField]] = Registry("root of fields")


def register(*fields: AnyField) -> None:
    for field in fields:
        FIELDS.register(field.key, field)


NAMES = ("attribute:name", "attribute:first_name", "attribute:last_name")
register(
    Field("contact.email", "their e-mail address", "address__email", "text", reads=("email",)),
    Field("contact.name", "their name", "name", "text", reads=NAMES),
    Field("contact.timezone", "their time zone", "timezone", "text", reads=("timezone",)),
    Field("contact.created_at", "the day they became known", "created_at", "date"),
    Field("contact.last_seen_at", "the day they were last seen", "last_seen_at", "date", reads=("seen",)),
    Field("contact.is_test", "being a test contact", "is_test", "boolean", reads=("is_test",)),
    Field("event.type", "the event", "type", "text"),
    Field("event.occurred_at", "the time of the event", "occurred_at", "date"),
)


def found(key: object, scope: Scope) -> AnyField:
    """The field of that name for the scope's subject; raises UnknownField."""
    root, keys = _split(key)
    if root == "event" and not scope.subject.event:
        raise UnknownField(f"{quoted(key)} needs an event; use a field that begins with contact.")
    if registered := FIELDS.get(str(key)):
        return registered
    if make := ROOTS.get(root):
        return make(str(key), keys, scope)
    owner = "their" if root == "contact" else "the event’s"
    type_ = _property_type(keys, scope.event_type) if root == "event" else ""
    return JsonField(str(key), f"{owner} {' '.join(keys).replace('_', ' ')}", keys, type_)


def property_of(name: object, event_type: str | None) -> JsonField:
    """A property of an event by its path (`total`, `cart.items`); raises UnknownField."""
    if not isinstance(name, str) or not name:
        raise UnknownField("Choose a property of the event, such as total.")
    _, keys = _split(f"event.{name}")
    return JsonField(f"event.{name}", " ".join(keys).replace("_", " "), keys, _property_type(keys, event_type))


def _split(key: object) -> tuple[str, tuple[str, ...]]:
    if not isinstance(key, str) or not key.strip():
        raise UnknownField("Choose a field, such as contact.plan.")
    root, *keys = key.split(".")
    if root not in ("contact", "event", *dict(ROOTS.items())) or not all(keys) or not keys:
        raise UnknownField(f"{quoted(key)} is not a field; write one such as contact.plan or event.total.")
    if len(keys) > MAX_DEPTH or max(map(len, keys)) > MAX_KEY_LENGTH:
        raise UnknownField(f"{quoted(key)} is too long for a field; shorten it.")
    try:
        clean(key)
    except Unclean as fault:
        raise UnknownField(str(fault).replace("The request", "The field’s name")) from fault
    return root, tuple(keys)


def _property_type(keys: tuple[str, ...], event_type: str | None) -> str:
    registered = event_types.get(event_type) if event_type and len(keys) == 1 else None
    type_ = registered.properties.get(keys[0], "") if registered else ""
    return type_ if type_ in TYPES else ""


def registered_for(subject: Subject) -> list[AnyField]:
    """The registered fields that the subject can be asked about."""
    return [field for field in FIELDS if subject.event or not field.key.startswith("event.")]


def known_type(key: str) -> str:
    """The type of a field whatever the event, empty where it is unknown or differs between event types."""
    if registered := FIELDS.get(key):
        return registered.type
    root, _, name = key.partition(".")
    if root != "event":
        return ""
    types = {kind.properties[name] for kind in event_types.registry if name in kind.properties}
    return types.pop() if len(types) == 1 and types <= TYPES.keys() else ""
