"""Activate, pause, resume, archive, publish, discard: who may, what is said before, what happens."""

import pytest
from django.urls import reverse

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import parse
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign
from tests.campaigns.typing_in import ROLES, browser, person
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db


def url(campaign, verb: str) -> str:
    return reverse(f"admin:campaigns_campaign_{verb}", args=[campaign.pk])


def text(response) -> str:
    return response.content.decode()


def inside(campaign, count: int = 1, step: str = "first") -> None:
    for _ in range(count):
        row = Enrollment.objects.create(
            campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid=step, due_at=NOW
        )
        kind = parse(campaign.live.document).step(step).kind
        Visit.objects.create(enrollment=row, version=campaign.live, step_uid=step, kind=kind, entered_at=NOW)


def edited(campaign, steps: list[Row], **changes) -> None:
    document = parse(campaign.draft)
    document.steps = from_rows(steps)
    for name, value in changes.items():
        setattr(document, name, value)
    lifecycle.save_draft(campaign, document, campaign.revision, person("Marketer"), NOW)
    campaign.refresh_from_db()


@pytest.fixture
def draft():
    return CampaignFactory(active=False)


@pytest.mark.parametrize("role", ["Marketer", "Publisher"])
def test_only_who_may_publish_activates_and_the_others_are_told_who_can(role, draft):
    person("Publisher", first_name="Paula", last_name="Green")
    client = browser(role)
    asked, done = client.get(url(draft, "activate")), client.post(url(draft, "activate"))
    draft.refresh_from_db()
    if role == "Publisher":
        assert "From now on people come in as “Who enters” says" in asked.content.decode()
        assert draft.state == "active" and draft.live.number == 1
    else:
        assert asked.status_code == done.status_code == 403
        assert "Paula Green" in asked.content.decode()
        assert draft.state == "draft"


def test_the_button_says_before_it_is_pressed_what_is_missing(draft):
    site(postal_address="", sender_email="")
    response = browser("Publisher").get(url(draft, "activate"))
    html = response.content.decode()
    assert "Write your postal address" in html and "which address the mails come from" in html
    assert 'type="submit"' not in html.split("cp-sheet")[1].split("</form>")[0]


@pytest.mark.parametrize(
    ("verb", "start", "end", "words"),
    [
        ("pause", "active", "paused", "2 people inside stop where they are"),
        ("resume", "paused", "active", "how those inside go on"),
        ("archive", "active", "archived", "2 people inside leave"),
    ],
)
def test_a_verb_tells_how_many_it_concerns_and_acts_on_post_only(verb, start, end, words):
    campaign = CampaignFactory()
    inside(campaign, 2)
    if start == "paused":
        lifecycle.pause(campaign, person("Publisher"), NOW)
    client = browser("Publisher")
    assert words in client.get(url(campaign, verb)).content.decode()
    campaign.refresh_from_db()
    assert campaign.state == start
    client.post(url(campaign, verb), {"late": "send"})
    campaign.refresh_from_db()
    assert campaign.state == end


def test_with_nobody_inside_it_is_said_that_letting_nobody_in_ends_the_campaign():
    campaign, client = CampaignFactory(), browser("Publisher")
    assert "Nobody is inside; nobody enters" in text(client.get(url(campaign, "pause")))
    assert "archived by itself within a minute or so. This cannot be undone." in text(
        client.get(url(campaign, "drain"))
    )


def test_a_verb_that_does_not_fit_the_state_is_refused_in_a_sentence(draft):
    html = browser("Publisher").post(url(draft, "pause"), follow=True).content.decode()
    assert "The campaign is a draft, so this cannot be done." in html
    assert Campaign.objects.get(pk=draft.pk).state == "draft"


def test_publishing_shows_the_difference_and_those_who_wait_keep_their_time():
    template = TemplateFactory(name="Tips")
    campaign = CampaignFactory(rows=[Row(uid="first", wait_uid="pause", wait_amount=2, template=template.pk)])
    inside(campaign, 3, "pause")
    edited(campaign, [Row(uid="first", wait_uid="pause", wait_amount=5, template=template.pk)], name="Renamed")
    client = browser("Publisher")
    html = client.get(url(campaign, "publish")).content.decode()
    assert "<del>Wait 2 days</del>" in html and "<ins>Wait 5 days</ins>" in html
    assert "3 wait here" in html and "Keep the time" in html and "The name changes." in html
    assert "Worked out anew, 3 are due" in html and "for the others" not in html
    client.post(url(campaign, "publish"), {"people": "follow"})
    campaign.refresh_from_db()
    assert campaign.live.number == 2
    assert set(Enrollment.objects.filter(campaign=campaign).values_list("due_at", flat=True)) == {NOW}


def test_a_button_pressed_twice_acts_once_and_leads_to_the_campaign():
    campaign, client = CampaignFactory(), browser("Publisher")
    inside(campaign)
    edited(campaign, [Row(uid="first", wait_uid="pause", wait_amount=5, template=TemplateFactory().pk)])
    pressed = {"revision": campaign.revision, "people": "follow"}
    for verb, typed in (("publish", pressed), ("pause", {}), ("resume", {"late": "send"}), ("archive", {})):
        client.post(url(campaign, verb), typed)
        again = client.post(url(campaign, verb), typed, follow=True)
        assert again.redirect_chain == [(url(campaign, "change"), 302)]
        assert "Version 2 says all of it already" in text(again) or "so this cannot be done" in text(again)
    assert campaign.versions.count() == 2


def test_a_step_with_people_in_it_cannot_be_removed():
    campaign = CampaignFactory()
    inside(campaign)
    edited(campaign, [Row(uid="other", template=TemplateFactory().pk)])
    client = browser("Publisher")
    assert "Choose what becomes of them" in client.get(url(campaign, "publish")).content.decode()
    said = client.post(url(campaign, "publish"), {"people": "follow"}).content.decode()
    assert "1 person waits in the step" in said and "which is removed: choose what becomes of them" in said
    campaign.refresh_from_db()
    assert campaign.live.number == 1


def test_a_marketer_may_discard_the_draft_and_what_is_live_stays():
    campaign = CampaignFactory(name="Live name")
    edited(campaign, [Row(uid="first", template=TemplateFactory().pk)], name="Draft name")
    client = browser("Marketer")
    assert "The name changes." in client.get(url(campaign, "discard")).content.decode()
    client.post(url(campaign, "discard"))
    campaign.refresh_from_db()
    assert campaign.name == "Live name" and not lifecycle.has_unpublished_changes(campaign)


@pytest.mark.parametrize("role", ["", *ROLES])
def test_buttons_are_offered_to_those_who_work_on_sequences(role):
    campaign = CampaignFactory()
    response = browser(role).get(reverse("admin:campaigns_campaign_change", args=[campaign.pk]))
    assert response.status_code == (200 if role in ("Marketer", "Publisher", "Analyst") else 403)
    assert (url(campaign, "pause") in text(response)) == (role == "Publisher")
    assert ("see who has it" in text(response)) == (role == "Marketer"), "what others may do is told, not offered"


def test_the_numbers_of_a_step_stand_on_its_card():
    campaign = CampaignFactory()
    inside(campaign, 2)
    html = browser("Marketer").get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).content.decode()
    assert "<dt>Waiting</dt><dd>2</dd>" in html


def test_the_list_counts_people_inside_and_what_went_out(draft):
    campaign = CampaignFactory(name="Busy one", objective="Keep them")
    inside(campaign, 4)
    html = browser("Analyst").get(reverse("admin:campaigns_campaign_changelist")).content.decode()
    row = html.split("Busy one")[1].split("</tr>")[0]
    assert ">4<" in row.replace("\n", "").replace(" ", "") and "Active" in row and "Keep them" in row


def test_a_draft_that_was_never_live_can_be_deleted_and_no_other():
    never, live = CampaignFactory(active=False), CampaignFactory()
    client = browser(is_superuser=True)
    assert client.post(reverse("admin:campaigns_campaign_delete", args=[never.pk]), {"post": "yes"}).status_code == 302
    assert client.post(reverse("admin:campaigns_campaign_delete", args=[live.pk]), {"post": "yes"}).status_code == 403
    assert not Campaign.objects.filter(pk=never.pk).exists()
