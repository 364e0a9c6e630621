"""The history of a campaign: versions, what changed between two, who did what, and the way back."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import lifecycle, publishing
from campaigns.choices import Choices
from campaigns.document import parse
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db


def url(campaign, page="versions", *more) -> str:
    return reverse(f"admin:campaigns_campaign_{page}", args=[campaign.pk, *more])


def saved(campaign, steps: list[Row], **changes) -> Campaign:
    document = parse(campaign.draft)
    document.steps = from_rows(steps)
    for name, value in changes.items():
        setattr(document, name, value)
    return lifecycle.save_draft(campaign, document, campaign.revision, person("Marketer"), NOW)


@pytest.fixture
def two_versions():
    """The first sends Hello, the second waits 2 days and sends Goodbye after it."""
    hello, bye = TemplateFactory(name="Hello").pk, TemplateFactory(name="Goodbye").pk
    campaign = CampaignFactory(name="Old name", rows=[Row(uid="one", template=hello)])
    rows = [Row(uid="one", template=hello), Row(uid="two", wait_uid="w", wait_amount=2, template=bye)]
    campaign = saved(campaign, rows, name="New name", objective="Sell")
    publisher = person("Publisher", first_name="Paula", last_name="Green")
    publishing.publish(campaign, publisher, NOW, Choices(people="drain"))
    campaign.refresh_from_db()
    return campaign


def test_the_history_names_who_published_what_and_what_became_of_those_inside(two_versions):
    html = browser("Analyst").get(url(two_versions)).content.decode()
    assert "Version 2" in html and "Version 1" in html and "Paula Green" in html
    assert "Changed: name, objective, 2 steps added" in html
    assert "Those inside finished on the version that they were on." in html
    assert "Edited the draft: name, objective, 2 steps added" in html, "the audit says what, not only that"


def test_any_two_versions_are_compared_in_words(two_versions):
    html = browser("Analyst").get(url(two_versions), {"from": "1", "to": "2"}).content.decode()
    assert "<del>Old name</del>" in html and "New name" in html
    assert html.count("cp-change-added") == 2 and "Send “Goodbye”" in html
    back = browser("Analyst").get(url(two_versions), {"from": "2", "to": "1"}).content.decode()
    assert back.count("cp-change-removed") == 2
    assert (
        "Choose two different ones"
        in browser("Analyst").get(url(two_versions), {"from": "1", "to": "1"}).content.decode()
    )


@pytest.mark.parametrize("asked", [{"from": "9", "to": "x"}, {"from": "🙂"}, {"to": "1" * 90}])
def test_versions_that_are_not_there_are_not_compared(two_versions, asked):
    assert browser("Analyst").get(url(two_versions), asked).status_code == 200


def test_rolling_back_makes_the_old_version_the_draft_and_nothing_else(two_versions):
    client = browser("Marketer")
    asked = client.get(url(two_versions, "restore", 1))
    assert "cp-change-removed" in asked.content.decode()
    for _ in range(2):  # pressed twice
        taken = client.post(url(two_versions, "restore", 1), {"revision": asked.context["revision"]}, follow=True)
        assert "The draft is as version 1 was." in taken.content.decode()
    two_versions.refresh_from_db()
    assert two_versions.live.number == 2 and two_versions.name == "Old name"
    assert parse(two_versions.draft) == parse(two_versions.versions.get(number=1).document)
    version = publishing.publish(two_versions, person("Publisher"), NOW)
    assert (version.number, len(parse(version.document).steps)) == (3, 1)


def test_rolling_back_over_what_somebody_saved_meanwhile_shows_it_again(two_versions):
    client = browser("Marketer")
    shown = client.get(url(two_versions, "restore", 1)).context["revision"]
    saved(two_versions, [Row(uid="one", template=TemplateFactory().pk)], objective="Another")
    said = client.post(url(two_versions, "restore", 1), {"revision": shown})
    assert "Somebody changed the draft" in said.content.decode()
    two_versions.refresh_from_db()
    assert parse(two_versions.draft).objective == "Another"


def test_nobody_goes_back_to_a_version_that_is_not_there_or_may_not_edit(two_versions):
    assert browser("Marketer").get(url(two_versions, "restore", 7)).status_code == 404
    assert browser("Analyst").post(url(two_versions, "restore", 1)).status_code == 403
    lifecycle.archive(two_versions, None, NOW)
    assert browser("Marketer").get(url(two_versions, "restore", 1)).status_code == 403
    assert "Go back to it" not in browser("Marketer").get(url(two_versions)).content.decode()


@pytest.mark.parametrize("shown", ["versions", "publish"])
def test_the_difference_asks_the_database_as_often_for_many_changed_steps_as_for_one(shown):
    mails = [TemplateFactory().pk for _ in range(8)]
    client, asked = browser("Publisher"), []

    def rows(count: int, later: int) -> list[Row]:
        """So many waits, each with a mail behind it; a day longer, and with the next mail."""
        each = range(count)
        return [Row(uid=f"m{n}", wait_uid=f"w{n}", wait_amount=1 + later, template=mails[n + later]) for n in each]

    for count in (1, 1, 7):  # the first fills what is kept
        campaign = CampaignFactory(rows=rows(count, 0))
        saved(campaign, rows(count, 1))
        with CaptureQueriesContext(connection) as captured:
            html = client.get(url(campaign, shown)).content.decode()
        assert html.count("<dt>How long</dt>") == html.count("<dt>Mail</dt>") == count
        asked.append(len(captured))
    assert asked[1] == asked[2], "a form in words offers nothing, and mails are read once, and what is offered, too"
