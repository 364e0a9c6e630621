"""The log of calls and the receivers in the admin: what people see, and what they may do."""

from datetime import timedelta

import pytest
from django.urls import reverse

from automation.call_models import Call, Receiver
from automation.webhooks import receivers
from lib import clock
from tests import engine
from tests.automation.webhooks import call, hooked
from tests.campaigns.typing_in import browser
from tests.http_receiver import answer

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def failed(shop, track):
    """Ann's call has been answered 500 once."""
    shop.answers = [answer(500, "<b>Out of memory</b>"), answer(200, {"url": "https://t.example/7"})]
    now = clock.now()
    hooked(shop.url + "/trials", now=now, body='{"mail": {{ contact.email }}}')
    track(now, "ann", "users.signed_up", traits={"email": "ann@example.com", "name": "Ann"})
    engine.run(now)
    Call.objects.update(due_at=now + HOUR)  # however long the test takes
    return call()


def test_the_log_tells_what_was_sent_and_what_came_of_it(failed, admin_client):
    rows = admin_client.get("/automation/call/").content.decode()
    assert "Ann" in rows and "Waiting for its turn" in rows and "500" in rows
    text = admin_client.get(f"/automation/call/{failed.pk}/change/").content.decode()
    for words in (
        "answered 500 Internal Server Error; tried again in",
        "&lt;b&gt;Out of memory",
        "/trials",
        "msg_",
        "Try again",
    ):
        assert words in text, words
    assert "<b>Out of memory" not in text and "ann@example.com" in text
    way = admin_client.get(f"/automation/enrollment/{failed.enrollment_id}/change/").content.decode()
    assert f"/automation/call/{failed.pk}/change/" in way and "Waits for the answer of 127.0.0.1" in way


def test_an_engineer_is_not_led_to_pages_that_are_not_theirs(failed):
    html = browser("Engineer").get(f"/automation/call/{failed.pk}/change/").content.decode()
    assert "Ann" in html and "/contacts/contact/" not in html and "/campaigns/campaign/" not in html


def test_a_person_has_it_called_again_at_once(failed, admin_client, shop):
    url = f"/automation/call/{failed.pk}/again/"
    assert "under the same id" in admin_client.get(url).content.decode()
    assert Call.objects.get().due_at > clock.now(), "looking does nothing"
    assert "is called again now" in admin_client.post(url, follow=True).content.decode()
    engine.run(clock.now() + timedelta(seconds=1))
    assert call().state == "done" and len(shop.got) == 2
    assert "so nothing was done" in admin_client.post(url, follow=True).content.decode()


def test_the_search_finds_by_name_and_the_filter_by_receiver(failed, admin_client):
    def lists(query):
        return (
            f"/automation/call/{failed.pk}/change/" in admin_client.get(f"/automation/call/?{query}").content.decode()
        )

    other = receivers.receiver("https://other.example", clock.now())
    assert lists("q=ann@") and not lists("q=nobody")
    assert lists(f"receiver__id__exact={failed.receiver_id}") and not lists(f"receiver__id__exact={other.pk}")


def test_the_signing_secret_is_shown_once_and_both_sign_for_a_day(failed, admin_client, admin_user):
    receiver = Receiver.objects.get()
    page, url = f"/automation/receiver/{receiver.pk}/change/", f"/automation/receiver/{receiver.pk}/renew/"
    assert "Nobody has the secret yet" in admin_client.get(page).content.decode()
    assert "whsec_" not in admin_client.get(url).content.decode()
    made = admin_client.post(url)
    secret = made.content.decode().partition("whsec_")[2].partition("<")[0]
    receiver.refresh_from_db()
    assert receivers.signing_keys(receiver, clock.now()) == [f"whsec_{secret}"] and "no-store" in made["Cache-Control"]
    assert "whsec_" not in admin_client.get(page).content.decode()
    asked = {"seen": admin_client.get(url).context["form"]["seen"].value()}
    pressed = [admin_client.post(url, asked).content.decode() for _ in range(2)]
    receiver.refresh_from_db()
    keys = receivers.signing_keys(receiver, clock.now())
    assert len(keys) == 2 and keys[1] == f"whsec_{secret}", "pressed twice, the one that the receiver has still signs"
    assert keys[0] in pressed[0] and keys[0] in pressed[1]
    Receiver.objects.update(renewed_at=clock.now() - timedelta(hours=1))
    late = admin_client.post(url, asked, follow=True).content.decode()
    assert "Somebody had a new secret made" in late and "whsec_" not in late
    assert "signs as well for a day" in admin_client.get(page).content.decode()
    assert "whsec_" not in admin_client.get("/automation/receiver/").content.decode()


def test_parked_calls_wait_on_operations(failed, admin_client):
    Call.objects.update(state="parked", due_at=None, reason="Three attempts to make the call ended.")
    assert "Parked webhook calls" in admin_client.get(reverse("admin:operations")).content.decode()
