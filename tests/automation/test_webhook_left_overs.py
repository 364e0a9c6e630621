"""Webhooks: addresses inside are refused while one types, secrets nobody uses go, attempts end when the step says."""

from datetime import timedelta

import pytest

from automation.call_models import HeaderSecret
from automation.forms.webhook import WebhookForm
from automation.kinds.webhook import WebhookKind
from automation.webhooks import receivers
from campaigns import lifecycle
from ops.work import SWEEPS
from tests import engine
from tests.automation.publishing_again import subjects
from tests.automation.webhooks import LOOPBACK, call, hooked, said
from tests.factories import NOW
from tests.http_receiver import answer

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
INSIDE = "The address leads into a network that webhooks may not reach; write one that the whole internet can."
URL = "https://api.example.com/trials"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1:8443", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "[::1]",
        "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "localhost", "LOCALHOST.", "app.localhost",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_in_the_panel_already(host):
    url = f"https://{host}/trials"
    assert WebhookKind().problems({"url": url}) == [INSIDE]
    form = WebhookForm({"method": "POST", "url": url, "timeout": "10", "success": "200-299"})
    assert form.errors == {"url": [INSIDE]}


@pytest.mark.parametrize("host", ["api.example.com", "93.184.216.34", "[2606:2800:220:1::1]", "localhosts.example.com"])
def test_public_addresses_and_networks_that_the_operator_names_are_taken(host, settings):
    assert WebhookKind().problems({"url": f"https://{host}/trials"}) == []
    settings.WEBHOOK_NETWORKS = LOOPBACK
    assert WebhookKind().problems({"url": "https://127.0.0.1/trials"}) == []
    assert WebhookKind().problems({"url": "https://localhost/trials"}) == []
    assert WebhookKind().problems({"url": "https://10.0.0.1/trials"}) == [INSIDE]


def sweep(after):
    SWEEPS["webhook secrets"]((NOW + after).replace(minute=7))


def test_secrets_are_kept_as_long_as_a_draft_or_a_version_names_them():
    keys = [receivers.keep_header("https://api.example.com", f"value{n}", NOW) for n in range(2)]
    named = [{"name": "Authorization", "secret": keys[0]}]
    campaign = hooked(URL, headers=named)
    sweep(6 * DAY)
    assert HeaderSecret.objects.count() == 2, "somebody may still be typing"
    sweep(8 * DAY)
    assert list(HeaderSecret.objects.values_list("key", flat=True)) == [keys[0]]
    document = lifecycle.parse(campaign.draft)
    document.steps[0].config = {"url": URL}
    campaign = lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)
    sweep(9 * DAY)
    assert HeaderSecret.objects.exists(), "what is live names it"
    lifecycle.archive(campaign, None, NOW)
    sweep(10 * DAY)
    assert not HeaderSecret.objects.exists()


def test_a_call_is_given_up_after_as_many_minutes_as_the_step_says(inbox, track, shop):
    shop.answers = [answer(503)] * 20
    hooked(shop.url, patience=15)
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    for minute in range(1, 17):
        engine.run(NOW + minute * MINUTE)
    assert (call().state, call().tries) == ("failed", 4)
    assert said()[-1].endswith("answered 503 Service Unavailable; given up, as the step says.")
    assert subjects(inbox) == ["It takes longer"]


@pytest.mark.parametrize("patience", [-1, 1441, 10**30])
def test_patience_has_limits(patience):
    [problem] = WebhookKind().problems({"url": URL, "patience": patience})
    assert problem.startswith("Write how many minutes it is tried at most")


def test_the_form_keeps_the_patience():
    typed = {"method": "POST", "url": URL, "timeout": "10", "success": "200-299"}
    form = WebhookForm({**typed, "patience": "25"})
    assert form.is_valid() and form.config()["patience"] == 25
    assert WebhookForm.initial_from({"url": URL, "patience": 25})["patience"] == 25
    form = WebhookForm(typed)
    assert form.is_valid() and "patience" not in form.config()
