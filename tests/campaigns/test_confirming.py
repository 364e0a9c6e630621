"""Confirming an address: the button of a signed link, pressed by whoever reads the mailbox."""

import re
from uuid import UUID

import pytest
from django.test import Client

from campaigns.models import Message
from campaigns.tokens import token
from contacts.models import Contact
from events.models import Event
from tests import engine
from tests.campaigns.test_unsubscribe import POSTS
from tests.factories import NOW, MessageFactory, TemplateFactory, address_id, site

pytestmark = pytest.mark.django_db
LINK = '<p><a href="{{ confirm_url }}">Yes, it is mine</a></p>'


@pytest.fixture
def message(monkeypatch):
    monkeypatch.setattr("lib.clock.now", lambda: NOW)
    return MessageFactory(contact__email="ann@example.com")


def url(message):
    return f"/confirm/{token('confirm', message.pk)}"


def stranger():
    """A reader: no session, no CSRF token."""
    return Client(enforce_csrf_checks=True)


def confirmed():
    return Event.objects.filter(type="users.email_confirmed")


def test_the_page_shows_a_button_and_changes_nothing(message):
    for method in ("get", "head", "options"):
        page = getattr(stranger(), method)(url(message))
        assert page.status_code == 200 and not page.cookies
    assert "a•••@example.com" in stranger().get(url(message)).content.decode()
    assert page.headers["Referrer-Policy"] == "no-referrer" and "noindex" in page.headers["X-Robots-Tag"]
    assert not confirmed().exists()


@pytest.mark.parametrize("post", POSTS.values(), ids=list(POSTS))
def test_the_button_confirms_once(message, post):
    for _ in range(3):
        page = stranger().post(url(message), **post)
        assert page.status_code == 200 and "is confirmed" in page.content.decode()
    event = confirmed().get()
    assert (event.contact_id, event.occurred_at) == (message.contact_id, NOW)
    assert event.properties["campaign"] == message.campaign_id


@pytest.mark.parametrize("strange", ["x", "a" * 38, "%00", "é", token("confirm", UUID(int=7)), "A" * 5000])
def test_a_link_that_is_not_ours_gets_the_same_page_and_confirms_nothing(message, strange):
    assert stranger().get(f"/confirm/{strange}").status_code == 200
    page = stranger().post(f"/confirm/{strange}")
    assert page.status_code == 200 and "of no use any more" in page.content.decode()
    assert not confirmed().exists()


def test_the_link_for_unsubscribing_does_not_confirm(message):
    stranger().post(f"/confirm/{token('unsubscribe', message.pk)}")
    assert not confirmed().exists()


def test_an_address_that_they_have_no_more_is_not_confirmed(message):
    Contact.objects.update(address_id=address_id("new@example.com"))
    assert "of no use any more" in stranger().post(url(message)).content.decode()
    assert not confirmed().exists()


def test_a_test_mail_confirms_nothing(message):
    Message.objects.update(purpose=Message.Purpose.TEST)
    stranger().post(url(message))
    assert not confirmed().exists()


def test_the_mail_carries_the_link_untracked(message, settings, monkeypatch):
    from campaigns.rendering import render

    template = TemplateFactory(html=LINK, transactional=True)
    template.refresh_from_db()
    message.template = template
    found = render(message, [], site(), NOW)
    assert found.links == [] and "/c/" not in found.html
    links = re.findall(r'href="[^"]*(/confirm/[\w-]+)"', found.html)
    assert links == [url(message)] and url(message) in found.text
    assert template.compiled["warnings"] == []
    stranger().post(links[0])
    assert confirmed().count() == 1
    engine.run(NOW)
