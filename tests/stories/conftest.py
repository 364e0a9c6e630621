"""What the stories share: a shop with a write key that talks HTTP, a mail server, a clock that can be moved."""

from datetime import timedelta

import pytest

from lib import clock
from ops.models import ApiKey, Source
from tests import engine
from tests.factories import UserFactory, site
from tests.smtp_server import FaultySmtpServer


@pytest.fixture
def inbox(settings):
    """A real mail server on loopback, as the site's way out."""
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        settings.MAIL_CONNECTIONS = 1
        yield server


class Shop:
    """A product that sends what its users do, over HTTP, and lets time pass."""

    def __init__(self, client, settings):
        self.client, self.settings = client, settings
        self.source = Source.objects.create(name="Shop")
        _, self.key = ApiKey.objects.create_key("write", self.source)
        site()

    def send(self, *items: dict):
        """One batch over the public API; then whatever is due happens."""
        answer = self.client.post(
            "/v1/batch",
            {"batch": list(items)},
            content_type="application/json",
            headers={"authorization": f"Bearer {self.key}"},
        )
        assert answer.status_code == 200, answer.content
        self.work()
        return answer.json()

    def identify(self, user: str, **traits):
        return self.send({"type": "identify", "userId": user, "traits": traits})

    def track(self, user: str, event: str, **more):
        return self.send({"type": "track", "userId": user, "event": event, **more})

    def pass_time(self, **span) -> None:
        """Move the clock on and let the engine do what became due."""
        moved = clock.offset() + timedelta(**span)
        self.settings.CLOCK_OFFSET = str(moved.total_seconds())
        self.work()

    def work(self) -> None:
        engine.run(clock.now())


@pytest.fixture
def shop(db, client, settings, inbox):
    return Shop(client, settings)


@pytest.fixture
def publisher(db):
    return UserFactory(username="paula", email="paula@acme.example")
