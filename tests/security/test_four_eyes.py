"""What needs a publisher cannot be had by a way around one."""

import pytest
from django.urls import reverse

from campaigns import lifecycle
from campaigns.document import parse
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db


def activation(campaign) -> str:
    return reverse("admin:campaigns_campaign_activate", args=[campaign.pk])


def rewritten(campaign, **changes) -> None:
    """Somebody else saves the draft."""
    document = parse(campaign.draft)
    for name, value in changes.items():
        setattr(document, name, value)
    lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)


def test_a_publisher_activates_what_was_shown_and_not_what_was_slipped_in_since(log_in):
    campaign, publisher = CampaignFactory(active=False), log_in("Publisher")
    shown = publisher.get(activation(campaign)).context["revision"]
    rewritten(campaign, objective="Something else")
    answer = publisher.post(activation(campaign), {"revision": shown})
    campaign.refresh_from_db()
    assert campaign.state == "draft" and "changed the draft after you opened" in answer.content.decode()
    publisher.post(activation(campaign), {"revision": campaign.revision})
    campaign.refresh_from_db()
    assert campaign.state == "active"


def test_the_page_carries_the_revision_along(log_in):
    campaign = CampaignFactory(active=False)
    html = log_in("Publisher").get(activation(campaign)).content.decode()
    assert f'name="revision" value="{campaign.revision}"' in html


@pytest.mark.parametrize(("role", "may"), [("Marketer", False), ("Publisher", True)])
def test_only_a_publisher_lets_a_running_sequence_write_to_the_unsubscribed(role, may, log_in):
    template = TemplateFactory()
    CampaignFactory(template=template)
    page = reverse("admin:campaigns_emailtemplate_change", args=[template.pk])
    typed = {"name": template.name, "subject": "New", "html": template.html, "on_missing": "fail"}
    assert log_in(role).post(page, typed | {"transactional": "on"}).status_code == 302
    template.refresh_from_db()
    assert (template.subject, template.transactional) == ("New", may)


def test_a_marketer_decides_it_while_nothing_runs(log_in):
    template = TemplateFactory()
    CampaignFactory(template=template, active=False)
    page = reverse("admin:campaigns_emailtemplate_change", args=[template.pk])
    typed = {"name": template.name, "subject": "New", "html": "<p>Receipt</p>", "on_missing": "fail"}
    log_in("Marketer").post(page, typed | {"transactional": "on"})
    template.refresh_from_db()
    assert template.transactional
