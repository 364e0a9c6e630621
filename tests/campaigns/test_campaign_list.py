"""One list for all campaigns, with what each is and a picture; and the ways to begin a new one."""

import pytest
from django.urls import reverse

from campaigns import lifecycle, thumbnails
from campaigns.document import Document, StepDoc, Trigger
from campaigns.models import Campaign
from lib import clock
from tests.campaigns.typing_in import browser
from tests.factories import CampaignFactory, TemplateFactory

pytestmark = pytest.mark.django_db
LIST, NEW = "admin:campaigns_campaign_changelist", "admin:campaigns_campaign_new"


def split(count: int = 2) -> Document:
    arms = [{"uid": f"a{number}", "name": f"Way {number}", "percent": 100 // count} for number in range(count)]
    steps = [StepDoc(uid="split", kind="split", config={"arms": arms}, next={f"a{n}": f"m{n}" for n in range(count)})]
    steps += [StepDoc(uid=f"m{number}", kind="email", next={"done": None}) for number in range(count)]
    return Document(name="Two ways", triggers=[Trigger(event="users.signed_up")], steps=steps)


def test_the_list_tells_sequences_workflows_and_broadcasts_apart(django_assert_max_num_queries):
    CampaignFactory(name="Plain")
    lifecycle.create(split(), None, clock.now())
    mail = StepDoc(uid="m", kind="email", config={"template": TemplateFactory().pk}, next={"done": None})
    lifecycle.create(Document(name="News", triggers=[Trigger(kind="broadcast")], steps=[mail]), None, clock.now())
    page = browser("Analyst").get(reverse(LIST))
    shown = {campaign.name: campaign.flow for campaign in page.context["cl"].result_list}
    assert "Sequence" in shown["Plain"] and "1 step<" in shown["Plain"]
    assert "Workflow" in shown["Two ways"] and shown["Two ways"].count("<rect") == 3
    assert "Broadcast" in shown["News"]
    text = page.content.decode()
    assert "New campaign" not in text, "an analyst only looks" and "Sequences" not in text


def test_what_cannot_be_seen_in_a_small_picture_is_only_named():
    assert thumbnails.thumbnail(Document()) is None
    assert thumbnails.thumbnail(split(thumbnails.MOST)) is None
    drawn = thumbnails.thumbnail(split(3))
    assert len(drawn.dots) == 4 and all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y, _ in drawn.dots)
    odd = Document(steps=[StepDoc(uid=kind, kind=kind, config={"arms": 5}) for kind in ("gone", "branch", "wait_for")])
    assert thumbnails.thumbnail(odd) and thumbnails.shape(odd) == "Workflow"


def test_a_new_campaign_begins_in_five_ways():
    marketer = browser("Marketer")
    offered = [one.title for one in marketer.get(reverse(NEW)).context["beginnings"]]
    assert offered == ["Ready-made", "Sequence", "Workflow", "Broadcast", "From a file"]
    for one in marketer.get(reverse(NEW)).context["beginnings"]:
        assert marketer.get(one.url).status_code == 200
    assert browser("Analyst").get(reverse(NEW)).status_code == 403


def test_a_broadcast_begins_with_its_trigger_and_a_mail():
    page = browser("Marketer").get(reverse("admin:campaigns_campaign_canvas_add"), {"begin": "broadcast"})
    document = page.context["canvas"]["document"]
    assert [trigger["kind"] for trigger in document["triggers"]] == ["broadcast"]
    assert [step["kind"] for step in document["steps"]] == ["email"]


def test_an_empty_list_says_how_to_begin():
    Campaign.objects.all().delete()
    text = browser("Marketer").get(reverse(LIST)).content.decode()
    assert "No campaigns here" in text and "New campaign" in text
