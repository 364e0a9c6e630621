"""Scores that time alone moves: whom the engine looks at again, and when."""

from datetime import timedelta

import pytest

from contacts import merging
from contacts.models import Contact
from events.models import Event
from scoring import adjusting, defining, fading
from scoring.adjusting import Deed
from scoring.document import Document
from scoring.models import Score
from segments import defining as segments
from segments.models import Membership, Segment
from tests import engine
from tests.factories import NOW
from tests.scoring.building import half, lasting, made, on
from tests.scoring.test_settling import DAY, Shop, score

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return Shop()


def segment(tree) -> Segment:
    return segments.save(Segment(name="Some", condition=tree), None, NOW)


def inside(of: Segment) -> list[str]:
    rows = Membership.objects.current().filter(segment=of)
    return list(rows.values_list("contact__identities__value", flat=True))


def crossings() -> int:
    return Event.objects.filter(type="score.band_changed").count()


def test_what_has_faded_away_is_above_nothing_any_more(shop):
    """Points are rounded to a millionth, so those that only fade come to 0 in the end."""
    made(rules=[on("button.clicked", 40, fading=half(1))])
    warm = segment({"field": "score.lead", "op": ">", "value": 0})
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    assert inside(warm) == ["ann"]
    engine.run(NOW + 20 * DAY)
    assert inside(warm) == ["ann"]
    engine.run(NOW + 30 * DAY)
    assert inside(warm) == []
    assert score("ann").due_at is None


def test_what_fades_towards_a_level_gets_there(shop):
    made(rules=[on("button.clicked", 50), on("email.bounced", -10, fading=half(1))])
    good = segment({"field": "score.lead", "op": "≥", "value": 50})
    shop.does("ann", "button.clicked")
    shop.does("ann", "email.bounced")
    engine.run(NOW)
    assert inside(good) == []
    engine.run(NOW + 30 * DAY)
    assert inside(good) == ["ann"]


def test_who_is_just_at_a_level_may_rise_above_it(shop):
    made(rules=[on("button.clicked", 40), on("email.bounced", -10, fading=lasting(5))])
    good = segment({"field": "score.lead", "op": ">", "value": 30})
    shop.does("ann", "button.clicked")
    shop.does("ann", "email.bounced")
    engine.run(NOW)
    assert (score("ann").points, inside(good)) == (30, [])
    engine.run(NOW + 5 * DAY)
    assert inside(good) == ["ann"]


def test_nobody_is_looked_at_every_minute_who_stays_at_the_floor_or_the_ceiling(shop):
    rules = [on("button.clicked", 900, fading=half(10)), on("email.bounced", -900, fading=half(30))]
    made(rules=rules, ceiling=100)
    segment({"any": [{"field": "score.lead", "op": op, "value": n} for op, n in (("≥", 100), (">", 0))]})
    shop.does("ann", "button.clicked")
    shop.does("ben", "email.bounced")
    engine.run(NOW)
    # 900 · 0.5^(d/10) = 100 after 31.7 days.
    assert score("ann").due_at > NOW + 31 * DAY
    assert score("ben").due_at is None or score("ben").due_at > NOW + 30 * DAY


def test_nobody_is_looked_at_every_minute_whose_rule_gives_more_than_its_cap(shop):
    made(rules=[on("button.clicked", 80, fading=half(10), cap=20)])
    some = segment({"field": "score.lead", "op": "≥", "value": 20})
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    due = score("ann").due_at
    assert NOW + 20 * DAY - MINUTE < due < NOW + 20 * DAY + MINUTE  # 80 · 0.5^(20/10) = 20
    engine.run(due)
    assert inside(some) == ["ann"]
    engine.run(due + 2 * MINUTE)
    assert inside(some) == []


def test_a_model_that_is_off_looks_at_nobody(shop):
    document = Document(name="Lead", rules=[on("button.clicked", 90, fading=half(1))])
    lead = defining.create("lead", document, None, NOW, active=True)
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    assert crossings() == 1
    lead = defining.switch(lead, False, None, NOW)
    engine.run(NOW + 9 * DAY)
    assert (crossings(), score("ann").points) == (1, 90)
    assert not fading.is_due(NOW + 9 * DAY)
    defining.switch(lead, True, None, NOW + 9 * DAY)
    engine.run(NOW + 9 * DAY)
    assert (score("ann").points, score("ann").band) == (pytest.approx(90 / 2**9, abs=1e-5), 0)


def test_who_was_merged_is_not_looked_at_any_more(shop):
    """Their points are the winner's as soon as the history is moved; until then nobody is told of a fall."""
    lead = made(rules=[on("button.clicked", 90, at_most=2, fading=half(1))])
    for user in ("ann", "ben"):
        shop.does(user, "button.clicked")
    engine.run(NOW)
    ann, ben = (Contact.objects.get(identities__value=user).pk for user in ("ann", "ben"))
    adjusting.adjust(lead, [ann], Deed("add", 90), NOW)
    merging.merge([(ann, ben)], NOW)
    fading.look(NOW + 5 * DAY)
    assert not Event.objects.filter(type="score.band_changed", contact_id=ben, properties__direction="down").exists()
    engine.run(NOW + 5 * DAY)
    assert Score.objects.get().points == pytest.approx(90 + 180 / 2**5, abs=1e-5)
