"""Ready-made campaigns in the admin: the gallery, a page for each, and “Use this”."""

import re
from html import unescape

import pytest
from django.urls import reverse

from campaigns.models import Campaign, EmailTemplate
from campaigns.starters.shelf import starters
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from segments.models import Segment
from tests.campaigns.typing_in import browser
from tests.factories import site

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer():
    return browser("Marketer")


def text(client, url):
    """The page as it is read."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", client.get(url).content.decode())).split())


def one(key):
    return reverse("admin:campaigns_campaign_ready_one", args=[key])


def test_the_list_of_campaigns_leads_to_the_gallery_and_that_to_each(marketer):
    gallery, new = reverse("admin:campaigns_campaign_ready"), reverse("admin:campaigns_campaign_new")
    assert new in marketer.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    assert gallery in marketer.get(new).content.decode()
    page = marketer.get(gallery).content.decode()
    for starter in starters().values():
        assert one(starter.key) in page and starter.title in page and starter.when in page
    assert "4 mails · 3 days" in page
    assert page.count('<svg class="cp-svg cp-svg-small"') == len(starters())


@pytest.mark.parametrize("key", starters())
def test_the_page_of_each_shows_its_flow_and_its_mails(marketer, key):
    starter = starters()[key]
    page = text(marketer, one(key))
    for step in starter.outline.steps:
        if step.kind == "email":
            assert f"Send “{step.name}”" in page
    assert "would not get this mail" not in page and "can no longer be read" not in page
    frames = [
        reverse("admin:campaigns_campaign_ready_mail", args=[key, place]) for place, _ in enumerate(starter.mails, 1)
    ]
    raw = marketer.get(one(key)).content.decode()
    assert all('<iframe class="cp-frame" sandbox title="The mail “' in raw and frame in raw for frame in frames)
    mail = marketer.get(frames[0])
    assert "sandbox" in mail.headers["Content-Security-Policy"] and starter.mails[0].button in mail.content.decode()


def test_it_says_which_events_the_product_has_not_sent_yet(marketer):
    page = text(marketer, one("abandoned_checkout"))
    assert page.count("Your product has not sent it yet. Ask your engineers to send it.") == 2
    source = Source.objects.create(name="Shop")
    recording.record(source, [Item(kind="track", user_id="u", event="Checkout Started")], clock.now())
    page = text(marketer, one("abandoned_checkout"))
    assert page.count("Your product has not sent it yet.") == 1 and "Your product sends it; last now" in page
    assert "Dripline records it by itself." in text(marketer, one("re_engagement"))


def test_use_this_makes_the_draft_with_its_templates_and_opens_it(marketer):
    site()
    page = marketer.get(one("abandoned_checkout")).content.decode()
    assert 'value="https://acme.example"' in page, "as the sender's address says"
    answer = marketer.post(one("abandoned_checkout"), {"number": 1, "base": "shop.example/de/"}, follow=True)
    campaign = Campaign.objects.get(name="Abandoned checkout")
    assert answer.status_code == 200 and f"/campaigns/campaign/{campaign.pk}/" in answer.redirect_chain[-1][0]
    assert "as a draft with 3 mails. Nobody is mailed until it is activated." in answer.content.decode()
    assert (campaign.state, campaign.live) == ("draft", None)
    assert "https://shop.example/de/cart" in EmailTemplate.objects.get(name="Checkout 1: Still there").html


def test_a_second_press_makes_no_double_but_offers_another_one(marketer):
    for _ in range(2):
        page = marketer.post(one("upsell"), {"number": 1, "base": ""}).content.decode()
    assert Campaign.objects.filter(name__startswith="Upsell").count() == 1
    assert "There is one of these already:" in page and "Use it once more" in page
    assert '<input type="hidden" name="number" value="2">' in page
    marketer.post(one("upsell"), {"number": 2, "base": ""})
    assert list(Campaign.objects.filter(name__startswith="Upsell").order_by("pk").values_list("name", flat=True)) == [
        "Upsell",
        "Upsell (2)",
    ]
    assert EmailTemplate.objects.filter(name__startswith="Next plan").count() == 6


@pytest.mark.parametrize(
    "base",
    ["javascript:alert(1)", 'https://x.example/"><b>', "https://x.example/{{ contact.email }}", "a b", "x" * 300],
)
def test_an_address_that_is_none_is_refused_and_nothing_is_made(marketer, base):
    page = text(marketer, one("upsell"))
    answer = marketer.post(one("upsell"), {"number": 1, "base": base})
    assert answer.status_code == 200 and "Your website: write an address" in answer.content.decode()
    assert not Campaign.objects.filter(name="Upsell").exists() and page


@pytest.mark.parametrize("number", ["", "-1", "0", "x", "1\0", "9" * 18, "9" * 30])
def test_a_strange_number_does_no_harm(marketer, number):
    assert marketer.post(one("upsell"), {"number": number, "base": ""}).status_code in (200, 302)
    assert Campaign.objects.filter(name__startswith="Upsell").count() <= 1


def test_a_segment_of_that_name_is_taken_as_it_is(marketer):
    Segment.objects.create(name="churned", kind="static", condition=None)
    marketer.post(one("re_engagement"), {"number": 1, "base": ""})
    campaign = Campaign.objects.get(name="Re-engagement")
    assert campaign.draft["triggers"][0]["filter"]["value"] == Segment.objects.get().pk


def test_there_is_no_page_of_one_that_is_not_there(marketer):
    assert marketer.get(one("nothing")).status_code == 404
    assert marketer.get(reverse("admin:campaigns_campaign_ready_mail", args=["welcome", 9])).status_code == 404


def test_who_may_not_write_does_not_see_them():
    analyst = browser("Analyst")
    assert analyst.get(reverse("admin:campaigns_campaign_ready")).status_code == 403
    assert "Ready-made campaigns" not in text(analyst, reverse("admin:campaigns_campaign_changelist"))
