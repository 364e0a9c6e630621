import datetime as dt
import re
import threading

import pytest
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.views.defaults import page_not_found, server_error

from campaigns.models import Message
from campaigns.tokens import token
from contacts import consent
from contacts.models import Address, ConsentRecord
from events.models import Event
from ops.models import SiteSettings
from tests.factories import NOW, MessageFactory, TopicFactory

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def message(monkeypatch):
    monkeypatch.setattr("lib.clock.now", lambda: NOW)
    message = MessageFactory(contact__email="ann@example.com")
    Message.objects.update(state="sent", outcome="sent", due_at=None, sent_at=NOW, settled_at=NOW)
    return message


def url(message):
    return f"/u/{token('unsubscribe', message.pk)}"


def strict():
    """A client that is checked like a browser of a stranger: no session, no CSRF token."""
    return Client(enforce_csrf_checks=True)


def unsubscribed(message):
    return Address.objects.get(pk=message.address_id).unsubscribed_at is not None


POSTS = {
    "urlencoded": {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    "multipart": {"data": ONE_CLICK},
    "no body": {},
    "empty multipart": {"data": {}},
    "broken multipart": {"data": b"--x\r\nnonsense", "content_type": "multipart/form-data"},
    "another type": {"data": b"\xff\xfe", "content_type": "application/octet-stream"},
    "JSON": {"data": "{", "content_type": "application/json"},
}


@pytest.mark.parametrize("post", POSTS.values(), ids=list(POSTS))
def test_one_click_acts_in_every_form(message, post):
    response = strict().post(url(message), **post)
    assert response.status_code == 200 and not response.cookies
    assert unsubscribed(message)


def test_it_is_recorded_once_however_often_it_is_said(message):
    for _ in range(3):
        response = strict().post(url(message), ONE_CLICK, headers={"user-agent": "Yahoo"})
        assert response.status_code == 200 and "You are unsubscribed" in response.content.decode()
    message.refresh_from_db()
    assert message.unsubscribed_at == NOW
    record = ConsentRecord.objects.get()
    assert (record.action, record.contact_id, record.topic) == ("withdrawn", message.contact_id, None)
    assert (record.source, record.ip, record.user_agent) == ("the unsubscribe link in a mail", "127.0.0.1", "Yahoo")
    event = Event.objects.get(type="email.unsubscribed")
    assert event.contact_id == message.contact_id and event.properties["campaign"] == message.campaign_id


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(message, method):
    response = getattr(strict(), method)(url(message))
    assert response.status_code == 200
    assert not unsubscribed(message) and not ConsentRecord.objects.exists() and not Event.objects.exists()


def test_the_page_has_one_button_and_names_nobody(message):
    page = strict().get(url(message)).content.decode()
    assert page.count("<button") == 1 and f'action="{url(message)}"' in page and 'method="post"' in page
    assert "Acme" in page and "a•••@example.com" in page and "ann@" not in page


def test_the_page_names_the_topic(message):
    Message.objects.update(topic=TopicFactory(name="Tips & tricks"))
    page = strict().get(url(message)).content.decode()
    assert "Tips &amp; tricks" in page


def test_undo_takes_back_what_the_link_did(message):
    strict().post(url(message))
    page = strict().post(f"{url(message)}/undo")
    assert page.status_code == 200 and "You are subscribed again" in page.content.decode()
    message.refresh_from_db()
    assert not unsubscribed(message) and message.unsubscribed_at is None
    assert [record.action for record in ConsentRecord.objects.order_by("id")] == ["withdrawn", "restored"]


def test_undo_works_from_the_page_and_can_be_followed_by_another_unsubscription(message, monkeypatch):
    page = strict().post(url(message)).content.decode()
    [undo] = re.findall(r'action="([^"]+)"', page)
    strict().post(undo)
    monkeypatch.setattr("lib.clock.now", lambda: NOW + dt.timedelta(seconds=5))
    strict().post(url(message))
    assert unsubscribed(message) and Event.objects.filter(type="email.unsubscribed").count() == 2


def test_undo_lifts_nothing_that_was_said_elsewhere(message):
    consent.unsubscribe(message.address_id, now=NOW, source="by telephone")
    strict().post(url(message))
    page = strict().post(f"{url(message)}/undo").content.decode()
    assert "Nothing was changed" in page and unsubscribed(message)


def test_undo_by_get_is_refused(message):
    strict().post(url(message))
    assert strict().get(f"{url(message)}/undo").status_code == 405
    assert unsubscribed(message)


@pytest.mark.parametrize("forged", ["x", "A" * 38, "ä", "a.b"])
def test_unknown_links_get_the_same_pages(message, forged):
    for method in ("get", "post"):
        known, unknown = (getattr(strict(), method)(place) for place in (url(message), f"/u/{forged}"))
        assert unknown.status_code == known.status_code == 200
        assert dict(unknown.headers) | {"Content-Length": ""} == dict(known.headers) | {"Content-Length": ""}
        without = re.compile(r"(to\s+)?<strong>.*?</strong>|/u/[^\"/]+|\s")
        assert without.sub("", unknown.content.decode()) == without.sub("", known.content.decode())
    assert not unsubscribed(message) or ConsentRecord.objects.count() == 1


def test_a_token_for_another_purpose_unsubscribes_nobody(message):
    for purpose in ("open", "click", "view"):
        assert strict().post(f"/u/{token(purpose, message.pk)}").status_code == 200
    assert not unsubscribed(message)


def test_pages_are_safe_and_private(message):
    response = strict().get(url(message))
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert (response["Cache-Control"], response["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "noindex" in response["X-Robots-Tag"]
    page = response.content.decode()
    assert "<script" not in page and "style=" not in page and "http" not in page


def test_a_hostile_site_name_stays_text(message):
    SiteSettings.objects.update(name="<script>alert(1)</script>")
    assert "<script" not in strict().post(url(message)).content.decode()


def test_a_test_mail_takes_the_team_off_but_not_the_contact_it_shows(message):
    """Its address is the team's; the contact whose values it shows said nothing."""
    Message.objects.update(purpose="test")
    strict().post(url(message))
    assert unsubscribed(message)
    assert ConsentRecord.objects.get().contact is None and not Event.objects.exists()


def test_a_message_without_an_address_is_no_error():
    message = MessageFactory(contact__email="")
    assert strict().post(url(message)).status_code == 200


def test_what_is_not_there_says_so_in_plain_words():
    request = RequestFactory().get("/nothing")
    lost, broken = page_not_found(request, Exception()), server_error(request)
    assert (lost.status_code, broken.status_code) == (404, 500)
    assert "There is nothing here" in lost.content.decode() and "not yours" in broken.content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_the_mail_that_is_being_handed_over(message):
    """Marking a message as being sent holds the address: the unsubscription commits after it, never in between."""
    done = threading.Event()

    def post():
        try:
            strict().post(url(message))
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        list(Address.objects.filter(pk=message.address_id).select_for_update(no_key=True))
        thread = threading.Thread(target=post)
        thread.start()
        assert not done.wait(0.3)
    thread.join(10)
    assert done.is_set() and unsubscribed(message)
