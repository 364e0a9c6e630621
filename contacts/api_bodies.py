"""Contacts as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from contacts.models import Contact, Identity
from ops.api import Body

ANN = {
    "id": 42,
    "user_ids": ["u-1001"],
    "anonymous_ids": ["5f2c…"],
    "email": "ann@example.com",
    "name": "Ann Lee",
    "timezone": "Europe/Paris",
    "attributes": {"first_name": "Ann", "last_name": "Lee", "subscription": {"plan": "pro"}},
    "tags": ["vip"],
    "companies": ["acme"],
    "unsubscribed_at": None,
    "created_at": "2026-03-02T09:00:00Z",
    "updated_at": "2026-03-02T09:00:00Z",
    "last_seen_at": "2026-03-02T09:00:00Z",
}
SHOWN = OpenApiExample("A contact", ANN, response_only=True)
WRITTEN = OpenApiExample(
    "An upsert",
    {"email": "ann@example.com", "attributes": {"first_name": "Ann", "subscription.plan": "pro"}, "add_tags": ["vip"]},
    request_only=True,
)


class ContactShown(serializers.Serializer):
    """A contact."""

    id = serializers.IntegerField()
    user_ids = serializers.ListField(child=serializers.CharField())
    anonymous_ids = serializers.ListField(child=serializers.CharField())
    email = serializers.CharField(help_text="Empty: no address is known.")
    name = serializers.CharField(help_text="Made from the attributes name, or first_name and last_name.")
    timezone = serializers.CharField(help_text="Such as Europe/Paris; empty: the site's.")
    attributes = serializers.DictField()
    tags = serializers.ListField(child=serializers.CharField())
    companies = serializers.ListField(child=serializers.CharField(), help_text="Your own ids of them.")
    unsubscribed_at = serializers.DateTimeField(
        allow_null=True, help_text="When the address unsubscribed from everything that is marketing."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(allow_null=True)


def shown(contact: Contact) -> dict[str, Any]:
    """A contact as JSON; its address, ids, tags and companies were fetched with it."""
    ids: dict[str, list[str]] = {kind: [] for kind in Identity.Kind.values}
    for identity in contact.identities.all():
        ids[identity.kind].append(identity.value)
    return {
        "id": contact.pk,
        "user_ids": sorted(ids[Identity.Kind.USER]),
        "anonymous_ids": sorted(ids[Identity.Kind.ANONYMOUS]),
        "email": contact.email,
        "name": contact.name,
        "timezone": contact.timezone,
        "attributes": contact.attributes,
        "tags": sorted(tag.name for tag in contact.tags.all()),
        "companies": sorted(company.key for company in contact.companies.all()),
        "unsubscribed_at": contact.address.unsubscribed_at if contact.address else None,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "last_seen_at": contact.last_seen_at,
    }


class Tags(serializers.ListField):
    """Names of tags."""

    child = serializers.CharField(max_length=80)

    def __init__(self, **kwargs):
        super().__init__(**{"required": False, "max_length": 100} | kwargs)


class ContactWritten(Body):
    """What to write about a contact; what is not named stays as it is."""

    email = serializers.CharField(required=False, allow_blank=True, help_text="Empty: take the address away.")
    timezone = serializers.CharField(required=False, allow_blank=True, help_text="Such as Europe/Paris.")
    attributes = serializers.DictField(
        required=False,
        help_text="By name or dotted path (`subscription.plan`); null removes one. An object replaces an object.",
    )
    add_tags = Tags()
    remove_tags = Tags()


class TagsWritten(Body):
    """Tags to put on a contact."""

    tags = Tags(required=True, min_length=1)


class TagsShown(serializers.Serializer):
    """The tags that a contact has now."""

    tags = serializers.ListField(child=serializers.CharField())


class UnsubscribeWritten(Body):
    """What the person does not want any more."""

    topic = serializers.SlugField(required=False, help_text="Key of a topic; without one: all marketing.")
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, max_length=80, help_text="Where the person said so, such as “account page”."
    )
    wording = serializers.CharField(required=False, max_length=2000, help_text="What the person saw, word for word.")


class UnsubscribeShown(serializers.Serializer):
    """What came of it."""

    changed = serializers.BooleanField(help_text="False: that was said already.")
    email = serializers.CharField()
