import datetime as dt

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from contacts.models import Contact
from lib import clock
from ops.models import ApiKey, Source
from scoring.document import Group
from tests import engine
from tests.api.scores import RULES, STAGES
from tests.scoring.building import made
from tests.scoring.test_settling import Shop

DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def fresh_counters():
    cache.clear()


@pytest.fixture
def source(db):
    return Source.objects.create(name="Web shop")


@pytest.fixture
def key_for(source):
    """Makes the text of a key."""

    def make(*scopes, kind="server"):
        return ApiKey.objects.create_key(kind, source, scopes=list(scopes) or None)[1]

    return make


@pytest.fixture
def api(key_for):
    """A client with every scope, that speaks JSON."""
    client = APIClient()
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for()}")
    return client


@pytest.fixture
def lead(source):
    return made(now=clock.now(), rules=RULES, stages=STAGES, groups=[Group(name="Mail", cap=30)])


@pytest.fixture
def ann(lead):
    """Clicked a moment ago and thirty days ago, and is a CEO: 40 + 20 + 20."""
    shop, now = Shop(), clock.now()
    shop.tells("ann", now=now, email="ann@example.com", first_name="Ann", title="CEO")
    shop.does("ann", "button.clicked", at=now - 30 * DAY, now=now)
    shop.does("ann", "button.clicked", at=now, now=now)
    engine.run(now)
    return Contact.objects.get().pk
