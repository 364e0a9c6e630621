"""Conditions on scores: as of now, for everybody, also those who never earned a point."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from scoring import adjusting, reading
from scoring import defining as score_models
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import ScoreModel
from segments import catalogue, conditions, defining
from segments.models import Membership, Segment
from tests import engine
from tests.factories import NOW, ContactFactory
from tests.scoring.building import half, made, on
from tests.scoring.test_settling import DAY, Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    shop = Shop()
    stages = [Stage(name="Lead", points=20), Stage(name="Customer")]
    made(rules=[on("button.clicked", 30, fading=half(10))], stages=stages)
    for user, times in {"ann": 3, "ben": 1, "cleo": 0}.items():
        shop.tells(user)
        for _ in range(times):
            shop.does(user, "button.clicked")
    engine.run(NOW)
    return shop


def who(field, op, value=None, now=NOW, only=None) -> list[str]:
    tree = {"field": field, "op": op, "value": value}
    if value is None:
        del tree["value"]
    rows = conditions.matching(Contact.objects.all(), tree, now, only=only)
    return sorted(rows.values_list("identities__value", flat=True))


@pytest.mark.parametrize(
    ("field", "op", "value", "people"),
    [
        ("score.lead", "≥", 30, ["ann", "ben"]),
        ("score.lead", "<", 30, ["cleo"]),
        ("score.lead", "between", [0, 30], ["ben", "cleo"]),
        ("score.lead", "is", 0, ["cleo"]),
        ("score.lead.engagement", ">", 80, ["ann"]),
        ("score.lead.fit", "is", 0, ["ann", "ben", "cleo"]),
        ("score.lead.band", "is", "hot", ["ann"]),
        ("score.lead.band", "is not", "hot", ["ben", "cleo"]),
        ("score.lead.band", "any of", ["Cold", "Warm"], ["ben", "cleo"]),
        ("score.lead.cell", "is", "C1", ["ann"]),
        ("score.lead.cell", "ends with", "3", ["cleo"]),
        ("score.lead.stage", "is", "Lead", ["ann", "ben"]),
        ("score.lead.stage", "is not set", None, ["cleo"]),
    ],
)
def test_a_condition_finds_these_people(shop, field, op, value, people):
    assert who(field, op, value) == people
    assert who(field, op, value, only=list(Contact.objects.values_list("pk", flat=True))) == people


def test_points_are_those_of_the_moment(shop):
    assert who("score.lead", "≥", 15, NOW + 10 * DAY) == ["ann", "ben"]
    assert who("score.lead", "≥", 15, NOW + 11 * DAY) == ["ann"]


@pytest.mark.parametrize(("floor", "ceiling", "points"), [(None, None, 0), (10, None, 10), (0, 50, 0), (-90, -5, -5)])
def test_who_earned_nothing_has_points_between_floor_and_ceiling(floor, ceiling, points):
    lead = made("lead", rules=[on("button.clicked", 30)], floor=floor, ceiling=ceiling)
    nobody = ContactFactory().pk
    assert reading.standings(lead, [nobody], NOW)[nobody].points == points
    tree = {"field": "score.lead", "op": "is", "value": points}
    assert list(conditions.matching(Contact.objects.all(), tree, NOW).values_list("pk", flat=True)) == [nobody]


def test_a_model_that_is_not_there_is_refused_and_matches_nobody(shop):
    [problem] = conditions.validate({"field": "score.lost", "op": "≥", "value": 1}, "contact")
    assert "score.lost" not in problem.sentence and "lost" in problem.sentence
    ScoreModel.objects.update(key="gone")
    assert who("score.lead", "<", 1) == []
    [said] = conditions.vanished({"field": "score.lead", "op": "≥", "value": 1}, "contact")
    assert "no score model" in said


def test_it_is_said_in_words_and_offered(shop):
    tree = {
        "all": [
            {"field": "score.lead", "op": "≥", "value": 5},
            {"field": "score.lead.band", "op": "is", "value": "Hot"},
        ]
    }
    assert conditions.sentence(tree, "contact") == "their Lead is at least 5 and the band of their Lead is “Hot”"
    offered = {entry.key: entry for entry in catalogue.catalogue("contact") if entry.group == "Scores"}
    assert set(offered) == {f"score.lead{part}" for part in ["", ".fit", ".engagement", ".band", ".cell", ".stage"]}
    assert [choice.value for choice in offered["score.lead.band"].values] == ["Cold", "Warm", "Hot"]


def inside(segment) -> set[str]:
    rows = Membership.objects.current().filter(segment=segment)
    return set(rows.values_list("contact__identities__value", flat=True))


def test_a_segment_follows_scores_as_they_rise_fade_and_are_given(shop):
    tree = {"field": "score.lead", "op": "≥", "value": 37}
    segment = defining.save(Segment(name="Promising", condition=tree), None, NOW)
    engine.run(NOW)
    assert score_models.uses(ScoreModel.objects.get()) == [("the segment “Promising”", segment.get_absolute_url())]
    assert inside(segment) == {"ann"}
    assert ScoreModel.objects.get().levels == [37]
    shop.does("ben", "button.clicked")
    engine.run(NOW)
    assert inside(segment) == {"ann", "ben"}
    engine.run(NOW + timedelta(days=6.9))  # 60 · 0.5^(d/10) = 37 after 6.97 days
    assert inside(segment) == {"ann", "ben"}
    later = NOW + 7 * DAY
    engine.run(later)
    assert inside(segment) == {"ann"}
    cleo = Contact.objects.get(identities__value="cleo").pk
    adjusting.adjust(ScoreModel.objects.get(), [cleo], Deed("add", 40), later)
    engine.run(later)
    assert inside(segment) == {"ann", "cleo"}
