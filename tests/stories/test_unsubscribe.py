"""Unsubscribing, from the mail that arrived to the mails that do not arrive any more."""

import re

import pytest
from django.test import Client

from campaigns import lifecycle
from campaigns.linear import Row
from campaigns.models import Message
from contacts.models import Address, ConsentRecord
from events.models import Event
from lib import clock
from tests.factories import CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_mails(shop):
    """A campaign of two marketing mails, a day apart."""
    mails = [TemplateFactory(subject=subject) for subject in ("first", "second")]
    rows = [Row(uid=f"mail{n}", wait_amount=n, template=mail.pk) for n, mail in enumerate(mails)]
    return CampaignFactory(event="users.signed_up", rows=rows, now=clock.now())


def signed_up(shop, user="u1", email="ann@example.com"):
    shop.identify(user, email=email)
    shop.track(user, "Signed Up")


def header_link(mail):
    return re.fullmatch(r"<https?://[^/<>]+(/u/[\w-]+)>", mail.message["List-Unsubscribe"]).group(1)


def one_click(link):
    """As a mailbox provider posts it: no cookie, no referrer, no CSRF token, from nowhere in particular."""
    provider = Client(enforce_csrf_checks=True)
    answer = provider.post(link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200 and not answer.cookies
    return answer


def test_one_click_stops_every_further_mail_and_is_on_record(shop, inbox, two_mails):
    signed_up(shop)
    one_click(header_link(inbox.accepted[0]))
    shop.pass_time(days=1, seconds=1)
    assert [mail.message["Subject"] for mail in inbox.accepted] == ["first"]
    second = Message.objects.get(template__subject="second")
    assert (second.state, second.outcome) == ("not_sent", "unsubscribed")
    first = Message.objects.get(template__subject="first")
    assert first.unsubscribed_at is not None
    record, event = ConsentRecord.objects.get(), Event.objects.get(type="email.unsubscribed")
    assert record.action == "withdrawn" and record.contact_id == event.contact_id == first.contact_id
    assert event.properties["campaign"] == two_mails.pk and event.properties["step"] == "mail0"


def test_a_scanner_that_follows_every_link_of_the_mail_unsubscribes_nobody(shop, inbox, two_mails):
    signed_up(shop)
    html = inbox.accepted[0].message.get_body(["html"]).get_content()
    links = re.findall(r'(?:href|src)="https?://[^/"]+(/[ocu]/[^"]+)"', html)
    assert {link[1] for link in links} == {"o", "c", "u"}
    scanner = Client(headers={"user-agent": "Mozilla/5.0 (compatible; SecurityScanner/3.1)"})
    for link in [*links, header_link(inbox.accepted[0])]:
        for look in (scanner.get, scanner.head, scanner.options):
            assert look(link).status_code in (200, 302)
    shop.pass_time(days=1, seconds=1)
    assert len(inbox.accepted) == 2 and Address.objects.get().unsubscribed_at is None
    first = Message.objects.get(template__subject="first")
    assert first.clicked_at and first.clicked_by_human_at is None and first.opened_by_human_at is None


def test_the_link_in_the_mail_asks_first_and_can_be_undone(shop, inbox, two_mails):
    signed_up(shop)
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(header_link(inbox.accepted[0])).content.decode()
    [form] = re.findall(r'<form method="post" action="([^"]+)"', page)
    page = browser.post(form).content.decode()
    assert "You are unsubscribed" in page
    [undo] = re.findall(r'<form method="post" action="([^"]+)"', page)
    assert "You are subscribed again" in browser.post(undo).content.decode()
    shop.pass_time(days=1, seconds=1)
    assert len(inbox.accepted) == 2


def test_a_receipt_still_arrives(shop, inbox, two_mails):
    receipt = TemplateFactory(subject="Your receipt", transactional=True, html="<p>Thank you.</p>")
    CampaignFactory(event="order.completed", template=receipt, now=clock.now())
    signed_up(shop)
    one_click(header_link(inbox.accepted[0]))
    shop.track("u1", "Order Completed")
    assert [mail.message["Subject"] for mail in inbox.accepted] == ["first", "Your receipt"]
    assert inbox.accepted[1].message["List-Unsubscribe"] is None


def test_whoever_shares_the_address_is_left_in_peace_too(shop, inbox, two_mails):
    signed_up(shop, "u1")
    one_click(header_link(inbox.accepted[0]))
    signed_up(shop, "u2")
    assert len(inbox.accepted) == 1


def test_a_mail_that_waits_for_its_campaign_is_not_sent_after_all(shop, inbox, two_mails, publisher):
    signed_up(shop)
    link = header_link(inbox.accepted[0])
    shop.pass_time(hours=23)
    lifecycle.pause(two_mails, publisher, clock.now())
    one_click(link)
    lifecycle.resume(two_mails, publisher, clock.now())
    shop.pass_time(hours=2)
    assert len(inbox.accepted) == 1
