"""The form of the webhook step: what is typed becomes the configuration, secrets go in and never come out."""

import json

import pytest

from automation.call_models import Call, HeaderSecret, Receiver
from automation.forms.webhook import DOTS, WebhookForm
from automation.kinds.webhook import WebhookKind
from automation.models import Enrollment
from campaigns.models import Campaign, Version
from tests import engine
from tests.automation.webhooks import LOOPBACK, hooked
from tests.factories import NOW
from tests.http_receiver import Receiver as Server

pytestmark = pytest.mark.django_db
TYPED = {"method": "POST", "url": "https://api.example.com/trials", "timeout": "10", "success": "200-299"}
PLAIN = "sk_live_51Hx"


def form(**changes):
    return WebhookForm({**TYPED, **changes}, prefix=None)


def saved(**changes):
    found = form(**changes)
    assert found.is_valid(), found.errors
    return found.config()


def errors(**changes):
    found = form(**changes)
    assert not found.is_valid()
    return {field: str(problems[0]) for field, problems in found.errors.items()}


def test_what_is_typed_is_what_is_kept_and_shown_again():
    config = saved(
        body='{"a": {{ contact.email }}}', headers="X-Team: Growth\nX-Stage:  9", answer="trial", timeout="5"
    )
    assert config == {
        "method": "POST", "url": "https://api.example.com/trials", "timeout": 5, "success": "200-299",
        "body": '{"a": {{ contact.email }}}', "answer": "trial",
        "headers": [{"name": "X-Team", "value": "Growth"}, {"name": "X-Stage", "value": "9"}],
    }  # fmt: skip
    assert WebhookKind().problems(config) == [] and Receiver.objects.get().origin == "https://api.example.com"
    again = WebhookForm({**WebhookForm.initial_from(config)})
    assert again.is_valid() and again.config() == config


def test_a_secret_is_sealed_and_only_its_key_stands_anywhere():
    config = saved(secrets=f"Authorization: Bearer {PLAIN}")
    [header] = config["headers"]
    row = HeaderSecret.objects.get(key=header["secret"])
    assert header.keys() == {"name", "secret"} and PLAIN not in json.dumps(config) and PLAIN not in row.value
    shown = WebhookForm.initial_from(config)
    assert DOTS in shown["secrets"] and PLAIN not in str(shown) and not shown["headers"]
    again = WebhookForm(shown)
    assert again.is_valid() and again.config() == config, "the dots keep the value"
    assert HeaderSecret.objects.count() == 1
    assert WebhookKind().problems(config) == []


def test_a_secret_typed_among_the_plain_headers_is_sealed_all_the_same():
    config = saved(headers=f"X-Team: Growth\nX-Api-Key: {PLAIN}")
    assert PLAIN not in json.dumps(config) and HeaderSecret.objects.count() == 1


def test_a_kept_secret_serves_at_its_own_server_only():
    shown = WebhookForm.initial_from(saved(secrets=f"Authorization: {PLAIN}"))
    stolen = WebhookForm({**shown, "url": "https://evil.example/"})
    assert not stolen.is_valid() and "meant for another server" in str(stolen.errors)
    config = saved(secrets=f"Authorization: {PLAIN}")
    moved = {**config, "url": "https://evil.example/"}
    assert "Type the value of the secret header “Authorization” again" in WebhookKind().problems(moved)[0]


def test_a_new_secret_key_of_the_site_asks_for_the_values_again(settings):
    config = saved(secrets=f"Authorization: {PLAIN}")
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    assert "Authorization" in WebhookKind().problems(config)[0]
    settings.SECRET_KEY_FALLBACKS = [old]
    assert WebhookKind().problems(config) == []


def test_an_imported_value_that_should_be_secret_is_refused_and_not_shown():
    config = {**saved(), "headers": [{"name": "Authorization", "value": PLAIN}]}
    assert "type it among the secret headers" in WebhookKind().problems(config)[0]
    assert PLAIN not in str(WebhookForm.initial_from(config))


def test_the_secret_arrives_at_the_receiver_and_stands_in_no_row_page_or_log(track, settings, admin_client, caplog):
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP = LOOPBACK, True
    with Server() as shop:
        config = saved(url=shop.url, secrets=f"Authorization: Bearer {PLAIN}", headers="X-Team: Growth")
        hooked(shop.url, **{name: value for name, value in config.items() if name != "url"})
        track(NOW, "ann", "users.signed_up")
        engine.run(NOW)
        assert shop.got[0].headers["Authorization"] == f"Bearer {PLAIN}" and shop.got[0].headers["X-Team"] == "Growth"
    call = Call.objects.get()
    rows = [*Campaign.objects.values(), *Version.objects.values(), *Call.objects.values(), *call.attempts.values()]
    pages = [f"/automation/call/{call.pk}/change/", "/automation/call/"]
    pages.append(f"/automation/enrollment/{Enrollment.objects.get().pk}/change/")
    texts = [str(rows), caplog.text, *(admin_client.get(page).content.decode() for page in pages)]
    assert all(PLAIN not in text for text in texts)
    assert "kept secret" in texts[2] and "Growth" in texts[2]


def test_what_is_wrong_is_said_at_its_field():
    assert "https://" in errors(url="http://api.example.com/")["url"]
    assert "host name" in errors(url="https://ann:pw@api.example.com/")["url"]
    assert errors(url="https://api.example.com/#top")["url"].startswith("What follows #")
    assert "value “contcat.x”" in errors(body="{{ contcat.x }}")["body"]
    assert "Line 1" in errors(body="{{ contact.x")["body"]
    assert "no body" in errors(method="GET", body="{}")["body"]
    assert "200 to 599" in errors(success="ok")["success"]
    assert "X-A" in errors(headers="X-A: é")["headers"] and "“no colon”" in errors(headers="no colon")["headers"]
    assert "Host" in errors(headers="Host: x")["headers"] and "Cookie" in errors(secrets="Cookie: x")["secrets"]
    assert "Write the value" in errors(secrets="Authorization:")["secrets"]
    assert "small letters" in errors(answer="My Trial")["answer"]
    assert errors(timeout="31")["timeout"] and errors(url="")["url"]
