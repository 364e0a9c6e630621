"""What the engine's tests share: a mail server that keeps what it takes, and events recorded at a moved clock."""

from datetime import datetime

import pytest

from events import recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.webhooks import LOOPBACK
from tests.http_receiver import Receiver
from tests.smtp_server import FaultySmtpServer


@pytest.fixture
def inbox(settings):
    """A real mail server on loopback, as the site's way out; one connection, in the test's own transaction."""
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        settings.MAIL_CONNECTIONS = 1
        yield server


@pytest.fixture
def track(db):
    """`track(now, "ann", "users.signed_up", plan="pro")`: one event, and everything that follows from it until then."""
    source = Source.objects.create(name="Shop")

    def send(now: datetime, user: str, event: str, traits: dict | None = None, run: bool = True, **properties):
        if traits:
            recording.record(source, [Item(kind="identify", user_id=user, traits=traits)], now)
        recorded = recording.record(source, [Item(kind="track", user_id=user, event=event, properties=properties)], now)
        assert not recorded.rejected, recorded.rejected
        if run:
            engine.run(now)

    return send


@pytest.fixture
def shop(settings):
    """A server on loopback that webhooks may call."""
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP = LOOPBACK, True
    with Receiver() as server:
        yield server
