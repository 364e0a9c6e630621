"""Event types: what the code registers, and what people adopted from unknown names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from django.db import connection

from events.models import EventTypeRow
from lib import once
from lib.registry import Registry

LATE_LIMIT = timedelta(hours=72)
KINDS = ("text", "number", "boolean", "date", "list", "object")


@dataclass(frozen=True)
class EventType:
    """Something that a contact can do, in the product's words and in the marketer's.

    `triggers` ends "When somebody …", `filters` ends "who …"; `properties` is name → one of KINDS;
    events older than `late_limit` start no campaign (None: never too late).
    """

    key: str
    label: str
    triggers: str = ""
    filters: str = ""
    aliases: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    late_limit: timedelta | None = LATE_LIMIT


registry: Registry[EventType] = Registry("event type")
_names: dict[str, str] = {}


def register(*event_types: EventType) -> None:
    """Make event types known; a key, a name or a kind of property that cannot be right is an error."""
    canonical.cache_clear()
    for event_type in event_types:
        if unknown := set(event_type.properties.values()) - set(KINDS):
            raise ValueError(f"{event_type.key}: there is no kind of property {', '.join(sorted(unknown))}.")
        registry.register(event_type.key, event_type)
        for name in (event_type.key, *event_type.aliases):
            if _names.setdefault(_folded(name), event_type.key) != event_type.key:
                raise ValueError(f"{event_type.key}: “{name}” already means {_names[_folded(name)]}.")


def get(key: str) -> EventType | None:
    """The type that the code registers under this key."""
    return registry.get(key)


def find(key: str) -> EventType:
    """The type of this key in words, whether built in, adopted or never heard of."""
    if known := registry.get(key):
        return known
    label = once.answer(("label of", key), lambda: _label(key)) or key
    return EventType(key, label, triggers=f"does “{label}”", filters=f"did “{label}”")


def _label(key: str) -> str | None:
    return EventTypeRow.objects.filter(key=key).values_list("label", flat=True).first()


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """The key that a name stands for ("Order Completed" → order.completed), else the name itself."""
    return registry.get(name) and name or _names.get(_folded(name)) or name


def _folded(name: str) -> str:
    return re.sub(r"[\s_.\-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).strip().lower()


def _adopted() -> list[tuple[str, str]]:
    return list(EventTypeRow.objects.exclude(adopted_at=None).values_list("key", "label"))


def choices() -> list[tuple[str, str]]:
    """(key, label) for a form field: the code's types in their order, then the adopted ones."""
    built_in = [(event_type.key, event_type.label) for event_type in registry]
    adopted = once.answer("adopted", _adopted)
    return built_in + [(key, label or key) for key, label in adopted if key not in registry]


def late_limits() -> dict[str, timedelta | None]:
    """How old an event of a type may be and still start a campaign; None: any age. Absent: LATE_LIMIT."""
    limits = {event_type.key: event_type.late_limit for event_type in registry}
    for key, limit, none in EventTypeRow.objects.values_list("key", "late_limit", "no_late_limit"):
        if none or limit is not None:
            limits[key] = None if none else limit
    return limits


def ensure_rows() -> None:
    """A row for every registered type, so that marketers can set its late limit; the code's label wins."""
    rows = [EventTypeRow(key=event_type.key, label=event_type.label) for event_type in registry]
    EventTypeRow.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["label"])


def is_ready() -> bool:
    """Whether the tables exist: migrations may have stopped half-way."""
    return EventTypeRow._meta.db_table in connection.introspection.table_names()
