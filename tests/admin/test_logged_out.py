"""A form that is sent by somebody who was logged out meanwhile is carried along by the log-in, and back."""

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from tests.campaigns.typing_in import person, typed

pytestmark = pytest.mark.django_db
ADD = "/campaigns/campaign/add/"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def mara():
    someone = person("Marketer")
    someone.set_password("correct horse 8")
    someone.save()
    return {"username": someone.username, "password": "correct horse 8"}


def field(name: str, html: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    assert found, name
    return unescape(found[1])


def test_what_was_typed_comes_back_after_the_log_in_and_is_sent_by_a_button(mara):
    client, sent = Client(), typed(name='A "new" <one>', objective="Two\nlines")
    asked = client.post(ADD, sent, headers=BROWSER).content.decode()
    assert "What you typed is not lost" in asked and not Campaign.objects.filter(name=sent["name"]).exists()
    action = f"{reverse('admin:login')}?next=%2Fcampaigns%2Fcampaign%2Fadd%2F"
    assert f'action="{action}"' in asked
    kept = {"kept": field("kept", asked)}
    again = client.post(action, {**mara, **kept, "password": "wrong"}).content.decode()
    assert field("kept", again) == kept["kept"], "a wrong password loses nothing either"
    shown = client.post(action, {**mara, **kept})
    assert shown.status_code == 200 and "no-store" in shown["Cache-Control"]
    pairs = dict(shown.context["pairs"])
    assert pairs == {name: str(value) for name, value in sent.items()}
    assert "<one>" not in shown.content.decode() and f'action="{ADD}"' in shown.content.decode()
    client.post(ADD, pairs, headers=BROWSER)
    assert Campaign.objects.filter(name=sent["name"]).exists()


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        ({"old_password": "x"}, BROWSER),
        ({"secret": "x"}, BROWSER),
        ({"name": "x" * 600_000}, BROWSER),
        ({"name": "x"}, {}),
    ],
)
def test_secrets_and_what_scripts_send_are_not_carried_along(data, headers):
    answer = Client().post(ADD, data, headers=headers)
    assert answer.status_code == 302 and answer.url.startswith(reverse("admin:login"))


def test_what_another_site_sends_is_not_carried_along():
    stranger = Client(enforce_csrf_checks=True)
    for url in (ADD, reverse("admin:login")):
        answer = stranger.post(url, {"kept": '[["name", "theirs"]]', "name": "theirs"}, headers=BROWSER)
        assert answer.status_code == 403 and "theirs" not in answer.content.decode()


@pytest.mark.parametrize("kept", ["{", "5", '["a"]', '[["a"]]', "null"])
def test_what_we_did_not_write_is_passed_over(mara, kept):
    assert Client().post(reverse("admin:login"), {**mara, "kept": kept}).status_code == 302
