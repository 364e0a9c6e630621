"""Scores as people read them, now and as they went; what people give and take back."""

from datetime import timedelta
from uuid import uuid4

import pytest

from contacts.models import Contact
from events.models import Event
from scoring import adjusting, reading
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import Score, ScoreChange, ScoreModel
from tests import engine
from tests.factories import NOW, ContactFactory
from tests.scoring.building import half, lasting, made, on
from tests.scoring.test_settling import DAY, Shop, score, shop  # noqa: F401

pytestmark = pytest.mark.django_db


def ann() -> int:
    return Contact.objects.get(identities__value="ann").pk


def test_standings_are_those_of_the_moment_that_is_asked_about(shop):  # noqa: F811
    lead = made(rules=[on("button.clicked", 40, fading=half(30))])
    made("other", rules=[on("page.viewed", 7)])
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    nobody = ContactFactory().pk
    found = reading.scores_of([ann(), nobody], NOW + 30 * DAY)
    assert found[ann()]["lead"].points == 20
    assert found[ann()]["other"].points == found[nobody]["lead"].points == 0
    assert (found[nobody]["lead"].band, found[nobody]["lead"].cell) == ("Cold", "C3")
    assert score("ann").points == 40  # reading writes nothing
    assert [(pk, one.points) for pk, one in reading.top(lead, NOW, 5)] == [(ann(), 40)]


def test_the_ledger_tells_what_each_line_is_worth_now(shop):  # noqa: F811
    lead = made(rules=[on("button.clicked", 8, at_most=1), on("page.viewed", 4, fading=half(10))])
    shop.does("ann", "page.viewed", at=NOW - 10 * DAY, title="Pricing")
    shop.does("ann", "button.clicked", at=NOW - 2 * DAY)
    shop.does("ann", "button.clicked", at=NOW - DAY)
    engine.run(NOW)
    adjusting.adjust(lead, [ann()], Deed("add", -3, "asked for a refund"), NOW)
    lines = reading.ledger(lead, ann(), NOW)
    said = [(line.title, line.points, line.worth, line.note) for line in lines]
    assert said == [
        ("asked for a refund", -3, -3, ""),
        ("clicked a button", 8, 8, ""),
        ("clicked a button", 8, 0, "Newer ones took its place"),
        ("viewed a page", 4, 2, "Fades by half every 10 days"),
    ]
    assert lines[3].detail == "“Pricing”"
    assert sum(line.worth for line in lines) == score("ann").points
    older = reading.ledger(lead, ann(), NOW, before=(lines[1].change.at, lines[1].change.pk))
    assert [line.change for line in older] == [line.change for line in lines[2:]]


def test_history_is_the_score_of_each_moment(shop):  # noqa: F811
    lead = made(rules=[on("button.clicked", 8), on("page.viewed", 10, fading=lasting(3))])
    shop.does("ann", "button.clicked", at=NOW - 6 * DAY)
    shop.does("ann", "page.viewed", at=NOW - 5 * DAY)
    engine.run(NOW)
    went = reading.history(lead, ann(), NOW - 8 * DAY, NOW, points=9)
    assert [moment for moment, _ in went] == [NOW - ago * DAY for ago in range(8, -1, -1)]
    assert [points for _, points in went] == [0, 0, 8, 18, 18, 18, 8, 8, 8]


def test_what_is_given_by_hand_counts_once_fades_and_can_be_taken_back(shop):  # noqa: F811
    lead = made(rules=[on("button.clicked", 8)])
    shop.does("ann", "button.clicked", at=NOW - DAY)
    engine.run(NOW)
    key = uuid4()
    for _ in range(2):
        adjusting.adjust(lead, [ann()], Deed("add", 100, "met at the fair", half(10), "api"), NOW, key=key)
    assert (score("ann").points, score("ann").band) == (108, 2)
    adjusting.take_back(ScoreChange.objects.get(event_id=key), NOW)
    assert (score("ann").points, score("ann").band) == (8, 0)
    adjusting.adjust(lead, [ann()], Deed("set", 60), NOW)
    adjusting.adjust(lead, [ann()], Deed("add", 5), NOW)
    assert score("ann").points == 65
    adjusting.adjust(lead, [ann()], Deed("reset"), NOW + timedelta(minutes=1))
    assert score("ann").points == 0
    engine.run(NOW)
    told = Event.objects.filter(type="score.band_changed").values_list("properties__band", flat=True)
    assert sorted(told) == ["Cold", "Cold", "Hot", "Warm"]


def test_stages_are_forced_only_on_demand():
    lead = made(rules=[on("button.clicked", 8)], stages=[Stage(name="Lead", points=20), Stage(name="Customer")])
    ann = ContactFactory().pk
    assert adjusting.move_stage(lead, [ann], 2, NOW) == 1
    assert adjusting.move_stage(lead, [ann], 1, NOW) == 0
    assert Score.objects.get(contact=ann).stage == 2
    assert adjusting.move_stage(lead, [ann], 1, NOW, forced=True) == 1
    assert Score.objects.get(contact=ann).stage == 1
    adjusting.adjust(lead, [ann], Deed("add", 30), NOW)
    assert Score.objects.get(contact=ann).stage == 1


@pytest.mark.parametrize("deed", [Deed("add"), Deed("double", 5), Deed("add", 5000), Deed("add", 5, "x" * 201)])
def test_what_makes_no_sense_is_refused(deed):
    lead = made()
    with pytest.raises(adjusting.Refused):
        adjusting.adjust(lead, [ContactFactory().pk], deed, NOW)
    assert not ScoreChange.objects.exists()


def test_nothing_is_taken_back_in_a_model_that_is_off():
    lead = made(rules=[on("button.clicked", 8)])
    adjusting.adjust(lead, [ContactFactory().pk], Deed("add", 90), NOW)
    ScoreModel.objects.update(is_active=False)
    with pytest.raises(adjusting.Refused):
        adjusting.take_back(ScoreChange.objects.get(), NOW)
    assert (Score.objects.get().points, Event.objects.filter(type="score.band_changed").count()) == (90, 1)
