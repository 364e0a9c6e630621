"""The demo company: written once, and scored, so that the pages of scores have something to show."""

import pytest

from config.demo import company
from lib import clock
from scoring import firing, insight, rising
from scoring.models import Score, ScoreModel
from tests import engine

pytestmark = pytest.mark.django_db


def test_the_demo_scores_its_customers_and_some_of_them_are_hot_or_about_to_be():
    assert company.load(clock.now())
    now = clock.now()
    engine.run(now)
    model = ScoreModel.objects.get()
    assert model.is_active and model.is_settled and model.stages == ["Lead", "Qualified", "Customer"]
    census = insight.census(model)
    assert census.people > 100 and all(census.bands) and len(census.cells) == 9
    assert rising.ahead(model, now)[0].people
    given = firing.rules(model, insight.spread(model, census.people, now))
    assert {one.rule.event for one in given if not one.ever} == {"email.opened", "email.clicked"}


def test_a_second_time_nothing_is_written():
    assert company.load(clock.now())
    engine.run(clock.now())
    people = Score.objects.count()
    assert not company.load(clock.now())
    assert Score.objects.count() == people
