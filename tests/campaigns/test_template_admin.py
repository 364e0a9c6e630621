"""Templates and previews: compiled on save, faults by line, shown as a contact, sandboxed, guarded."""

import pytest
from django.urls import reverse

from campaigns import lifecycle
from campaigns.linear import Row
from campaigns.models import EmailTemplate, Message
from campaigns.pages import SANDBOX
from tests.campaigns.typing_in import browser, person
from tests.factories import HTML, NOW, CampaignFactory, ContactFactory, MessageFactory, TemplateFactory

pytestmark = pytest.mark.django_db
ADD = "/campaigns/emailtemplate/add/"


def typed(**changes) -> dict:
    return {
        "name": "News", "subject": "Hello {{ contact.first_name | default: 'you' }}", "preheader": "", "html": HTML,
        "text": "", "on_missing": "fail", **changes,
    }  # fmt: skip


def page_of(template, page: str = "change") -> str:
    return reverse(f"admin:campaigns_emailtemplate_{page}", args=[template.pk])


def test_a_new_template_begins_with_a_mail_that_can_be_saved_as_it_is():
    client = browser("Marketer")
    starter = client.get(ADD).context["adminform"].form["html"].value()
    assert "{{ unsubscribe_url }}" in starter and "viewport" in starter
    client.post(ADD, typed(html=starter))
    template = EmailTemplate.objects.get(name="News")
    assert template.compiled["links"] == ["https://example.com/"]
    assert "Hello" in template.compiled["text"]


def test_a_link_keeps_its_number_when_the_template_is_edited():
    template = TemplateFactory(name="News")
    html = HTML.replace(
        '<a href="https://shop.example.com/start">',
        '<a href="https://new.example.com/">New</a> <a href="https://shop.example.com/start">',
    )  # noqa: E501
    browser("Marketer").post(page_of(template), typed(html=html))
    template.refresh_from_db()
    assert template.compiled["links"] == ["https://shop.example.com/start", "https://new.example.com/"]
    assert template.edited_at > NOW


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"html": "<p>One</p>\n<p>{% if contact.plan %}</p>" + HTML}, "HTML, line 2"),
        ({"subject": "{{ contact.first_name "}, "Subject"),
        ({"html": "<p>No way out</p>"}, "a marketing mail needs a way to unsubscribe"),
        ({"html": '<a href="javascript:alert(1)">x</a>' + HTML}, "HTML, line 1"),
        ({"name": ""}, "Give the template a name."),
        ({"subject": ""}, "Write the subject."),
        ({"html": "{{ contact.plan | shout }}" + HTML}, "the filter shout does not exist here"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_field_and_line_and_nothing_typed_is_lost(changes, sentence):
    response = browser("Marketer").post(ADD, typed(**{"preheader": "Typed with care", **changes}))
    html = response.content.decode().replace("&quot;", '"')
    assert response.status_code == 200 and sentence in html and "Typed with care" in html
    assert not EmailTemplate.objects.filter(subject__startswith="Hello").exists()


def test_an_attribute_that_nobody_has_is_warned_of_by_line():
    ContactFactory(attributes={"first_name": "Ann"})
    data = typed(html="<p>Hi</p>\n<p>{{ contact.shoe_size }}</p>" + HTML)
    html = browser("Marketer").post(ADD, data, follow=True).content.decode()
    assert "HTML, line 2: no contact has “shoe_size” so far" in html
    assert "no contact has “first_name”" not in html


def test_a_transactional_mail_needs_no_unsubscribe_link():
    assert browser("Marketer").post(ADD, typed(html="<p>Receipt</p>", transactional="on")).status_code == 302


def test_the_preview_follows_what_is_typed():
    contact = ContactFactory(attributes={"first_name": "Ann <b>"})
    client, data = browser("Marketer"), typed(contact=str(contact.pk))
    answer = client.post(reverse("admin:campaigns_emailtemplate_check"), data).json()
    assert answer["subject"] == "Hello Ann <b>" and not answer["problem"]
    frame = client.post(reverse("admin:campaigns_emailtemplate_said"), data)
    assert "Hello Ann &lt;b&gt;" in frame.content.decode()
    assert frame.headers["Content-Security-Policy"] == SANDBOX
    faulty = client.post(reverse("admin:campaigns_emailtemplate_check"), data | {"html": "{% if %}"}).json()
    assert faulty["problem"].startswith("HTML, line 1")
    missing = client.post(reverse("admin:campaigns_emailtemplate_check"), data | {"html": "{{ contact.age }}"}).json()
    assert "`contact.age` has no value for this contact" in missing["problem"]
    assert client.get(reverse("admin:campaigns_emailtemplate_said")).status_code == 405


def test_a_template_in_use_or_once_sent_is_not_deleted_and_the_page_says_where():
    used, sent, free = TemplateFactory(), TemplateFactory(), TemplateFactory()
    CampaignFactory(name="Birthday wishes", template=used, active=False)
    MessageFactory(template=sent, campaign=None)
    client = browser("Marketer")
    assert "Birthday wishes" in client.post(page_of(used, "delete"), {"post": "yes"}).content.decode()
    assert "their history stays" in client.post(page_of(sent, "delete"), {"post": "yes"}).content.decode()
    assert "Birthday wishes" in client.get(page_of(used)).content.decode()
    client.post(page_of(free, "delete"), {"post": "yes"})
    assert set(EmailTemplate.objects.filter(pk__in=[used.pk, sent.pk, free.pk])) == {used, sent}


def test_a_template_is_still_in_use_where_only_the_live_version_sends_it():
    old, new = TemplateFactory(), TemplateFactory()
    campaign = CampaignFactory(name="Two versions", template=old)
    document = campaign.draft | {"steps": []}
    campaign.draft = document
    campaign.save()
    assert "Two versions" in browser("Marketer").post(page_of(old, "delete"), {"post": "yes"}).content.decode()
    lifecycle.archive(campaign, person("Publisher"), NOW)
    assert browser("Marketer").post(page_of(old, "delete"), {"post": "yes"}).status_code == 302
    assert new.pk


def test_the_mails_of_a_sequence_are_previewed_as_any_contact():
    broken = TemplateFactory(name="Broken", html="<p>{{ contact.age }}</p>" + HTML)
    campaign = CampaignFactory(
        active=False, rows=[Row(template=TemplateFactory(name="Fine").pk), Row(template=broken.pk)]
    )
    ann = ContactFactory(attributes={"first_name": "Ann"})
    ContactFactory()
    preview = reverse("admin:campaigns_campaign_preview", args=[campaign.pk])
    html = browser("Analyst").get(preview, {"contact": ann.pk}).content.decode()
    assert "Getting started" in html and "Ann would not get this mail" in html
    assert '<iframe class="cp-frame" sandbox title' in html
    said = browser("Analyst").get(
        reverse("admin:campaigns_campaign_said", args=[campaign.pk, campaign.draft["steps"][0]["config"]["template"]]),
        {"contact": ann.pk},
    )  # noqa: E501
    assert "Hello Ann" in said.content.decode() and said.headers["Content-Security-Policy"] == SANDBOX
    assert browser("Analyst").get(preview, {"contact": "oops"}).status_code == 200


def test_a_preview_without_any_contact_says_what_to_do():
    campaign = CampaignFactory(active=False)
    html = browser("Marketer").get(reverse("admin:campaigns_campaign_preview", args=[campaign.pk])).content.decode()
    assert "There is no contact with an e-mail address yet" in html


def test_a_test_goes_to_the_team_only():
    campaign = CampaignFactory(active=False)
    template = EmailTemplate.objects.get(pk=campaign.draft["steps"][0]["config"]["template"])
    contact, colleague = ContactFactory(), person("Publisher")
    url = reverse("admin:campaigns_campaign_test", args=[campaign.pk, template.pk]) + f"?contact={contact.pk}"
    client = browser("Marketer")
    refused = client.post(url, {"to": contact.email}).content.decode()
    assert "Choose an address of your team." in refused and not Message.objects.exists()
    assert (
        "is on its way to publisher@acme.example"
        in client.post(url, {"to": colleague.email}, follow=True).content.decode()
    )
    message = Message.objects.get()
    assert (message.purpose, message.address.email, message.contact) == ("test", "publisher@acme.example", contact)
    assert browser("Analyst").get(url).status_code == 403
