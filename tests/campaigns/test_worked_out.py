"""Scores in mails: read for a whole batch, shown in previews, warned of by name, and counted as a use."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import previews, sending
from campaigns.document import Trigger
from campaigns.linear import Row
from campaigns.models import Message
from scoring import adjusting, defining
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import ScoreModel
from tests.campaigns.test_template_admin import ADD, typed
from tests.campaigns.typing_in import browser
from tests.factories import HTML, NOW, CampaignFactory, ContactFactory, MessageFactory, TemplateFactory
from tests.scoring.building import made
from tests.smtp_server import FaultySmtpServer

pytestmark = pytest.mark.django_db
BODY = (
    "<p>{{ contact.score.lead.points }} = {{ contact.score.lead.fit }} + {{ contact.score.lead.engagement }}, "
    "{{ contact.score.lead.band }}, {{ contact.score.lead.cell }}, "
    "{{ contact.score.lead.stage | default: 'new here' }}{% if contact.score.lead.points >= 50 %}!{% endif %}</p>"
)


@pytest.fixture
def lead():
    return made(stages=[Stage(name="Reader", points=60)])


@pytest.fixture
def server(settings):
    settings.MAIL_CONNECTIONS = 1
    with FaultySmtpServer() as server:
        settings.EMAIL_URL = server.url
        yield server


def give(model, contact, points):
    adjusting.adjust(model, [contact.pk], Deed("add", points, "test"), NOW)


def bodies(server):
    return {mail.recipient: mail.message.get_body(["plain"]).get_content() for mail in server.accepted}


def test_each_mail_of_a_batch_shows_its_own_score(lead, server):
    ann, ben = ContactFactory(email="ann@example.com"), ContactFactory(email="ben@example.com")
    give(lead, ann, 62)
    template = TemplateFactory(html=BODY + HTML)
    for contact in (ann, ben):
        MessageFactory(contact=contact, template=template)
    sending.send_due(NOW)
    said = bodies(server)
    assert "62 = 0 + 62, Warm, C1, Reader!" in said["ann@example.com"]
    assert "0 = 0 + 0, Cold, C3, new here\r\n" in said["ben@example.com"]


def test_scores_are_read_once_a_batch_and_only_where_a_template_shows_them(lead, server):
    def queries(html, number):
        template = TemplateFactory(html=html)
        MessageFactory.create_batch(number, template=template)
        with CaptureQueriesContext(connection) as asked:
            sending.send_due(NOW)
        return [one["sql"] for one in asked if "scoring_" in one["sql"]]

    assert queries(HTML, 2) == []
    assert len(queries(BODY + HTML, 2)) == len(queries(BODY + HTML, 6)) == 2


def test_a_score_of_no_model_fails_the_mail_unless_it_has_a_default(server):
    failing = MessageFactory(template=TemplateFactory(html="{{ contact.score.leed.points }}" + HTML))
    fine = MessageFactory(template=TemplateFactory(html="{{ contact.score.leed.points | default: 0 }}" + HTML))
    sending.send_due(NOW)
    assert [Message.objects.get(pk=one.pk).outcome for one in (failing, fine)] == ["render_failed", "sent"]


def test_an_attribute_that_is_called_score_is_still_meant_where_no_model_is_named(lead, server):
    contact = ContactFactory(email="ann@example.com", attributes={"score": 7})
    template = TemplateFactory(html="<p>Score {{ contact.score }}</p>" + HTML)
    MessageFactory(contact=contact, template=template)
    sending.send_due(NOW)
    assert "Score 7" in bodies(server)["ann@example.com"]
    data = typed(html="<p>Score {{ contact.score }}</p>" + HTML, contact=str(contact.pk))
    frame = browser("Marketer").post(reverse("admin:campaigns_emailtemplate_said"), data)
    assert "Score 7" in previews.preview(template, contact, NOW).html and "Score 7" in frame.content.decode()


def test_a_preview_and_a_test_mail_show_the_score(lead, server):
    ann = ContactFactory(email="ann@example.com")
    give(lead, ann, 62)
    template = TemplateFactory(html=BODY + HTML)
    assert "62 = 0 + 62, Warm" in previews.preview(template, ann, NOW).html
    data = typed(html=BODY + HTML, contact=str(ann.pk))
    frame = browser("Marketer").post(reverse("admin:campaigns_emailtemplate_said"), data)
    assert "62 = 0 + 62, Warm" in frame.content.decode()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("score.leed.points", "HTML, line 2: there is no score model “leed”; did you mean “lead”?"),
        ("score.lead.pints", "HTML, line 2: a score has no “pints”; write one of points, fit, engagement"),
        ("score.lead", "HTML, line 2: a score is several values; write one of points"),
        ("score.sleeping.band", "HTML, line 2: the score model “Sleeping” is off"),
        ("computed.spend", "HTML, line 2: there is no computed attribute “spend”"),
    ],
)
def test_a_value_that_there_is_not_is_warned_of_by_name_and_line(lead, path, sentence):
    made("sleeping")
    ScoreModel.objects.filter(key="sleeping").update(is_active=False)
    data = typed(html=f"<p>Hi</p>\n<p>{{{{ contact.{path} }}}}</p>" + HTML)
    assert sentence in browser("Marketer").post(ADD, data, follow=True).content.decode()


@pytest.mark.parametrize(
    "path", ["score.lead.points", "score.lead.stage", "tags.size", "tags[0]", "score[event.x].fit"]
)
def test_a_value_that_there_is_is_not_warned_of(lead, path):
    ContactFactory(attributes={"first_name": "Ann"})
    data = typed(html=f"<p>{{{{ contact.{path} | default: 1 }}}}</p>" + HTML)
    page = browser("Marketer").post(ADD, data, follow=True).content.decode()
    assert "HTML, line" not in page


def test_templates_and_campaigns_that_name_a_model_are_uses_of_it(lead):
    other = made("lead_2")
    template = TemplateFactory(name="Offer", html=BODY + HTML)
    crossing = {"all": [{"field": "event.model", "op": "is", "value": "lead"}]}
    campaign = CampaignFactory(name="Call", triggers=[Trigger(event="score.band_changed", filter=crossing)])
    CampaignFactory(name="Car", triggers=[Trigger(event="order.completed", filter=crossing)])
    hot = {"field": "score.lead.band", "op": "is", "value": "Hot"}
    CampaignFactory(name="Hot ones", audience=hot, active=False)
    step = {"model": "lead", "effect": "add", "points": 5, "reason": "Read our mail"}
    CampaignFactory(name="Points", rows=[Row(uid="first", action="score", score=step)])
    assert defining.uses(lead) == [
        ("the campaign “Call”", reverse("admin:campaigns_campaign_change", args=[campaign.pk])),
        ("the campaign “Hot ones”", reverse("admin:campaigns_campaign_change", args=[campaign.pk + 2])),
        ("the campaign “Points”", reverse("admin:campaigns_campaign_change", args=[campaign.pk + 3])),
        ("the template “Offer”", reverse("admin:campaigns_emailtemplate_change", args=[template.pk])),
    ]
    assert defining.uses(other) == []
