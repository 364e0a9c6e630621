"""People of every role, and a contact with a history."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client

from contacts import writing
from events.models import Event
from lib import clock
from lib.ids import uuid7
from ops.models import Source, User


@pytest.fixture(autouse=True)
def _no_kept_numbers():
    cache.clear()


@pytest.fixture
def boss(db):
    """A superuser, logged in."""
    client = Client()
    client.force_login(User.objects.create_user("boss", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def log_in(db):
    """`log_in("Marketer")`: a client of somebody with that role; without a role: staff who may do nothing."""

    def client(role=""):
        user = User.objects.create_user(f"some-{role or 'body'}".lower(), is_staff=True)
        if role:
            user.groups.add(Group.objects.get(name=role))
        browser = Client()
        browser.force_login(user)
        return browser

    return client


@pytest.fixture
def shop(db):
    return Source.objects.create(name="Web shop")


@pytest.fixture
def ada(db):
    """A contact with a name, an address, attributes and a tag."""
    now = clock.now()
    pk, _ = writing.contact_for_user("ada-1", now)
    attributes = {"first_name": "Ada", "last_name": "Lovelace", "subscription.plan": "gold", "vip": True}
    writing.upsert(pk, writing.Upsert(attributes=attributes, email="ada@example.com", add_tags=["lead"]), now)
    return writing.Contact.objects.select_related("address").get(pk=pk)


@pytest.fixture
def happen(shop):
    """`happen(contact, "order.completed", hours_ago=3, dollars=29.33)` writes an event."""

    def event(contact, type, hours_ago=1, **properties):
        at = clock.now() - timedelta(hours=hours_ago)
        return Event.objects.create(
            id=uuid7(at), type=type, contact=contact, source=shop, occurred_at=at, received_at=at, properties=properties
        )

    return event
