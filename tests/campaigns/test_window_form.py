"""Send windows in forms: read, typed, kept by pages that do not show them."""

import pytest
from django.urls import reverse

from automation.forms.email import EmailForm
from automation.kinds.email import EmailKind
from campaigns.document import parse
from campaigns.models import Campaign
from ops.models import SiteSettings
from tests.campaigns.typing_in import browser, card, typed
from tests.factories import CampaignFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db
OFFICE = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}
TYPED = {"window_days": OFFICE["days"], "window_from": "09:00", "window_to": "18:00", "window_outside": "hold"}


def page_of(campaign):
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def window_of(campaign):
    campaign.refresh_from_db()
    return parse(campaign.draft).window


def test_the_window_of_a_sequence_is_typed_shown_and_taken_away():
    client = browser("Marketer")
    client.post("/campaigns/campaign/add/", typed(**TYPED))
    campaign = Campaign.objects.get(name="My sequence")
    assert window_of(campaign) == OFFICE
    html = client.get(page_of(campaign)).content.decode()
    assert 'name="window_from" value="09:00"' in html and "When mails go out" in html
    client.post(page_of(campaign), typed(revision="1", window_outside="hold"))
    assert window_of(campaign) == {}


def test_what_is_wrong_with_it_is_said_at_its_field():
    response = browser("Marketer").post("/campaigns/campaign/add/", typed(**TYPED | {"window_to": ""}))
    assert "Send window: write when it closes, such as 09:00." in response.content.decode()
    assert not Campaign.objects.filter(name="My sequence").exists()


def test_a_page_that_does_not_show_the_window_keeps_it_and_what_else_a_mail_is_set_to():
    template = TemplateFactory()
    campaign = CampaignFactory(active=False, template=template, window=OFFICE)
    campaign.draft["steps"][0] |= {"name": "Hello", "config": {"template": template.pk, "window": {"days": ["sat"]}}}
    campaign.save()
    browser("Marketer").post(page_of(campaign), typed(card(template, uid="first"), revision="1"))
    assert window_of(campaign) == OFFICE
    step = parse(campaign.draft).step("first")
    assert (step.name, step.config["window"]) == ("Hello", {"days": ["sat"]})


def test_a_mail_may_have_a_window_of_its_own():
    template = TemplateFactory(name="Hello")
    form = EmailForm(data={"mail": str(template.pk), **TYPED | {"window_outside": "cancel"}})
    assert form.is_valid(), form.errors
    config = form.config()
    assert config["window"] == OFFICE | {"outside": "cancel"}
    assert EmailForm.initial_from(config)["window_from"] == "09:00"
    assert EmailKind().problems(config) == []
    assert EmailKind().describe(config) == "send “Hello”, only Monday to Friday, 09:00 to 18:00"
    wrong = EmailForm(data={"mail": str(template.pk), **TYPED | {"window_from": "18:00"}})
    assert wrong.errors["window_to"] == ["Send window: it must close at another time than it opens."]
    assert EmailKind().problems(config | {"window": {"from": 9}})[0].startswith("Send window: write when it opens")


def test_quiet_hours_are_set_beside_the_time_zone():
    settings = site(timezone="Europe/Berlin")
    client = browser(is_superuser=True)
    page = reverse("admin:ops_sitesettings_change", args=[settings.pk])
    html = client.get(page).content.decode()
    assert "Quiet hours" in html
    shown = {
        "name": "Acme",
        "timezone": "Europe/Berlin",
        "postal_address": "x",
        "sender_email": "a@acme.example",
        "holdout": "0",
    }
    response = client.post(page, shown | {"quiet_from": "21:00"})
    assert "Quiet hours need a beginning and an end" in response.content.decode()
    response = client.post(page, shown | {"quiet_from": "21:00", "quiet_to": "08:00"})
    assert response.status_code == 302
    assert SiteSettings.get().has_quiet_hours
