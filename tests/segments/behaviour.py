"""Events for tests of behaviour, and what leaves mean by them in plain Python."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from contacts.models import Contact
from events import rollups
from events.models import Event
from lib.ids import uuid7
from ops.models import Source
from tests.segments.population import NOW

ORDER, VIEW = "order.completed", "product.viewed"


def happen(
    contact: Contact | int, type_: str = ORDER, ago: timedelta = timedelta(), at: datetime | None = None, **properties
):
    """One event, as recorded and counted."""
    at = at or NOW - ago
    pk = contact if isinstance(contact, int) else contact.pk
    return record([Deed(pk, type_, at, properties)])[0]


@dataclass
class Deed:
    contact: int
    type: str
    at: datetime
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class Batch:
    events: list[Event]


def record(deeds: Iterable[Deed]) -> list[Event]:
    """Write events, in their order, and what the pipeline's first stage makes of them."""
    source = Source.objects.get_or_create(name="Shop")[0]
    deeds = list(deeds)
    ids = sorted(uuid7(NOW) for _ in deeds)
    events = Event.objects.bulk_create(
        Event(
            id=pk, type=deed.type, contact_id=deed.contact, source=source, occurred_at=deed.at,
            received_at=max(deed.at, NOW), properties=deed.properties,
        )
        for pk, deed in zip(ids, deeds, strict=True)
    )  # fmt: skip
    rollups.count(Batch(events))
    return events


def some(number: int, seed: int = 0) -> list[Contact]:
    random.seed(seed)
    return Contact.objects.bulk_create(Contact(attributes={"n": n}) for n in range(number))
