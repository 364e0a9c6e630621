"""The contact page: a person's story in sentences, whole whatever its length, in a fixed number of queries."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation.models import Enrollment, Refusal, Visit
from campaigns.linear import Row
from contacts import consent, panels
from contacts.models import Company, CompanyMember, Contact, Suppression, Topic
from events.models import EventTypeRow
from lib import clock
from ops.models import User
from tests.factories import CampaignFactory, ContactFactory, MessageFactory, TemplateFactory


def url(contact):
    return reverse("admin:contacts_contact_change", args=[contact.pk])


def text_of(client, contact, **query):
    response = client.get(url(contact), query)
    assert response.status_code == 200
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", plain.replace("&quot;", '"').replace("&#x27;", "'"))


def sentences(client, contact, **query):
    return [entry.sentence for entry in client.get(url(contact), query).context["entries"]]


def test_the_page_says_who_it_is_in_plain_words(boss, ada):
    CompanyMember.objects.create(contact=ada, company=Company.objects.create(key="acme", attributes={"name": "Acme"}))
    text = text_of(boss, ada)
    for words in ("Ada Lovelace", "ada@example.com", "subscription.plan gold", "vip yes", "Acme", "ada-1", "Gets mail"):
        assert words in text
    assert "{" not in re.sub(r"<script.*?</script>", "", text.partition("Everything that happened")[2])


def test_an_event_is_a_sentence_with_its_telling_properties(boss, ada, happen):
    happen(ada, "order.completed", dollars=29.33, order_id="A7", gift=False)
    assert "Completed an order dollars 29.33 · order id A7 · gift no 1 hour ago" in text_of(boss, ada)


def test_an_adopted_event_bears_the_name_that_people_gave_it(boss, ada, happen):
    EventTypeRow.objects.create(key="Wishlist Shared", label="Wish list shared", adopted_at=clock.now())
    happen(ada, "Wishlist Shared")
    assert "Did “Wish list shared”" in text_of(boss, ada)


def test_mails_campaigns_refusals_and_consent_are_all_in_the_timeline(boss, ada):
    now, campaign = clock.now(), CampaignFactory(name="Welcome")
    enrollment = Enrollment.objects.create(
        campaign=campaign,
        contact=ada,
        version=campaign.live,
        step_uid="first",
        due_at=now + timedelta(hours=2, minutes=1),
    )
    Visit.objects.create(
        enrollment=enrollment,
        version=campaign.live,
        step_uid="first",
        kind="wait",
        entered_at=now,
        explanation="Waits 2 hours.",
    )
    message = MessageFactory(contact=ada, campaign=campaign)
    type(message).objects.filter(pk=message.pk).update(
        state="sent", outcome="sent", due_at=None, sent_at=now, settled_at=now, opened_at=now, opened_by_human_at=now
    )
    Refusal.objects.create(campaign=campaign, contact=ada, at=now, reason="once", explanation="They were in it before.")
    consent.unsubscribe(ada.address_id, now=now, source="the link in a mail")
    text = text_of(boss, ada)
    for words in (
        "Welcome step 1 of 1",
        "goes on in 2 hours",
        "Entered “Welcome”",
        "Waits 2 hours.",
        "Was sent “Getting started",
        "opened",
        "Did not enter “Welcome” They were in it before.",
        "Unsubscribed from all marketing mail",
        "1 sent",
        "Became a contact",
    ):
        assert words in text


def test_the_badges_say_what_one_must_know_before_writing(boss, ada):
    consent.suppress(reason=Suppression.Reason.BOUNCE, now=clock.now(), address_id=ada.address_id)
    Contact.objects.filter(pk=ada.pk).update(is_test=True)
    badges = [words for words, _ in boss.get(url(ada)).context["badges"]]
    assert badges == ["Hard bounce", "Test contact"]
    nobody = ContactFactory(email="")
    assert boss.get(url(nobody)).context["badges"] == [("No e-mail address", "info")]


def test_a_block_is_told_and_no_topic_is_promised(boss, ada):
    Topic.objects.create(key="tips", name="Tips")
    assert "Tips may be sent" in text_of(boss, ada)
    consent.unsubscribe(ada.address_id, now=clock.now(), source="the link in a mail")
    assert "Tips not sent: unsubscribed from everything" in text_of(boss, ada)
    consent.suppress(reason=Suppression.Reason.BLOCKLIST, now=clock.now(), address_id=ada.address_id, detail="By hand")
    assert "Tips not sent: the address is blocked" in text_of(boss, ada)
    consent.clear_suppression(ada.address_id, now=clock.now())
    told = [words for words in sentences(boss, ada) if "mail" in words or "written" in words]
    assert "got no more mail: blocked by the team" in told and "can be written to again" in told


def test_a_wait_counts_with_what_it_waits_for(boss, ada, happen):
    rows = [Row(template=TemplateFactory().pk), Row(wait_amount=2, template=TemplateFactory().pk)]
    campaign = CampaignFactory(name="Welcome", rows=rows)
    wait = campaign.live.steps.get(kind="wait")
    inside = {"campaign": campaign, "contact": ada, "version": campaign.live, "entered_at": clock.now()}
    Enrollment.objects.create(step_uid=wait.uid, due_at=clock.now() + timedelta(days=2), **inside)
    assert "Welcome step 2 of 2" in text_of(boss, ada)


def test_an_empty_contact_says_what_will_come(boss):
    text = text_of(boss, ContactFactory(email=""))
    assert "In no campaign so far" in text and "No mail was sent to this contact" in text


def test_older_pages_show_every_entry_once_even_where_many_share_a_time(ada, boss, happen, monkeypatch):
    monkeypatch.setattr(panels, "PAGE", 4)
    boss_user = User.objects.get(username="boss")
    for number in range(23):
        happen(ada, "page.viewed", hours_ago=1 + number // 9, number=number)
    for event in ada.events.all():  # nine at the very same time, again and again
        ada.events.filter(pk=event.pk).update(occurred_at=event.occurred_at.replace(second=0, microsecond=0))
    place, seen = panels.Place(clock.now()), []
    while place:
        entries, place = panels.timeline(ada, boss_user, panels.Place.read(str(place), clock.now()), limit=4)
        assert len(entries) <= 4
        seen += entries
    events = [entry.link for entry in seen if entry.icon == "bolt"]
    assert len(events) == len(set(events)) == 23
    assert [entry.at for entry in seen] == sorted((entry.at for entry in seen), reverse=True)


@pytest.mark.parametrize("before", ["", "nonsense", "2026-13-45", "2026-01-01", "2026-01-01T00:00:00+00:00~x", "~~~"])
def test_a_link_that_cannot_be_read_shows_a_page_all_the_same(boss, ada, before):
    assert boss.get(url(ada), {"before": before}).status_code == 200


def test_the_number_of_queries_is_the_same_for_a_long_history(boss, ada, happen):
    campaign = CampaignFactory()
    Enrollment.objects.create(campaign=campaign, contact=ada, version=campaign.live, due_at=clock.now())
    MessageFactory(contact=ada, campaign=campaign)
    happen(ada, "page.viewed")
    text_of(boss, ada)
    with CaptureQueriesContext(connection) as short:
        text_of(boss, ada)
    for number in range(40):
        happen(ada, f"Unknown {number}", hours_ago=number)
        MessageFactory(contact=ada, campaign=campaign)
    for number in range(5):
        other = CampaignFactory()
        Enrollment.objects.create(campaign=other, contact=ada, version=other.live, due_at=clock.now())
    with CaptureQueriesContext(connection) as long:
        text_of(boss, ada)
    assert len(long) == len(short)


def test_what_came_from_outside_is_never_markup(boss, happen):
    evil = "<script>alert(1)</script>"
    contact = ContactFactory(attributes={"name": evil, evil: {evil: evil}, "list": [{evil: evil}]})
    happen(contact, evil, value=evil)
    page = boss.get(url(contact)).content.decode()
    assert evil not in page and "&lt;script&gt;" in page


def test_a_merged_contact_leads_to_the_one_it_became(boss, ada):
    loser, middle = ContactFactory(), ContactFactory()
    Contact.objects.filter(pk=loser.pk).update(merged_into=middle)
    Contact.objects.filter(pk=middle.pk).update(merged_into=ada)
    response = boss.get(url(loser), follow=True)
    assert response.redirect_chain == [(url(ada), 302)]
    assert "the two were merged" in response.content.decode()


@pytest.mark.parametrize("pk", ["0", "999999", "99999999999999999999", "abc", "1e3"])
def test_a_contact_that_is_not_there_is_not_found(boss, pk):
    assert boss.get(f"/contacts/contact/{pk}/change/").status_code == 404


def test_somebody_who_may_not_see_events_sees_a_timeline_without_them(log_in, ada, happen):
    happen(ada, "order.completed")
    engineer = log_in("Engineer")
    assert engineer.get(url(ada)).status_code == 403
    marketer = log_in("Marketer")
    assert "completed an order" in sentences(marketer, ada)
    User.objects.get(username="some-marketer").groups.get().permissions.remove(
        *User.objects.get(username="some-marketer").groups.get().permissions.filter(codename="view_event")
    )
    assert "completed an order" not in sentences(marketer, ada)


def test_two_contacts_with_one_address_are_told_of_each_other(boss, ada):
    ContactFactory(email="ada@example.com", attributes={"name": "Countess"})
    assert "The same address belongs to Countess : what is said about mail holds for all of them" in text_of(boss, ada)
