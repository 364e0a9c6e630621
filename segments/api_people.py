"""People named in a request: by our id, by the product's own, by e-mail; who of them was not found is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rest_framework import serializers

from contacts import addresses
from contacts.models import Contact, Identity
from ops.api import Body, bad_input

MOST = 1_000


class MissingShown(serializers.Serializer):
    """Who was not found, as they were named."""

    contacts = serializers.ListField(child=serializers.IntegerField())
    user_ids = serializers.ListField(child=serializers.CharField())
    emails = serializers.ListField(child=serializers.CharField())


class PeopleWritten(Body):
    """Up to 1,000 people, named in one or several ways."""

    needs_people = True
    contacts = serializers.ListField(
        child=serializers.IntegerField(), required=False, max_length=MOST, help_text="Our ids."
    )
    user_ids = serializers.ListField(
        child=serializers.CharField(max_length=255), required=False, max_length=MOST, help_text="Ids of your own."
    )
    emails = serializers.ListField(
        child=serializers.CharField(max_length=320),
        required=False,
        max_length=MOST,
        help_text="Everybody who has the address: two contacts may share one.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        count = sum(len(attrs.get(name, ())) for name in WAYS)
        if not count and self.needs_people:
            raise bad_input('Name whom it is about: {"contacts": […]}, {"user_ids": […]} or {"emails": […]}.')
        if count > MOST:
            raise bad_input(f"Name at most {MOST:,} people in a request; send the others in another one.")
        return attrs


@dataclass
class Named:
    """Ids of the contacts, and those names that led to nobody."""

    ids: set[int] = field(default_factory=set)
    missing: dict[str, list] = field(default_factory=lambda: {name: [] for name in WAYS})


def named(body: dict[str, Any]) -> Named:
    """Look them up; a contact that was merged stands for the other one. One query for each way of naming."""
    found = Named()
    for way, look_up in WAYS.items():
        given = dict.fromkeys(body.get(way, ()))
        known = look_up(given) if given else {}
        for name in given:
            if people := known.get(name):
                found.ids |= people
            else:
                found.missing[way].append(name)
    return found


def _by_id(given: Iterable[int]) -> dict[Any, set[int]]:
    possible = [pk for pk in given if 0 < pk < 2**63]
    rows = Contact.objects.filter(pk__in=possible).values_list("pk", "merged_into")
    return {pk: {merged_into or pk} for pk, merged_into in rows}


def _by_user_id(given: Iterable[str]) -> dict[Any, set[int]]:
    rows = Identity.objects.filter(kind=Identity.Kind.USER, value__in=list(given))
    known = rows.values_list("value", "contact", "contact__merged_into")
    return {value: {merged_into or pk} for value, pk, merged_into in known}


def _by_email(given: Iterable[str]) -> dict[Any, set[int]]:
    normal = {name: email for name in given if (email := _normal(name))}
    rows = Contact.objects.current().filter(address__email__in=set(normal.values()))
    people: dict[str, set[int]] = {}
    for email, pk in rows.values_list("address__email", "pk"):
        people.setdefault(email, set()).add(pk)
    return {name: people.get(email, set()) for name, email in normal.items()}


def _normal(email: str) -> str:
    try:
        return addresses.normalise(email)
    except addresses.NotAnAddress:
        return ""


WAYS: dict[str, Callable[[Iterable[Any]], dict[Any, set[int]]]] = {
    "contacts": _by_id,
    "user_ids": _by_user_id,
    "emails": _by_email,
}
