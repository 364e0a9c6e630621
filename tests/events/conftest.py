"""What the tests of events share: a source, its keys, a moment, and a way to post."""

import json
from datetime import UTC, datetime

import pytest

from events import recording
from events.items import Item
from ops.models import ApiKey, Source

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def source(db):
    return Source.objects.create(name="Web shop")


@pytest.fixture
def write_key(source):
    return ApiKey.objects.create_key("write", source)[1]


@pytest.fixture
def send(source):
    """Record items given as keywords; returns what became of them."""

    def send(*items, at=NOW, source=source, **arguments):
        return recording.record(source, [Item(**item) for item in items], at, **arguments)

    return send


@pytest.fixture
def post(client, write_key):
    """POST to the wire as the Segment clients do."""

    def post(path, body, *, key=write_key, content_type="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if key:
            headers.setdefault("Authorization", f"Bearer {key}")
        return client.post(f"/v1/{path}", body, content_type=content_type, headers=headers)

    return post


def track(event="Order Completed", user_id="u1", **more):
    return {"kind": "track", "event": event, "user_id": user_id, **more}


def identify(user_id="u1", /, message_id=None, **traits):
    return {"kind": "identify", "user_id": user_id, "traits": traits, "message_id": message_id}
