"""Download and upload in the admin: the file, the differences first, and then the draft."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from campaigns import files, lifecycle
from campaigns.document import parse
from campaigns.models import Campaign
from tests.campaigns.test_files import GOOD
from tests.campaigns.typing_in import browser, person
from tests.factories import NOW, CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
UPLOAD = "admin:campaigns_campaign_upload"


@pytest.fixture
def campaign(db):
    return CampaignFactory(name="Welcome", template=TemplateFactory(name="Hello"))


def chosen(client, text: str | bytes):
    content = text.encode() if isinstance(text, str) else text
    return client.post(reverse(UPLOAD), {"file": SimpleUploadedFile("x.yaml", content)})


def agreed(client, response):
    """Presses the button of the page that shows the differences."""
    page = response.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(content|revision)" value="([^"]*)"', page))
    return client.post(reverse(UPLOAD), {name: html.unescape(value) for name, value in fields.items()}, follow=True)


def test_who_may_look_downloads_the_draft(campaign):
    response = browser("Analyst").get(reverse("admin:campaigns_campaign_download", args=[campaign.pk]))
    assert response["Content-Disposition"] == 'attachment; filename="welcome.yaml"'
    assert response["Content-Type"] == "application/yaml; charset=utf-8"
    assert files.read(response.content).document == parse(campaign.draft)


def test_a_download_that_was_edited_becomes_the_draft_after_a_look(campaign):
    client = browser("Marketer")
    page = client.get(reverse("admin:campaigns_campaign_change", args=[campaign.pk])).content.decode()
    url = reverse("admin:campaigns_campaign_download", args=[campaign.pk])
    assert url in page
    text = client.get(url).content.decode().replace("name: Welcome", "name: Hello ★ there")
    shown = chosen(client, text)
    body = shown.content.decode()
    assert shown.status_code == 200 and "<td>Welcome</td><td>Hello ★ there</td>" in body
    assert "What is live stays as it is" in body and "+name: Hello ★ there" in body
    assert Campaign.objects.get(pk=campaign.pk).name == "Welcome", "nothing is written by looking"
    done = agreed(client, shown)
    assert "Taken as a draft." in done.content.decode()
    there = Campaign.objects.get(pk=campaign.pk)
    assert there.name == "Hello ★ there" and parse(there.live.document).name == "Welcome"


def test_a_file_of_another_site_makes_a_new_sequence(db):
    client = browser("Marketer")
    assert "From a file" in client.get(reverse("admin:campaigns_campaign_new")).content.decode()
    shown = chosen(client, "uid: bye\n" + GOOD)
    assert "It makes a new campaign, as a draft." in shown.content.decode()
    agreed(client, shown)
    there = Campaign.objects.get(uid="bye")
    assert (there.name, there.state) == ("Welcome", "draft")


def test_the_same_file_offers_nothing_to_take(campaign):
    body = chosen(browser("Marketer"), files.export(campaign).text).content.decode()
    assert "there is nothing to take" in body and "Take it as the draft" not in body


def test_what_is_wrong_is_shown_with_its_place(db):
    shown = chosen(browser("Marketer"), GOOD.replace("kind: leave", "kind: leave, only_if: {segment: Gone}"))
    assert shown.status_code == 400
    assert "<strong>steps[bye].only_if.segment</strong>: There is no segment “Gone”" in shown.content.decode()


def test_an_unfinished_file_can_be_taken_and_says_what_is_to_be_put_right(db):
    client = browser("Marketer")
    shown = chosen(client, "uid: bye\n" + GOOD.replace("users.signed_up", "users.vanished"))
    assert shown.status_code == 200
    assert "<strong>triggers[0].event</strong>: There is no event type “users.vanished”" in shown.content.decode()
    agreed(client, shown)
    assert Campaign.objects.get(uid="bye").state == "draft"


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"<script>alert(1)</script>: 1", b"x" * 1_000_001, b"&a [*a]", b"\xff"]
)
def test_no_file_breaks_the_page(content, db):
    shown = chosen(browser("Marketer"), content)
    assert shown.status_code == 400 and "<script>alert" not in shown.content.decode()
    client = browser("Marketer")
    for lost in ("%%%", "aGVsbG8=", ""):
        answer = client.post(reverse(UPLOAD), {"content": lost, "revision": "x"})
        assert answer.status_code == 400, lost
    assert client.post(reverse(UPLOAD)).status_code == 400


def test_somebody_who_saved_in_between_is_not_overwritten(campaign):
    client = browser("Marketer")
    shown = chosen(client, files.export(campaign).text.replace("name: Welcome", "name: Hello"))
    lifecycle.save_draft(campaign, parse(campaign.draft), campaign.revision, person("Marketer"), NOW)
    assert "Somebody changed the draft after you opened this page" in agreed(client, shown).content.decode()
    assert Campaign.objects.get(pk=campaign.pk).name == "Welcome"


def test_an_archived_one_is_not_taken(campaign):
    lifecycle.archive(campaign, person("Publisher"), NOW)
    body = chosen(browser("Marketer"), files.export(campaign).text.replace("name: Welcome", "name: X")).content.decode()
    assert "is archived" in body and "Take it as the draft" not in body


def test_what_a_file_says_is_shown_as_text(campaign):
    text = files.export(campaign).text.replace("name: Welcome", "name: '<b>Bold</b>'")
    body = chosen(browser("Marketer"), text).content.decode()
    assert "<b>Bold" not in body and "&lt;b&gt;Bold" in body
