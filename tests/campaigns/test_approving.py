"""Two people publish: a marketer asks, a publisher answers; in forms, over HTTP."""

from dataclasses import replace

import pytest
from django.urls import reverse

from campaigns import approving, lifecycle
from campaigns.document import parse
from campaigns.models import Approval
from campaigns.verbs import VERBS
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, CampaignFactory

pytestmark = pytest.mark.django_db


def url(campaign, page: str) -> str:
    return reverse(f"admin:campaigns_campaign_{page}", args=[campaign.pk])


@pytest.fixture
def draft():
    return CampaignFactory(active=False, name="Spring")


def asked(campaign, note="Please, before <Friday>."):
    browser("Marketer").post(url(campaign, "ask"), {"revision": campaign.revision, "note": note})
    return Approval.objects.get(campaign=campaign, state="open")


def edited(campaign) -> None:
    document = parse(campaign.draft)
    document.objective = "Something else"
    lifecycle.save_draft(campaign, document, campaign.revision, person("Marketer"), NOW)
    campaign.refresh_from_db()


def test_a_marketer_asks_and_a_publisher_activates_it(draft):
    request = asked(draft)
    assert (request.revision, request.asked_by.username) == (draft.revision, "marketer")
    publisher = browser("Publisher")
    listed = publisher.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    assert "1 draft waits for your answer" in listed and "Spring" in listed
    page = publisher.get(url(draft, "activate")).content.decode()
    assert "asked on" in page and "before &lt;Friday&gt;." in page
    publisher.post(url(draft, "activate"), {"revision": draft.revision})
    draft.refresh_from_db()
    request.refresh_from_db()
    assert draft.state == "active" and (request.state, request.answered_by.username) == ("granted", "publisher")


def test_a_publisher_declines_with_a_reason_that_who_asked_reads(draft):
    asked(draft)
    publisher = browser("Publisher")
    said = publisher.post(url(draft, "decline"), {"because": " "}).content.decode()
    assert "Say why, so that who asked knows what to change." in said
    publisher.post(url(draft, "decline"), {"because": "The subject has a typo."})
    page = browser("Marketer").get(url(draft, "change")).content.decode()
    assert "declined on" in page and "The subject has a typo." in page and "Ask for approval" in page
    edited(draft)
    assert "typo" not in browser("Marketer").get(url(draft, "change")).content.decode(), "it was about another draft"


def test_a_draft_that_changes_withdraws_what_was_asked(draft):
    request = asked(draft)
    edited(draft)
    request.refresh_from_db()
    assert (request.state, request.answer) == ("withdrawn", "The draft was edited.")
    assert (
        "waits for your answer"
        not in browser("Publisher").get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    )


def test_who_asked_withdraws_it(draft):
    request = asked(draft)
    page = browser("Marketer").get(url(draft, "change")).content.decode()
    assert "Withdraw the request" in page and "Ask for approval" not in page
    browser("Marketer").post(url(draft, "withdraw"))
    request.refresh_from_db()
    assert request.state == "withdrawn"


def test_asking_is_about_the_draft_that_was_shown_and_happens_once(draft):
    client = browser("Marketer")
    edited(draft)
    said = client.post(url(draft, "ask"), {"revision": draft.revision - 1, "note": ""}).content.decode()
    assert "Somebody changed the draft" in said and not Approval.objects.exists()
    asked(draft)
    said = client.post(url(draft, "ask"), {"revision": draft.revision, "note": ""}, follow=True).content.decode()
    assert "Somebody has asked already" in said and Approval.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "sentence"), [("x" * 1001, "Keep it to 1,000 characters"), ("a\x00b", "Null characters")]
)
def test_a_note_that_cannot_be_kept_is_refused_in_a_sentence(draft, typed, sentence):
    said = browser("Marketer").post(url(draft, "ask"), {"revision": draft.revision, "note": typed}).content.decode()
    assert sentence in said and not Approval.objects.exists()


def test_a_marketer_neither_declines_nor_publishes_and_is_shown_where_to_ask(draft):
    asked(draft)
    client = browser("Marketer")
    assert client.post(url(draft, "decline"), {"because": "No"}).status_code == 403
    assert client.post(url(draft, "activate"), {"revision": draft.revision}).status_code == 403
    approving.withdraw(draft, None, NOW)
    assert url(draft, "ask") in client.get(url(draft, "activate")).content.decode()


def test_an_answer_to_what_was_withdrawn_says_so(draft):
    said = browser("Publisher").post(url(draft, "decline"), {"because": "No"}, follow=True).content.decode()
    assert "Nobody waits for an answer any more" in said


def test_of_two_who_publish_the_same_the_second_is_told_and_nobody_is_moved_again():
    campaign = CampaignFactory()
    edited(campaign)
    shown = {"revision": campaign.revision}
    for _ in range(2):
        said = browser("Publisher").post(url(campaign, "publish"), shown, follow=True).content.decode()
    assert "Version 2 says all of it already: there is nothing to publish." in said
    assert campaign.versions.count() == 2
    said = browser("Marketer").post(url(campaign, "ask"), shown, follow=True).content.decode()
    assert "there is nothing to ask for" in said and not Approval.objects.exists()


@pytest.mark.parametrize("deed", ["publish", "activate", "ask", "discard"])
def test_a_draft_saved_between_the_look_and_the_deed_is_not_what_was_agreed_to(deed, monkeypatch):
    """Somebody saves after the page has compared the revision, and before the campaign is held."""
    campaign = CampaignFactory(active=deed in ("publish", "discard"))
    edited(campaign)
    verb = VERBS[deed]

    def late(campaign, *args, **more):
        edited(campaign)
        return verb.act(campaign, *args, **more)

    monkeypatch.setitem(VERBS, deed, replace(verb, act=late))
    shown = {"revision": campaign.revision}
    said = browser("Marketer" if deed == "ask" else "Publisher").post(url(campaign, deed), shown).content.decode()
    assert "Somebody changed the draft after you opened this page" in said
    state, versions = campaign.state, campaign.versions.count()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.versions.count()) == (state, versions) and not Approval.objects.exists()
    assert parse(campaign.draft).objective == "Something else", "what was saved stays"
