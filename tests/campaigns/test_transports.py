"""Ways out by EMAIL_URL; a provider's HTTP API is played by a real server on loopback."""

import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured

from campaigns import sending
from campaigns.models import Message
from campaigns.transports import transport_from
from contacts.models import Suppression
from ops.models import SiteSettings
from tests.factories import NOW, CampaignFactory, MessageFactory

FINE = {"To": "ann@example.com", "SubmittedAt": "now", "MessageID": "1", "ErrorCode": 0, "Message": "OK"}
REFUSED = {
    "ErrorCode": 406,
    "Message": "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
    "gone@example.com. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a "
    "manual suppression.",
}


class Provider(HTTPServer):
    """Speaks Postmark's API; `status`, `body`, `delay` and `drop` say how. `taken` is what it was given."""

    status, body, delay, drop = 200, json.dumps(FINE).encode(), 0.0, False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.taken: list[dict] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"anymail+postmark://?server_token=secret&api_url=http://127.0.0.1:{self.server_port}/"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self):
        mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append(mail)
        time.sleep(self.server.delay)
        if self.server.drop:
            return self.connection.close()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        return self.wfile.write(self.server.body)

    def log_message(self, *args):
        pass


@pytest.fixture
def provider(settings):
    settings.ANYMAIL, settings.MAIL_CONNECTIONS = {"REQUESTS_TIMEOUT": 0.5}, 1
    provider = Provider()
    settings.EMAIL_URL = provider.url
    yield provider
    provider.shutdown()
    provider.server_close()


@pytest.mark.django_db
def test_a_provider_gets_the_mail_with_its_headers_and_our_id(provider):
    message = MessageFactory(contact__email="ann@example.com")
    sending.send_due(NOW)
    message.refresh_from_db()
    assert message.state == "sent" and hasattr(message, "body")
    [mail] = provider.taken
    assert mail["To"] == "ann@example.com" and mail["From"] == "Ann of Acme <ann@acme.example>"
    assert mail["HtmlBody"] and mail["TextBody"] and mail["Metadata"] == {"message": message.pk.hex}
    headers = {header["Name"]: header["Value"] for header in mail["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click" and "/u/" in headers["List-Unsubscribe"]
    assert headers["Message-ID"] == message.message_id


@pytest.mark.django_db
def test_a_mail_that_cannot_be_made_does_not_hide_what_became_of_the_one_before(provider):
    campaign = CampaignFactory()
    first = MessageFactory(campaign=campaign)
    MessageFactory(campaign=campaign, template__compiled={}, now=NOW + timedelta(seconds=1))
    with pytest.raises(KeyError):
        sending.send_due(NOW + timedelta(seconds=1))
    first.refresh_from_db()
    assert first.state == "sent" and len(provider.taken) == 1


ANSWERS = {
    "bad request": (400, "not_sent", "refused"),
    "unprocessable": (422, "not_sent", "refused"),
    "wrong key": (401, "queued", ""),
    "forbidden": (403, "queued", ""),
    "too many": (429, "queued", ""),
    "busy": (503, "queued", ""),
    "broken": (500, "unknown", "unknown"),
    "bad gateway": (502, "unknown", "unknown"),
    "gateway time-out": (504, "unknown", "unknown"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "state", "outcome"), ANSWERS.values(), ids=list(ANSWERS))
def test_each_answer_ends_in_its_state(provider, status, state, outcome):
    provider.status, provider.body = status, b'{"ErrorCode": 1, "Message": "no"}'
    message = MessageFactory()
    sending.send_due(NOW)
    message.refresh_from_db()
    assert (message.state, message.outcome) == (state, outcome) and message.reason
    assert bool(SiteSettings.get().sending_stopped_at) is (status in (401, 403))
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_a_time_out_after_the_request_is_unknown(provider):
    provider.delay = 0.8
    message = MessageFactory()
    sending.send_due(NOW)
    message.refresh_from_db()
    assert message.state == "unknown" and len(provider.taken) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("fault", [{"drop": True}, {"body": b"<html>oops"}, {"body": b"[]"}])
def test_an_answer_that_says_nothing_is_unknown(provider, fault):
    vars(provider).update(fault)
    message = MessageFactory()
    sending.send_due(NOW)
    message.refresh_from_db()
    assert message.state == "unknown" and len(provider.taken) == 1


@pytest.mark.django_db
def test_a_provider_that_is_down_puts_everything_off(provider):
    provider.shutdown()
    provider.server_close()
    MessageFactory.create_batch(3, campaign=CampaignFactory())
    sending.send_due(NOW)
    assert set(Message.objects.values_list("state", flat=True)) == {"queued"}


@pytest.mark.django_db
def test_a_recipient_that_the_provider_refuses_is_suppressed(provider):
    provider.status, provider.body = 422, json.dumps(REFUSED).encode()
    message = MessageFactory(contact__email="gone@example.com")
    sending.send_due(NOW)
    message.refresh_from_db()
    assert (message.state, message.outcome) == ("not_sent", "bounced") and Suppression.objects.exists()


@pytest.mark.parametrize("url", ["", "localhost:25", "http://x", "sendmail://", "anymail://"])
def test_a_way_that_is_none_is_named_with_its_remedy(url):
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must begin with smtp://"):
        transport_from(url)
