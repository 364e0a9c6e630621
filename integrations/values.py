"""What is written about a contact: fields as conditions read them, and the step's own values. One query for a batch."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef

from automation import liquid_values
from automation.liquid_values import NotWritten
from contacts.models import Contact, ContactTag
from integrations.models import Connection, Push
from ops.models import SiteSettings
from segments.catalogue import catalogue
from segments.fields import Field, UnknownField, as_json, found
from segments.leaves import SUBJECTS, Scope

TAGS = ContactTag.objects.filter(contact=OuterRef("pk"))


def offers() -> list[tuple[str, str]]:
    """The fields that a connection may write, with what they are called."""
    return [
        (str(entry.key), f"{entry.group}: {entry.label}") for entry in catalogue("contact") if entry.kind == "field"
    ]


def about_field(key: str) -> str:
    """What is wrong with a field of the mapping, in a sentence; empty if nothing is."""
    scope = Scope(SUBJECTS["contact"], asks_database=True)
    try:
        field = found(key, scope)
        said = next(chain(field.refused(scope), field.vanished(scope)), "")
        return said.replace(", so nobody fits", "")  # as a field says it of conditions
    except UnknownField as fault:
        return str(fault)


def lost(connection: Connection) -> list[str]:
    """Fields of the mapping that are not there any more: they are left out, and said on the connection's page."""
    return [sentence for pair in connection.mapping if (sentence := about_field(pair["field"]))]


def of_contacts(connection: Connection, ids: Collection[int], now: datetime) -> dict[int, dict[str, Any]]:
    """Contact → their properties, less those of which nothing is known; one query."""
    scope = Scope(SUBJECTS["contact"], now.astimezone(SiteSettings.get().zone), only=list(ids))
    columns, names = {}, {}
    for number, pair in enumerate(connection.mapping):
        if (value := _value(pair["field"], scope)) is not None:
            columns[f"_value_{number}"], names[f"_value_{number}"] = value, pair["property"]
    if not columns:
        return {pk: {} for pk in ids}
    rows = Contact.objects.filter(pk__in=ids).annotate(**columns).values("pk", *columns)
    return {row["pk"]: {names[key]: row[key] for key in columns if row[key] not in (None, "", [])} for row in rows}


def _value(key: str, scope: Scope) -> Any:
    """The value as somebody wrote it: what conditions see of text is in small letters, to be compared."""
    if key == "contact.tags":
        return as_json(ArraySubquery(TAGS.order_by("tag__name").values("tag__name")))
    try:
        field = found(key, scope)
    except UnknownField:
        return None
    if isinstance(field, Field) and not field.source:
        return as_json(F(field.path))
    return field.seen(scope, field.type or "text")


class Extras:
    """The step's own values, which may be Liquid; a fixed number of queries for all of them."""

    def __init__(self, pushes: Sequence[Push], now: datetime):
        going = [push for push in pushes if push.extras]
        sources = sorted({one["value"] for push in going for one in push.extras})
        contacts = {push.enrollment.contact_id: push.enrollment.contact_id for push in going}
        # A push names its enrollment, as a visit does.
        self.values = liquid_values.Values(going, sources, now, contacts) if going else None  # type: ignore[arg-type]

    def of(self, push: Push) -> dict[str, str]:
        """Property → value; raises NotWritten."""
        return dict(self._written(push)) if self.values else {}

    def _written(self, push: Push) -> Iterator[tuple[str, str]]:
        assert self.values
        for one in push.extras:
            try:
                text = self.values.write(one["value"], push)  # type: ignore[arg-type]
            except NotWritten as fault:
                raise NotWritten(f"“{one['property']}” could not be worked out: {fault}") from fault
            if text.strip():
                yield one["property"], text.strip()
