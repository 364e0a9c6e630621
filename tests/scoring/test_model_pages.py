"""The list of score models and the page of one: what a marketer reads, and what it asks them to do."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.models import Contact
from lib import clock
from ops.models import Job
from scoring import recomputing
from scoring.document import Stage
from scoring.models import Score, ScoreModel
from tests import engine
from tests.campaigns.typing_in import browser, person
from tests.scoring.building import made, on, whose
from tests.scoring.test_settling import Shop

pytestmark = pytest.mark.django_db
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}


def url(name, *args):
    return reverse(f"admin:scoring_scoremodel_{name}", args=args)


def text(response):
    assert response.status_code == 200, response.status_code
    return " ".join(response.content.decode().split())


@pytest.fixture
def shop(db):
    return Shop()


@pytest.fixture
def model(shop):
    """Ann is hot, Ben about to be, Cy cold; nobody submitted a form."""
    now = clock.now()
    rules = [on("button.clicked", 25, name="Clicks a button"), whose(CEO, 20), on("form.submitted", 15)]
    found = made(now=now, rules=rules, stages=[Stage(name="Lead", points=20), Stage(name="Customer")],
                 description="Who is worth a call.")  # fmt: skip
    shop.tells("ann", now=now, first_name="Ann", title="CEO")
    shop.tells("ben", now=now, first_name="Ben")
    for user, times in (("ann", 4), ("ben", 3), ("cy", 1)):
        for _ in range(times):
            shop.does(user, "button.clicked", at=now, now=now, label="Pricing")
    engine.run(now)
    return found


# --- the list ---


def test_an_empty_list_says_what_a_model_is():
    ScoreModel.objects.all().delete()
    assert "A score model gives contacts points" in text(browser("Marketer").get(url("changelist")))


def test_the_list_says_how_many_are_in_which_band(model):
    ScoreModel.objects.create(key="other", name="Other", description="Not used.", draft={})
    page = text(browser("Analyst").get(url("changelist")))
    assert "Who is worth a call." in page and "draft waiting" in page
    for words in ("1 Hot", "1 Warm", "1 Cold"):
        assert words in page
    rows = {row.key: row for row in browser("Analyst").get(url("changelist")).context["cl"].result_list}
    assert sum(rows["lead"].counted) == 3 and rows["other"].counted is None


def test_the_list_asks_as_often_for_many_models_as_for_one(model):
    client = browser("Analyst")
    client.get(url("changelist"))
    with CaptureQueriesContext(connection) as few:
        client.get(url("changelist"))
    for number in range(8):
        made(f"more{number}", rules=[on("button.clicked", 5)])
    with CaptureQueriesContext(connection) as many:
        client.get(url("changelist"))
    assert len(many) == len(few)


# --- the page ---


def test_the_page_tells_who_has_how_many_points_and_from_what(model):
    page = text(browser("Marketer").get(url("change", model.pk)))
    assert "Who is worth a call." in page and "Up to date" in page and "From events received since" in page
    assert "+3 in 7 days" in page and "33.3 % of those with a score" in page
    assert "About to become Hot" in page and "75</strong> points, 5 to go" in page and "+75 in 7 days" in page
    ann = Contact.objects.get(name="Ann")
    assert reverse("admin:contacts_contact_change", args=[ann.pk]) in page
    assert "120</strong>" in page and "A1" in page and "fit 20, engagement 100" in page
    assert "Clicks a button" in page and "8×" in page and "Last: Clicks a button · label Pricing" in page
    assert "Never gave points" in page and "No “Form submitted” has ever arrived." in page
    assert "3 came so far or farther, 100 %" in page and "by hand, a step or the API" in page
    assert "&quot;label&quot;: &quot;Hot&quot;" in page


def test_who_may_not_see_contacts_sees_numbers_only(model):
    person().user_permissions.add(Permission.objects.get(codename="view_scoremodel"))
    page = text(browser().get(url("change", model.pk)))
    assert "Clicks a button" in page and "Ben" not in page and "Most points" not in page


def test_an_analyst_is_offered_nothing_to_do(model):
    page = text(browser("Analyst").get(url("change", model.pk)))
    assert "Work out again" not in page and url("recompute", model.pk) not in page


def test_a_model_that_is_off_or_a_draft_says_what_to_do(model):
    ScoreModel.objects.filter(pk=model.pk).update(is_active=False)
    page = text(browser("Marketer").get(url("change", model.pk)))
    assert "Switched off" in page and "Turn it on" in page and "How points are spread" not in page
    assert "25 points when somebody clicks a button, at most 10 times" in page
    draft = ScoreModel.objects.create(key="new", name="New", draft={})
    page = text(browser("Marketer").get(url("change", draft.pk)))
    assert "Not in force yet" in page and "put it in force" in page


def test_a_model_that_nobody_has_points_from_tells_what_its_rules_wait_for():
    empty = made("other", rules=[on("form.submitted", 5)])
    page = text(browser("Marketer").get(url("change", empty.pk)))
    assert "Nobody has points yet" in page and "No “Form submitted” has ever arrived." in page
    assert "Bands over time" not in page and "Most points" not in page


def test_working_out_again_shows_how_far_it_is_and_can_be_stopped(model):
    client = browser("Publisher")
    page = text(client.post(url("recompute", model.pk), follow=True))
    assert "worked out again. You may leave this page." in page
    model.refresh_from_db()
    Job.objects.filter(pk=model.job_id).update(total=200, done=80)
    fragment = text(client.get(url("now", model.pk)))
    assert "being worked out 40 %" in fragment and 'data-busy="yes"' in fragment and "Cancel" in fragment
    client.post(url("stop", model.pk))
    assert "It stops after the part in hand" in text(client.get(url("now", model.pk)))
    ScoreModel.objects.filter(pk=model.pk).update(filled_edition=0)
    engine.run(clock.now())
    fragment = text(client.get(url("now", model.pk)))
    assert 'data-busy=""' in fragment and "stopped" in fragment and "Work out again" in fragment
    assert "in force (Cancelled; what was done so far stays); work" in fragment
    client.post(url("recompute", model.pk))
    engine.run(clock.now())
    assert "Up to date" in text(client.get(url("now", model.pk)))
    assert Score.objects.filter(model=model).count() == 3
    assert {entry.change_message for entry in LogEntry.objects.all()} >= {
        "Asked for everybody's score to be worked out again.", "Stopped working out everybody's score.",
    }  # fmt: skip


def test_only_publishers_may_have_it_worked_out_again(model):
    for role in ("Marketer", "Analyst"):
        assert browser(role).post(url("recompute", model.pk)).status_code == 403
        assert browser(role).post(url("stop", model.pk)).status_code == 403
    assert not Job.objects.filter(kind=recomputing.KIND).exists()


def test_a_model_that_is_off_cannot_be_worked_out(model):
    ScoreModel.objects.filter(pk=model.pk).update(is_active=False)
    page = text(browser("Publisher").post(url("recompute", model.pk), follow=True))
    assert "turn it on first" in page and not Job.objects.filter(kind=recomputing.KIND).exists()
