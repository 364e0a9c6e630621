"""The contact page and the ledger's own page: what somebody has, what gave it, how it went."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.models import Contact
from lib import clock
from scoring import adjusting, contact_chart
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import ScoreModel
from tests import engine
from tests.campaigns.typing_in import browser, person
from tests.factories import ContactFactory
from tests.scoring.building import half, made, on, whose
from tests.scoring.test_settling import Shop

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def client():
    return browser("Marketer")


class Ann:
    """Somebody of whom a shop tells what she does, days ago."""

    def __init__(self):
        self.shop, self.now = Shop(), clock.now()
        self.tells(plan="free")
        self.contact = Contact.objects.get(identities__value="ann")

    def tells(self, **traits):
        self.shop.tells("ann", self.now, first_name="Ann", **traits)
        engine.run(self.now)

    def does(self, event, days_ago=0, **properties):
        self.shop.does("ann", event, self.now - days_ago * DAY, self.now, **properties)
        engine.run(self.now)


@pytest.fixture
def ann():
    return Ann()


def seen(client, url, **query):
    """The words of the page, without tags."""
    html = client.get(url, query).content.decode()
    html = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def contact_page(contact):
    return reverse("admin:contacts_contact_change", args=[contact.pk])


def ledger_page(model, contact):
    return reverse("admin:scoring_scoremodel_ledger", args=[model.pk, contact.pk])


def test_without_a_model_that_is_on_the_panel_says_so(client, ann):
    assert "No score model is on." in seen(client, contact_page(ann.contact))


def test_without_points_it_says_what_would_give_some(client, ann):
    made(rules=[on("button.clicked", 5)])
    page = seen(client, contact_page(ann.contact))
    assert "No points yet: nothing that the rules count has happened, and no rule is true of Ann." in page
    assert "Cold" in page and "C3" in page


def test_it_shows_the_score_its_parts_band_cell_and_stage(client, ann):
    plan = whose({"field": "contact.plan", "op": "is", "value": "pro"}, 20, uid="Is on the pro plan")
    made(rules=[on("button.clicked", 40), plan], stages=[Stage(name="Reader", points=10)])
    ann.does("button.clicked")
    ann.tells(plan="pro")
    page = seen(client, contact_page(ann.contact))
    assert "Lead 60 Warm" in page
    assert "Fit 20 Engagement 40 Grid B2 Stage Reader" in page


def test_lines_are_sentences_with_what_they_are_worth_now(client, ann):
    pro = whose({"field": "contact.plan", "op": "is", "value": "pro"}, 20, uid="Is on the pro plan")
    made(rules=[on("page.viewed", 5, fading=half(10)), on("button.clicked", 3, at_most=1), pro])
    ann.tells(plan="pro")
    ann.does("page.viewed", 10, title="Pricing")
    ann.does("button.clicked", 2)
    ann.does("button.clicked", 1)
    model = ScoreModel.objects.get(key="lead")
    boss = person("Publisher", first_name="Bo", last_name="Boss")
    adjusting.adjust(model, [ann.contact.pk], Deed("add", -10, "asked for a refund"), clock.now(), boss)
    page = seen(client, contact_page(ann.contact))
    assert "+5 viewed a page: “Pricing” now worth 2.5 · fades by half every 10 days" in page
    assert "+20 Is on the pro plan since" in page
    assert "−10 by hand by Bo Boss: “asked for a refund” take back" in page  # noqa: RUF001
    assert "+3 clicked a button does not count: newer ones took its place" in page


def test_a_reset_and_what_it_left_behind(client, ann):
    model = made(rules=[on("button.clicked", 5)])
    ann.does("button.clicked", 2)
    adjusting.adjust(model, [ann.contact.pk], Deed("reset", 0, "came back"), clock.now())
    adjusting.adjust(model, [ann.contact.pk], Deed("set", 40, "met at the fair"), clock.now() + timedelta(seconds=1))
    page = seen(client, ledger_page(model, ann.contact))
    assert "set to 40 by hand: “met at the fair”" in page
    assert "reset to 0 by hand: “came back” does not count: a later reset or set took its place" in page
    assert "+5 clicked a button does not count: a later reset or set took its place" in page
    only = seen(client, ledger_page(model, ann.contact), only="now")
    assert "met at the fair" in only and "came back" not in only and "clicked a button" not in only
    adjusting.adjust(model, [ann.contact.pk], Deed("reset", 0, "left"), clock.now() + timedelta(seconds=2))
    only = seen(client, ledger_page(model, ann.contact), only="now")
    assert "reset to 0 by hand: “left”" in only and "met at the fair" not in only


def test_the_panel_asks_the_same_number_of_queries_whatever_the_history(client, ann):
    made(rules=[on("button.clicked", 1, at_most=500)])
    ann.does("button.clicked")
    url = contact_page(ann.contact)
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    for number in range(15):
        ann.shop.does("ann", "button.clicked", ann.now - number * DAY, ann.now, place=number)
    engine.run(ann.now)
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few)


def test_the_chart_is_the_score_by_day_with_the_thresholds_that_are_near(ann):
    model = made(rules=[on("button.clicked", 60)])
    ann.does("button.clicked", 45)
    chart = contact_chart.of(model, ann.contact.pk, ann.now)
    drawn = json.loads(chart["data"])
    score, *thresholds = drawn["datasets"]
    assert (score["data"][0], score["data"][-1], len(score["data"])) == (0, 60, len(drawn["labels"]))
    assert score["data"][29] == 0 and score["data"][31] == 60
    assert [(line["label"], line["data"][0]) for line in thresholds] == [("Warm from", 50), ("Hot from", 80)]
    assert chart["dashed"] == "Warm from 50, Hot from 80"


def test_only_who_may_see_scores_sees_them(ann):
    made()
    analyst = browser("Analyst")
    assert "Adjust" not in seen(analyst, contact_page(ann.contact))
    assert "Engagement" in seen(analyst, contact_page(ann.contact))
    engineer = browser("Engineer")
    assert engineer.get(ledger_page(ScoreModel.objects.get(key="lead"), ann.contact)).status_code == 403


def test_the_whole_ledger_comes_in_pages_and_nothing_is_shown_twice_or_lost(client, ann, monkeypatch):
    monkeypatch.setattr("scoring.contact_pages.A_PAGE", 2)
    model = made(rules=[on("button.clicked", 1, at_most=3)])
    for number in range(5):
        ann.shop.does("ann", "button.clicked", ann.now - 5 * DAY, ann.now, name=f"n{number}")  # at one moment
    engine.run(ann.now)

    def walked(query=""):
        found = []
        while True:
            page = client.get(f"{ledger_page(model, ann.contact)}?{query}")
            found.append(re.findall(r"“(n\d)”", page.content.decode()))
            if not (query := page.context["older"]):
                return found

    pages = walked()
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == ["n0", "n1", "n2", "n3", "n4"]
    assert [len(page) for page in walked("only=now")] == [2, 1]


@pytest.mark.parametrize("before", ["x", "2026-01-01", "~", "2026-13-45T00:00:00Z~1", "2026-01-01T00:00:00~1"])
def test_a_link_that_cannot_be_read_leads_to_the_newest(client, ann, before):
    model = made(rules=[on("button.clicked", 1)])
    ann.does("button.clicked")
    assert "clicked a button" in seen(client, ledger_page(model, ann.contact), before=before)


def test_the_ledger_of_somebody_who_is_not_there(client, ann):
    model, gone = made(), ContactFactory()
    Contact.objects.filter(pk=gone.pk).update(merged_into=ann.contact)
    assert client.get(ledger_page(model, gone)).status_code == 404
    assert "No points yet" in seen(client, ledger_page(model, ann.contact))
    assert "Nothing counts now." in seen(client, ledger_page(model, ann.contact), only="now")
