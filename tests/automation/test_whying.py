"""Why did, or didn't, she enter or get this: what was written down, else as things stand now."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import lifecycle
from campaigns.document import Reentry, Trigger, Watch
from contacts import consent
from contacts.models import Contact
from lib import clock
from tests.campaigns.typing_in import browser, person
from tests.factories import CampaignFactory, ContactFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
BIG = {"field": "event.total", "op": "≥", "value": 100}


@pytest.fixture
def now():
    return clock.now()


def why(campaign, contact, **more) -> str:
    answer = browser("Analyst").get(
        reverse("admin:automation_enrollment_why"), {"campaign": campaign.pk, "contact": contact.pk, **more}
    )
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def ann() -> Contact:
    return Contact.objects.get(identities__value="ann")


def test_who_entered_has_each_step_and_who_was_refused_the_reason(inbox, track, now):
    campaign = CampaignFactory(now=now)
    track(now, "ann", "users.signed_up", {"email": "ann@example.com"})
    track(now, "ann", "users.signed_up")
    page = why(campaign, ann())
    assert "Entered: finished, on version 1" in page and "See each step" in page
    assert "Did not enter. They had entered before, and the campaign takes everybody in once." in page
    assert "As things stand now: they would not enter" in page
    assert "They have been in it, and each person enters once." in page
    assert "See the mail" in page


def test_who_never_entered_is_told_what_stands_in_the_way_part_by_part(track, now):
    triggers = [Trigger(event="order.completed", filter=BIG)]
    exits = [Watch(uid="x", condition=PRO)]
    campaign = CampaignFactory(now=now, audience=PRO, triggers=triggers, exits=exits)
    track(now, "ann", "order.completed", {"email": "ann@example.com", "plan": "free"}, total=20)
    page = why(campaign, ann())
    assert "They never entered" in page and "As things stand now" in page
    assert "but it does not fit the filter" in page and "it is: 20" in page
    assert "They do not match." in page and "it is: free" in page
    assert "They may be mailed: “" in page


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ("draft", "The campaign is a draft."),
        ("paused", "The campaign is paused."),
        ("nothing happened", "that has not happened."),
        ("unsubscribed", "They would get no marketing mail ("),
        ("no address", "They have no e-mail address"),
        ("must leave", "They would have to leave at once: their plan is “pro”."),
        ("once per", "once in 30 days."),
    ],
)
def test_each_gate_says_in_a_sentence_what_holds(scene, said, inbox, track, now):
    more = {"exits": [Watch(uid="x", condition=PRO)]} if scene == "must leave" else {}
    if scene == "once per":
        more = {"reentry": Reentry(mode="once_per", amount=30, unit="days")}
    campaign = CampaignFactory(now=now, active=scene != "draft", **more)
    traits = {"plan": "pro"} if scene == "no address" else {"email": "ann@example.com", "plan": "pro"}
    event = "order.completed" if scene == "nothing happened" else "users.signed_up"
    track(now - timedelta(minutes=5), "ann", event, traits)
    contact = ann()
    if scene == "paused":
        lifecycle.pause(campaign, person("Publisher"), now)
    if scene == "unsubscribed":
        consent.unsubscribe(contact.address_id, now=now, source="test")
    page = why(campaign, contact)
    assert said in page
    would = scene in ("unsubscribed", "no address")
    if scene != "no address" and would:
        return  # they entered before: once
    assert scene in ("no address", "unsubscribed") or "they would not enter" in page


def test_it_is_found_from_the_contact_and_from_the_campaign(track, now):
    campaign = CampaignFactory(name="Welcome", now=now)
    contact = ContactFactory(email="annlee@example.org")
    client, page = browser("Marketer"), reverse("admin:automation_enrollment_why")
    assert (
        f"{page}?contact={contact.pk}"
        in client.get(reverse("admin:contacts_contact_change", args=[contact.pk])).content.decode()
    )
    assert (
        f"{page}?campaign={campaign.pk}"
        in client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).content.decode()
    )
    ContactFactory(email="annlou@example.org")
    found = client.get(page, {"campaign": campaign.pk, "q": "annl"}).content.decode()
    assert f"?contact={contact.pk}&amp;campaign={campaign.pk}" in found and "never entered" not in found
    assert "never entered" in client.get(page, {"campaign": campaign.pk, "q": "annlee"}).content.decode(), "no choice"
    assert "Welcome" in client.get(page, {"contact": contact.pk}).content.decode()


@pytest.mark.parametrize("text", ["x", "-1", "9" * 30, "", "<b>"])
def test_anything_in_the_address_is_answered(text):
    client = browser("Analyst")
    for name in ("contact", "campaign", "q"):
        answer = client.get(reverse("admin:automation_enrollment_why"), {name: text})
        assert answer.status_code == 200 and "<b>" not in answer.content.decode().replace("<b><", "")


def test_it_asks_the_database_as_often_for_a_long_history_as_for_a_short_one(track, now):
    campaign = CampaignFactory(now=now, audience=PRO)
    client = browser("Analyst")

    def queries() -> int:
        there = {"campaign": campaign.pk, "contact": ann().pk}
        with CaptureQueriesContext(connection) as found:
            client.get(reverse("admin:automation_enrollment_why"), there)
        return len(found)

    track(now, "ann", "users.signed_up", {"plan": "free"})
    queries()
    short = queries()
    for _ in range(10):
        track(now, "ann", "users.signed_up")
    assert queries() == short
