"""The welcome sequence, from the shop's HTTP request to the mail that arrives, over four days."""

import re

import pytest

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.models import Campaign, Message
from contacts.models import Contact
from events.models import Event
from lib import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def welcome(shop, publisher):
    """The sequence that comes with the product, activated by a publisher."""
    campaign = Campaign.objects.get(name="Welcome sequence")
    assert campaign.state == Campaign.State.DRAFT
    return lifecycle.activate(campaign, publisher, clock.now())


def subjects(inbox):
    return [mail.message["Subject"] for mail in inbox.accepted]


ALL_FOUR = [
    "Welcome, Ann",
    "Getting started: the first five minutes",
    "What others do here",
    "Ann, any questions?",
]


def test_ann_signs_up_and_gets_four_mails_in_three_days(shop, inbox, welcome):
    shop.identify("u1", email="Ann@Example.com", firstName="Ann")
    assert inbox.accepted == []
    shop.track("u1", "Signed Up")
    assert subjects(inbox) == ALL_FOUR[:1]
    for day in (2, 3, 4):
        shop.pass_time(hours=23)
        assert len(inbox.accepted) == day - 1, "a day is 24 hours"
        shop.pass_time(hours=1, seconds=1)
        assert subjects(inbox) == ALL_FOUR[:day]
    shop.pass_time(days=30)
    assert subjects(inbox) == ALL_FOUR
    assert {mail.recipient for mail in inbox.accepted} == {"ann@example.com"}
    row = Enrollment.objects.get()
    assert row.state == Enrollment.State.FINISHED
    assert [visit.kind for visit in Visit.objects.order_by("id")] == ["email", "wait"] * 3 + ["email"]
    assert all(visit.explanation for visit in Visit.objects.all())
    assert Event.objects.filter(type="email.sent").count() == 4


def test_the_mail_greets_by_name_and_carries_what_mailbox_providers_ask_for(shop, inbox, welcome):
    shop.identify("u1", email="ann@example.com", firstName="<b>Ann</b>")
    shop.track("u1", "Signed Up")
    mail = inbox.accepted[0].message
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    assert "Hello &lt;b&gt;Ann&lt;/b&gt;" in html and "Hello <b>Ann</b>" in text
    assert "1 Acme Street" in html and "1 Acme Street" in text
    assert mail["From"] == "Ann of Acme <ann@acme.example>" and mail["To"] == "ann@example.com"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(r"<(http[^<>]+/u/[\w-]+)>", mail["List-Unsubscribe"]).group(1)
    assert link in html
    assert mail["Message-ID"] == Message.objects.get().message_id
    assert "Bcc" not in mail and "Auto-Submitted" not in mail


def test_the_same_event_twice_is_one_mail(shop, inbox, welcome):
    shop.identify("u1", email="ann@example.com")
    for _ in range(3):
        shop.track("u1", "Signed Up", messageId="same")
    shop.send(*[{"type": "track", "userId": "u1", "event": "Signed Up", "messageId": "other"}] * 2)
    assert len(inbox.accepted) == 1
    assert Event.objects.filter(type="users.signed_up").count() == 2


def test_unsubscribing_by_the_button_of_the_mail_program_stops_the_mails_not_the_sequence(shop, inbox, welcome, client):
    shop.identify("u1", email="ann@example.com")
    shop.track("u1", "Signed Up")
    link = inbox.accepted[0].message["List-Unsubscribe"].strip("<>")
    path = "/u/" + link.rpartition("/u/")[2]
    assert client.get(path).status_code == 200
    shop.pass_time(days=1, seconds=1)
    assert len(inbox.accepted) == 2, "looking at the page changes nothing"
    answer = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    for _ in range(3):
        shop.pass_time(days=1, seconds=1)
    assert len(inbox.accepted) == 2
    assert set(Message.objects.filter(state="not_sent").values_list("outcome", flat=True)) == {"unsubscribed"}
    assert Enrollment.objects.get().state == Enrollment.State.FINISHED


def test_pausing_holds_everybody_and_resuming_goes_on_without_a_flood(shop, inbox, welcome, publisher):
    shop.identify("u1", email="ann@example.com", firstName="Ann")
    shop.track("u1", "Signed Up")
    lifecycle.pause(welcome, publisher, clock.now())
    shop.pass_time(days=1, hours=2)
    assert subjects(inbox) == ALL_FOUR[:1]
    lifecycle.resume(welcome, publisher, clock.now())
    shop.work()
    assert subjects(inbox) == ALL_FOUR[:2]
    lifecycle.pause(welcome, publisher, clock.now())
    shop.pass_time(days=9)
    lifecycle.resume(welcome, publisher, clock.now())
    shop.pass_time(seconds=1)
    assert subjects(inbox) == ALL_FOUR[:2], "a mail that is more than a day late is not sent"
    shop.pass_time(days=1, seconds=1)
    assert subjects(inbox) == [*ALL_FOUR[:2], ALL_FOUR[3]]


def test_a_visitor_who_signs_up_later_is_one_contact_with_one_history(shop, inbox, welcome):
    shop.send({"type": "track", "anonymousId": "a1", "event": "Product Viewed", "properties": {"name": "lamp"}})
    shop.send({"type": "identify", "anonymousId": "a1", "traits": {"firstName": "Ann"}})
    shop.identify("u1", email="ann@example.com")
    shop.send({"type": "identify", "anonymousId": "a1", "userId": "u1"})
    shop.track("u1", "Signed Up")
    ann = Contact.objects.current().get()
    assert ann.attributes["first_name"] == "Ann" and ann.email == "ann@example.com"
    assert set(Event.objects.filter(contact=ann).values_list("type", flat=True)) >= {
        "product.viewed",
        "users.signed_up",
    }
    assert subjects(inbox) == ["Welcome, Ann"]
    shop.send({"type": "track", "anonymousId": "a1", "event": "Signed Up"})
    assert len(inbox.accepted) == 1, "the two are one, and she is welcomed once"


def test_two_people_at_one_address_are_two_contacts(shop, inbox, welcome):
    shop.identify("u1", email="family@example.com", firstName="Ann")
    shop.identify("u2", email="family@example.com", firstName="Ben")
    shop.track("u1", "Signed Up")
    shop.track("u2", "Signed Up")
    assert sorted(subjects(inbox)) == ["Welcome, Ann", "Welcome, Ben"]
