"""The dates in fields of enrollments (attributes, properties of the entry event), read as conditions read them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.db.models import DateTimeField, QuerySet, Value
from django.db.models.expressions import Combinable

from automation.models import Enrollment
from automation.times import instant
from contacts.models import Contact
from segments.fields import AnyField, UnknownField, found
from segments.leaves import SUBJECTS, Scope
from segments.sql import Json, Sql

ENROLLMENT, CONTACT = SUBJECTS["enrollment"], SUBJECTS["contact"]
MAX_NAME = 200
ROOTS = ("contact.", "event.", "computed.", "company.", "data.")


@dataclass(frozen=True)
class Reading:
    """What a field holds: as it was sent, and the date in it, if it is one.

    `floating`: it names no time zone, so it is a time of the contact's own; `whole_day`: it names no time either.
    """

    sent: Any = None
    at: datetime | None = None
    floating: bool = False
    whole_day: bool = False

    def moment(self, zone: tzinfo) -> datetime | None:
        return instant(self.at.replace(tzinfo=None), zone) if self.at and self.floating else self.at


class Moment(Sql):
    gives = DateTimeField

    def select_format(self, compiler, sql, params):
        return sql, params


# Python knows years of four digits only.
READ = """
CASE WHEN dripline_time({j}, {zone}) BETWEEN '1000-01-01' AND '9998-01-01' THEN dripline_time({j}, {zone}) END
"""
_FIRST = "(SELECT value FROM jsonb_array_elements({j}) WHERE value <> 'null' LIMIT 1)"


def field_named(key: object) -> AnyField:
    """The field that holds a date; raises UnknownField with a sentence for any other name."""
    if not isinstance(key, str) or not key.startswith(ROOTS):
        raise UnknownField("Choose the field that holds the date, such as contact.trial_ends_at.")
    if len(key) > MAX_NAME:
        raise UnknownField("The field’s name is too long; choose another field.")
    return found(key, _scope())


def why_not(key: object) -> str:
    """Why nothing can be reckoned from it, in a sentence; empty: it can."""
    try:
        field = field_named(key)
    except UnknownField as fault:
        return str(fault)
    if refused := next(iter(field.refused(_scope())), ""):
        return refused
    dated = field.type in ("", "any", "date") and field.seen(_scope(), "date") is not None
    return "" if dated else f"“{key}” holds no date; choose another field."


def readings(key: str, ids: Collection[int]) -> Mapping[int, Reading]:
    """By the id of the enrollment, in one query; a field that is not there any more holds nothing."""
    return _readings(key, Enrollment.objects.filter(pk__in=ids), _scope()) if ids else {}


def of_contacts(key: str, ids: Collection[int]) -> Mapping[int, Reading]:
    """The same by the id of the contact; of those that were not merged away."""
    return _readings(key, Contact.objects.current().filter(pk__in=ids), Scope(CONTACT)) if ids else {}


def sent(key: str) -> Combinable | None:
    """What the field of a contact holds, as JSON; None: there is no such field any more."""
    return _sent(key, Scope(CONTACT))


def _sent(key: str, scope: Scope) -> Combinable | None:
    held = found(key, scope).seen(scope, "date")
    # Of several companies the first one that has it.
    return Json(_FIRST, j=held) if held is not None and key.startswith("company.") else held


def _readings(key: str, rows: QuerySet, scope: Scope) -> Mapping[int, Reading]:
    sent = _sent(key, scope)
    if sent is None:
        return {}
    # Read in two zones: a time that differs between them names none.
    rows = rows.order_by().annotate(sent=Json("{j}", j=sent), here=_read(sent, "UTC"), there=_read(sent, "Etc/GMT+12"))
    return {pk: _reading(*values) for pk, *values in rows.values_list("pk", "sent", "here", "there")}


def _read(sent: Combinable, zone: str) -> Combinable:
    return Moment(READ, j=sent, zone=Value(zone))


def _reading(sent: Any, here: datetime | None, there: datetime | None) -> Reading:
    if here is None:
        return Reading(sent)
    return Reading(sent, here.astimezone(UTC), here != there, isinstance(sent, str) and len(sent) == 10)


def _scope() -> Scope:
    return Scope(ENROLLMENT, asks_database=True)
