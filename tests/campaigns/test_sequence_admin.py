"""The sequence form: what is saved, what is refused and where it says so, and two people at once."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from campaigns import lifecycle
from campaigns.document import parse
from campaigns.linear import Row, rows
from campaigns.models import Campaign
from tests.campaigns.typing_in import browser, card, person, typed
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory, site

pytestmark = pytest.mark.django_db
ADD = "/campaigns/campaign/add/"


def page_of(campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def mine():
    """What the test itself made; a welcome sequence is installed with the product."""
    return Campaign.objects.filter(name="My sequence")


def saved() -> tuple[Campaign, list[Row]]:
    campaign = mine().get()
    return campaign, rows(parse(campaign.draft))


def test_a_new_sequence_is_saved_as_a_draft_with_its_steps_in_order():
    first, second = TemplateFactory(name="Hello"), TemplateFactory(name="Tips")
    cards = [
        card(second, wait_amount="2", ORDER="2"),
        card(first, ORDER="1"),
        card(action="leave", wait_amount="1", wait_unit="weeks", ORDER="3"),
    ]
    response = browser("Marketer").post(ADD, typed(*cards, objective="First project"), follow=True)
    campaign, steps = saved()
    assert campaign.state == "draft" and campaign.objective == "First project"
    assert [(step.wait_amount, step.action, step.template) for step in steps] == [
        (0, "email", first.pk), (2, "email", second.pk), (1, "leave", None),
    ]  # fmt: skip
    assert "Nobody is mailed until it is activated." in response.content.decode()


def test_a_new_sequence_sent_twice_is_made_once_and_what_was_changed_meanwhile_is_not_lost():
    client, template = browser("Marketer"), TemplateFactory()
    token = client.get(ADD).context["form"]["token"].value()
    sent = {"token": token, "steps-0-uid": "one"}
    first = client.post(ADD, typed(card(template), **sent))
    assert client.post(ADD, typed(card(template), **sent)).url == first.url and mine().count() == 1
    back = client.post(ADD, typed(card(template), **sent, objective="Added after the way back"))
    assert back.status_code == 409 and "Added after the way back" in back.content.decode() and mine().count() == 1
    assert client.post(ADD, typed(card(template), token="x' OR 1")).status_code == 200 and mine().count() == 1


def test_steps_keep_their_uid_when_they_are_moved_and_a_removed_one_goes():
    one, two = TemplateFactory(), TemplateFactory()
    client = browser("Marketer")
    client.post(ADD, typed(card(one), card(two, wait_amount="1")))
    campaign, before = saved()
    cards = [
        card(one, uid=before[0].uid, ORDER="2"),
        card(two, uid=before[1].uid, wait_uid=before[1].wait_uid, wait_amount="3", ORDER="1"),
        card(one, ORDER="3", DELETE="on"),
    ]
    client.post(page_of(campaign), typed(*cards, revision="1"))
    after = saved()[1]
    assert [step.uid for step in after] == [before[1].uid, before[0].uid]
    assert after[0].wait_uid == before[1].wait_uid and after[0].wait_amount == 3


def test_conditions_reach_the_document_with_the_type_of_the_property():
    big = json.dumps({"all": [{"field": "event.total", "op": "≥", "value": "100"}]})
    pro = json.dumps({"all": [{"field": "contact.plan", "op": "is", "value": "pro"}]})
    data = typed(
        card(TemplateFactory(), only_if=pro), trigger_event="order.completed", trigger_filter=big, audience=pro
    )
    response = browser("Marketer").post(ADD, data)
    assert response.status_code == 302, (response.context["form"].errors, response.context["cards"].errors)
    document = parse(saved()[0].draft)
    assert document.triggers[0].event == "order.completed"
    assert document.triggers[0].filter["all"][0]["type"] == "number"
    assert document.audience and document.steps[0].only_if


WRONG = [
    ({"name": ""}, {}, "Give the campaign a name."),
    ({"trigger_event": ""}, {}, "Choose the event that lets people in."),
    ({"holdout": "60"}, {}, "Holdout: write a whole number from 0 to 50."),
    ({"holdout": "a few"}, {}, "Holdout: write a whole number from 0 to 50."),
    ({"reentry_mode": "once_per", "reentry_amount": ""}, {}, "Say once per how long: a number of 1 or more."),
    ({"entry_key": "order id!"}, {}, "Write the name of one event property, such as order_id."),
    ({"audience": "{nonsense"}, {}, "The conditions could not be read; add them again."),
    ({}, {"template": ""}, "Choose the mail to send."),
    ({}, {"template": "999999"}, "This template no longer exists; choose another one."),
    ({}, {"wait_amount": "-1"}, "Wait: write a number of 0 or more."),
    ({}, {"wait_amount": "soon"}, "Wait: write a number of 0 or more."),
    ({}, {"wait_amount": "1e400"}, "Wait: write a number of 0 or more."),
    ({}, {"wait_amount": "90000"}, "Wait: two years at most"),
    ({}, {"only_if": '{"all": [{"field": "contact.plan", "op": "sounds like"}]}'}, "Condition 1:"),
    ({}, {"DELETE": "on"}, "Add at least one step."),
]


@pytest.mark.parametrize(("head", "step", "sentence"), WRONG, ids=[row[2][:30] + str(n) for n, row in enumerate(WRONG)])
def test_what_is_wrong_is_said_in_a_sentence_and_nothing_typed_is_lost(head, step, sentence):
    cards = card(TemplateFactory(name="My mail"), wait_unit="hours") | step
    response = browser("Marketer").post(ADD, typed(cards, objective="Typed with care") | head)
    html = response.content.decode()
    assert response.status_code == 200 and not mine().exists()
    assert "This is not saved yet." in html
    assert sentence in html.replace("&quot;", '"')
    assert "Typed with care" in html
    assert "DELETE" in step or '<option value="hours" selected' in html
    for value in [*head.values(), *(step.get(name, "") for name in ("wait_amount", "only_if"))]:
        assert escape(value) in html


def test_the_sentence_stands_at_the_card_that_is_wrong():
    cards = [card(TemplateFactory()), card(wait_amount="1")]
    html = browser("Marketer").post(ADD, typed(*cards)).content.decode()
    before, after = html.split("data-step", 2)[1:]
    assert "Choose the mail to send." not in before and "Choose the mail to send." in after


def test_two_editors_see_each_other_and_neither_loses_anything():
    campaign = CampaignFactory(active=False)
    template = TemplateFactory()
    ann, bob = browser("Marketer"), browser("Publisher", first_name="Bob", last_name="Stone")
    assert bob.post(page_of(campaign), typed(card(template), revision="1", name="Bob's")).status_code == 302
    mine = typed(card(template), revision="1", name="Ann's", objective="Only Ann knows")
    response = ann.post(page_of(campaign), mine)
    html = response.content.decode()
    assert response.status_code == 409
    assert "Bob Stone" in html and "Bob&#x27;s" in html and "Only Ann knows" in html
    campaign.refresh_from_db()
    assert campaign.name == "Bob's"
    kept = dict(response.context["typed"]) | {"revision": str(campaign.revision)}
    assert ann.post(page_of(campaign), kept).status_code == 302
    campaign.refresh_from_db()
    assert campaign.name == "Ann's" and campaign.objective == "Only Ann knows"


def test_editing_an_active_sequence_changes_its_draft_only():
    campaign = CampaignFactory()
    live = campaign.live.document
    uid = live["steps"][0]["uid"]
    client = browser("Marketer")
    data = typed(card(TemplateFactory(), uid=uid), revision=str(campaign.revision), name="New name")
    html = client.post(page_of(campaign), data, follow=True).content.decode()
    assert "Changes are not live until you publish." in html
    campaign.refresh_from_db()
    assert campaign.live.document == live and campaign.draft["name"] == "New name"


def test_a_copy_begins_with_the_same_words_and_new_steps():
    original = CampaignFactory(name="Original", active=False)
    response = browser("Marketer").get(f"{ADD}?copy={original.pk}")
    form, cards = response.context["form"], response.context["cards"]
    assert form["name"].value() == "Original (copy)"
    assert cards.forms[0]["template"].value() == original.draft["steps"][0]["config"]["template"]
    assert not cards.forms[0]["uid"].value()
    assert browser("Marketer").get(f"{ADD}?copy=oops").status_code == 200


def test_an_archived_sequence_can_be_read_but_not_changed():
    campaign = lifecycle.archive(CampaignFactory(name="Old one"), person("Publisher"), NOW)
    client = browser("Marketer")
    assert "Old one" in client.get(page_of(campaign)).content.decode()
    assert client.post(page_of(campaign), typed(revision="1")).status_code == 403


def test_an_analyst_reads_the_steps_in_words():
    template = TemplateFactory(name="Tips and tricks")
    campaign = CampaignFactory(active=False, rows=[Row(wait_amount=2, template=template.pk)])
    html = browser("Analyst").get(page_of(campaign)).content.decode()
    assert "Wait 2 days" in html and "Tips and tricks" in html and '<form method="post" novalidate' not in html


def test_the_form_asks_the_database_as_often_for_thirty_steps_as_for_one():
    site()
    ContactFactory(attributes={"plan": "pro"})
    template = TemplateFactory()
    one = CampaignFactory(active=False, rows=[Row(template=template.pk)])
    many = CampaignFactory(active=False, rows=[Row(wait_amount=1, template=template.pk) for _ in range(30)])
    client = browser("Marketer")
    assert queries(client, page_of(one)) == queries(client, page_of(many))


def queries(client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as caught:
        assert client.get(url).status_code == 200
    return len(caught)


@pytest.mark.parametrize("total", ["", "many", "-1", "100000"])
def test_a_form_whose_count_was_tampered_with_is_refused_without_a_fault(total):
    response = browser("Marketer").post(ADD, typed() | {"steps-TOTAL_FORMS": total})
    assert response.status_code == 200 and not mine().exists()


def test_what_the_form_cannot_show_is_not_lost_by_it():
    campaign = CampaignFactory(active=False)
    campaign.draft["triggers"].append({"kind": "event", "event": "cart.abandoned"})
    campaign.save()
    client = browser("Marketer")
    assert client.get(page_of(campaign)).url == reverse("admin:campaigns_campaign_canvas", args=[campaign.pk])
    assert client.post(page_of(campaign), typed(revision="1")).status_code == 403
