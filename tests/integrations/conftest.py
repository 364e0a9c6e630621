"""What the tests of CRMs share: a HubSpot on loopback, a mail server, people who sign up."""

import pytest

from integrations.hubspot.connector import HubSpot as Connector
from tests.automation.conftest import inbox, track  # noqa: F401  the same ones
from tests.automation.webhooks import LOOPBACK
from tests.integrations.hubspot import HubSpot


@pytest.fixture
def hubspot(settings, monkeypatch):
    """HubSpot's address leads to a server on loopback, which connectors may reach."""
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with HubSpot() as server:
        monkeypatch.setattr(Connector, "base", server.url)
        yield server


@pytest.fixture
def sign_up(track):  # noqa: F811
    """`sign_up("ann", now=NOW, plan="pro")`: somebody with an address and a name, and what follows from it."""
    from tests.factories import NOW

    def send(user, now=NOW, traits=None, run=True, **properties):
        known = {"email": f"{user}@example.com", "first_name": user.capitalize(), "last_name": "Smith"}
        track(now, user, "users.signed_up", traits={**known, **(traits or {})}, run=run, **properties)

    return send
