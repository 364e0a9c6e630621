"""What an edit takes away is said before it is done, and deeds of a form that is sent twice are done once."""

import pytest
from django.urls import reverse

from scoring import adjusting, defining, losing
from scoring.adjusting import Deed
from scoring.checking import problems
from scoring.document import Band, Document, Stage, parse
from scoring.models import ScoreModel
from segments import conditions
from segments import defining as segments
from segments.models import Segment
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import NOW, ContactFactory
from tests.scoring.building import on

pytestmark = pytest.mark.django_db
HOT = {"field": "score.lead.band", "op": "any of", "value": ["hot", "Warm"]}


@pytest.fixture
def lead():
    stages = [Stage(name="Lead", points=20), Stage(name="Qualified", points=60), Stage(name="Customer")]
    document = Document(name="Lead", rules=[on("button.clicked", 5)], stages=stages)
    lead = defining.create("lead", document, None, NOW, active=True)
    engine.run(NOW)
    lead.refresh_from_db()
    for points in (30, 70):
        adjusting.adjust(lead, [ContactFactory().pk], Deed("add", points), NOW)
    return lead


def edited(lead, **changes) -> Document:
    document = parse(lead.definition)
    for name, value in changes.items():
        setattr(document, name, value)
    return document


def test_a_stage_that_goes_takes_its_people_back_and_says_so(lead):
    document = edited(lead, stages=[Stage(name="Lead", points=20), Stage(name="Customer")])
    assert losing.sentences(lead, document) == [
        "Stage “Qualified” is gone: 1 person goes back to “Lead”, and no undo brings them back."
    ]
    assert losing.sentences(lead, edited(lead, description="Other words.")) == []


def test_conditions_that_ask_for_a_name_that_goes_are_named(lead):
    segment = segments.save(Segment(name="Hot ones", condition=HOT), None, NOW)
    bands = [Band(name="Cold", points=0), Band(name="Warm", points=50), Band(name="MQL", points=80)]
    [said] = losing.sentences(lead, edited(lead, bands=bands))
    assert said == "Nobody fits where conditions ask for “Hot”: The segment “Hot ones”. Change them there."
    lead = defining.save_draft(lead, edited(lead, bands=bands), lead.draft_revision, None, NOW)
    page = browser("Publisher").get(reverse("admin:scoring_scoremodel_force", args=[lead.pk])).content.decode()
    assert said in page
    defining.put_in_force(lead, None, NOW)
    assert conditions.vanished(segment.condition, "contact") == [
        "“Lead” has no band “hot” any more; choose another one."
    ]


def test_a_form_that_is_sent_twice_does_its_deed_once(lead):
    publisher = browser("Publisher")
    switch = reverse("admin:scoring_scoremodel_switch", args=[lead.pk])
    seen = publisher.get(switch).context["form"]["seen"].value()
    publisher.post(switch, {"seen": seen})
    answer = publisher.post(switch, {"seen": seen})
    assert "after you opened the page" in answer.content.decode()
    assert not ScoreModel.objects.get().is_active


def test_no_stage_may_be_called_none(lead):
    assert [one.place for one in problems(edited(lead, stages=[Stage(name="None", points=5)]))] == ["stages[0].name"]
