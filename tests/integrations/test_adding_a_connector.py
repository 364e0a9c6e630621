"""The worked example of docs/adding-a-connector.md is not only read: it is registered, connected and pushed to."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from integrations import connecting
from integrations.connectors import CONNECTORS
from integrations.models import Connection, Push, Record
from tests import engine
from tests.automation.webhooks import LOOPBACK
from tests.campaigns.typing_in import browser
from tests.factories import NOW
from tests.http_receiver import Receiver, answer
from tests.integrations.building import connection, pushing

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-connector.md"
[THE_CLASS] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def acme(settings, monkeypatch):
    """The class of the page, registered for the time of a test, and a server that stands at its address."""
    settings.WEBHOOK_NETWORKS = LOOPBACK
    with Receiver() as server:
        written: dict = {}
        exec(THE_CLASS.replace("https://api.acme.example", server.url), written)  # noqa: S102  our own page
        monkeypatch.setitem(CONNECTORS._items, "acme", written["Acme"]())
        yield server


def test_the_example_is_chosen_tried_and_pushed_to(acme, inbox, sign_up):
    acme.answers = [answer(200)]
    chosen = browser("Engineer").get("/integrations/connection/add/").content.decode()
    assert "Connect HubSpot" in chosen and "Connect Acme CRM" in chosen and "?kind=acme" in chosen
    form = browser("Engineer").get("/integrations/connection/add/?kind=acme").content.decode()
    assert "In Acme under Settings" in form
    to = connection("Acme", kind="acme", account={}, mapping=[{"field": "contact.name", "property": "Full name"}])
    assert connecting.check(to, NOW) == "Acme answers."
    pushing(to)
    acme.answers = [answer(429, retry_after="60"), answer(200, {"id": 7}), answer(422), answer(200, {"id": 8})]
    for user in ("ann", "ben", "cleo"):
        sign_up(user, run=False)
    engine.run(NOW)
    assert Connection.objects.get().rests_until == NOW + timedelta(minutes=1)
    engine.run(NOW + timedelta(minutes=2))
    assert sorted(Push.objects.values_list("state", flat=True)) == ["done", "done", "failed"]
    assert Push.objects.get(state="failed").reason == "Acme answered 422."
    assert set(Record.objects.values_list("external_id", flat=True)) == {"7", "8"}
    assert acme.got[-1].method == "PUT" and acme.got[-1].json["Full name"].endswith(" Smith"), "as it was typed"


def test_an_example_that_is_not_let_in_is_paused(acme, inbox, sign_up):
    acme.answers = [answer(401)]
    to = connection("Acme", kind="acme")
    with pytest.raises(Exception, match="does not know this API key"):
        connecting.check(to, NOW)
    pushing(to)
    sign_up("ann")
    to.refresh_from_db()
    assert to.is_paused and Push.objects.get().state == "queued"
