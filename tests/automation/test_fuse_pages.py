"""The fuse on the pages: what a campaign says, what a publisher decides, what is refused in a sentence."""

import pytest
from django.urls import reverse

from automation import fuses
from automation.fuse_models import Expected, Fuse
from automation.models import Enrollment
from campaigns.document import Trigger
from lib import clock
from tests import engine
from tests.automation.flows import happens
from tests.campaigns.typing_in import browser
from tests.factories import CampaignFactory, ContactFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def fuse(inbox, monkeypatch):
    """Three were mailed, two wait."""
    monkeypatch.setattr(fuses, "LEAST", 3)
    CampaignFactory(name="Welcome")
    now = clock.now()
    happens([f"u{number}" for number in range(5)], now=now)
    engine.run(now)
    return Fuse.objects.get()


def url(deed: str, fuse: Fuse) -> str:
    return reverse(f"admin:automation_fuse_{deed}", args=[fuse.pk])


def campaign_page(fuse: Fuse, page: str = "change") -> str:
    return reverse(f"admin:campaigns_campaign_{page}", args=[fuse.campaign_id])


def inside() -> int:
    return Enrollment.objects.active().count()


def test_the_campaigns_pages_say_why_and_how_many_wait_and_who_decides(fuse):
    publisher, marketer = browser("Publisher"), browser("Marketer")
    for page in ("change", "canvas"):
        html = publisher.get(campaign_page(fuse, page)).content.decode()
        assert "this step mailed 3 people today; it had mailed nobody on a day before." in html
        assert "2 people wait there" in html and url("release", fuse) in html and url("take_out", fuse) in html
        html = marketer.get(campaign_page(fuse, page)).content.decode()
        assert "2 people wait there" in html and url("release", fuse) not in html
    html = marketer.get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    assert "1 step waits for a person" in html and "2 people wait" in html
    publisher.force_login(UserFactory())
    html = publisher.get(reverse("admin:operations")).content.decode()
    assert "Steps that the fuse holds: 1" in html and url("release", fuse) in html


def test_a_publisher_lets_them_go_on(fuse, inbox):
    client = browser("Publisher")
    asked = client.get(url("release", fuse)).content.decode()
    assert "Let 2 people go on?" in asked and 'value="2"' in asked and inside() == 2
    done = client.post(url("release", fuse), {"people": "2", "today": "free"}, follow=True).content.decode()
    assert "2 people go on." in done and "waits for you" not in done
    engine.run(clock.now())
    assert inside() == 0 and len({mail.recipient for mail in inbox.accepted}) == 6
    for deed in ("release", "take_out"):
        for answer in (client.get(url(deed, fuse), follow=True), client.post(url(deed, fuse), follow=True)):
            assert answer.redirect_chain[-1][0] == campaign_page(fuse)
            assert "somebody has decided about it meanwhile" in answer.content.decode()
    assert client.get(reverse("admin:automation_fuse_release", args=[999_999])).status_code == 404
    assert browser("Marketer").get(url("release", fuse)).status_code == 403


def test_why_somebody_waits_is_said_as_the_fuse(fuse):
    row = Enrollment.objects.active().first()
    page = f"{reverse('admin:automation_enrollment_why')}?contact={row.contact_id}&campaign={fuse.campaign_id}"
    told = browser("Publisher").get(page).content.decode()
    assert "waiting for something outside, on version 1. Held by the fuse: " in told
    way = browser("Publisher").get(reverse("admin:automation_enrollment_change", args=[row.pk])).content.decode()
    assert "Goes on as soon as that has come." in way and "the answer of a webhook" not in way


def test_what_cannot_be_is_refused_in_a_sentence(fuse):
    client = browser("Publisher")
    for people in ["", "0", "-1", "x", "3", "9" * 400, "1.5", "\x00"]:
        html = client.post(url("release", fuse), {"people": people}).content.decode()
        assert "number from 1 to 2" in html and inside() == 2, people
    html = client.post(url("release", fuse), {"people": "2", "today": "never"}).content.decode()
    assert "Choose what becomes of whoever else comes today." in html and inside() == 2
    html = client.post(url("release", fuse), {"people": "1", "today": "free"}).content.decode()
    assert "Those who wait go before others" in html and inside() == 2


def test_a_publisher_takes_them_out(fuse):
    client = browser("Publisher")
    assert "2 people leave “Welcome” and get no more of it." in client.get(url("take_out", fuse)).content.decode()
    assert inside() == 2
    assert "2 people have left." in client.post(url("take_out", fuse), follow=True).content.decode()
    assert inside() == 0


# --- activating ---


def activate(campaign, **typed):
    return browser("Publisher").post(reverse("admin:campaigns_campaign_activate", args=[campaign.pk]), typed)


def test_activating_asks_from_how_many_a_day_on():
    page = reverse("admin:campaigns_campaign_activate", args=[CampaignFactory(active=False).pk])
    html = browser("Publisher").get(page).content.decode()
    assert "Up to how many people a day may one step mail before you are asked?" in html and 'value="1000"' in html


def test_what_was_said_counts_or_what_was_shown():
    said, shown, broadcast = (
        CampaignFactory(active=False),
        CampaignFactory(active=False),
        CampaignFactory(active=False, triggers=[Trigger(kind="broadcast")]),
    )
    ContactFactory.create_batch(3)
    activate(said, most="30000")
    activate(shown)
    activate(broadcast, most="")
    kept = dict(Expected.objects.values_list("campaign", "people"))
    assert kept == {said.pk: 30_000, shown.pk: 1_000, broadcast.pk: 1_000}


def test_a_number_of_people_that_cannot_be_is_refused():
    campaign = CampaignFactory(active=False)
    for most in ["999", "0", "-5", "many", "99999999999", "1e9"]:
        html = activate(campaign, most=most).content.decode()
        assert "Write a number of people, 1,000 or more." in html or "Write 10,000,000 at most." in html, most
    campaign.refresh_from_db()
    assert campaign.state == "draft"
