import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from ops.models import ApiKey, Source


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
