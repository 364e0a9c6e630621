"""What a contact's ledger comes to: counted by hand."""

from datetime import timedelta

import pytest

from events import recording
from events.items import Item
from events.models import Event
from ops.models import Source
from scoring import reading
from scoring.document import Group, Stage
from scoring.models import Score, ScoreChange, ScoreFlow, ScoreModel
from tests import engine
from tests.factories import NOW
from tests.scoring.building import half, lasting, made, on, whose

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


class Shop:
    """A source that sends events of its users, at any time."""

    def __init__(self):
        self.source, self.sent = Source.objects.create(name="Shop"), 0

    def does(self, user, event, at=NOW, now=NOW, **properties):
        self.sent += 1
        item = Item(kind="track", user_id=user, event=event, message_id=f"m{self.sent}", properties=properties)
        item.timestamp = at.isoformat()
        assert recording.record(self.source, [item], now).accepted == 1

    def tells(self, user, now=NOW, **traits):
        self.sent += 1
        item = Item(kind="identify", user_id=user, message_id=f"m{self.sent}", traits=traits)
        assert recording.record(self.source, [item], now).accepted == 1


@pytest.fixture
def shop():
    return Shop()


def score(user: str) -> Score:
    return Score.objects.get(contact__identities__value=user)


def test_points_of_what_she_did_and_who_she_is(shop):
    made(rules=[on("button.clicked", 5), whose({"field": "contact.title", "op": "is", "value": "CEO"}, 20)])
    shop.tells("ann", title="CEO")
    shop.does("ann", "button.clicked")
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    ann = score("ann")
    assert (ann.points, ann.fit, ann.engagement) == (30, 20, 10)
    assert (ann.band, ann.cell, ann.due_at) == (0, "B3", None)


def test_only_the_latest_so_many_count_in_whatever_order_they_come(shop):
    made(rules=[on("button.clicked", 8, at_most=2, fading=half(10))])
    for ago in (0, 20, 10):
        shop.does("ann", "button.clicked", at=NOW - ago * DAY)
        engine.run(NOW)
    assert score("ann").points == 8 + 4
    assert ScoreChange.objects.filter(ended_because="newer").get().at == NOW - 20 * DAY


def test_caps_of_rules_and_groups_floor_and_ceiling(shop):
    rules = [on("button.clicked", 9, cap=20, group="web"), on("page.viewed", 9, group="web"), on("email.bounced", -50)]
    made(rules=rules, groups=[Group(name="web", cap=30)], ceiling=25)
    for _ in range(3):
        shop.does("ann", "button.clicked")
        shop.does("ann", "page.viewed")
    engine.run(NOW)
    assert (score("ann").engagement, score("ann").points) == (30, 25)
    shop.does("ann", "email.bounced")
    engine.run(NOW)
    assert (score("ann").engagement, score("ann").points) == (-20, 0)


def test_what_fades_and_what_expires_is_worth_less_as_time_passes(shop):
    made(rules=[on("button.clicked", 80, fading=half(30)), on("page.viewed", 10, fading=lasting(7))])
    shop.does("ann", "button.clicked")
    shop.does("ann", "page.viewed")
    engine.run(NOW)
    assert (score("ann").points, score("ann").band) == (90, 2)
    later = NOW + 8 * DAY
    engine.run(later)
    assert (score("ann").points, score("ann").band) == (pytest.approx(80 * 0.5 ** (8 / 30), abs=1e-5), 1)


def test_set_and_reset_count_from_when_they_happened(shop):
    made(
        rules=[on("button.clicked", 5), on("order.completed", 0, effect="reset"), on("trial.started", 40, effect="set")]
    )
    shop.does("ann", "button.clicked", at=NOW - 3 * DAY)
    shop.does("ann", "button.clicked", at=NOW - DAY)
    shop.does("ann", "order.completed", at=NOW - 2 * DAY)
    engine.run(NOW)
    assert score("ann").points == 5
    shop.does("ann", "trial.started", at=NOW - 2 * DAY + timedelta(hours=1))
    engine.run(NOW)
    assert score("ann").points == 45


def test_fit_follows_what_is_known_of_them(shop):
    rival = whose({"field": "contact.email", "op": "ends with", "value": "@rival.com"}, 0, uid="rival", effect="reset")
    made(rules=[whose({"field": "contact.title", "op": "is", "value": "CEO"}, 20), rival], floor=None)
    shop.tells("ann", title="CEO", email="ann@example.org")
    engine.run(NOW)
    assert score("ann").fit == 20
    shop.tells("ann", email="ann@rival.com")
    engine.run(NOW)
    assert score("ann").fit == 0
    shop.tells("ann", email="ann@example.org", title="CTO")
    engine.run(NOW)
    assert score("ann").fit == 0
    assert ScoreChange.objects.live().count() == 0


def test_fit_may_fade_from_when_it_became_true(shop):
    made(rules=[whose({"field": "contact.title", "op": "is set"}, 20, fading=half(10))])
    shop.tells("ann", title="CEO")
    engine.run(NOW)
    later = NOW + 10 * DAY
    shop.tells("ann", now=later, title="CTO")
    engine.run(later)
    [standing] = reading.standings(ScoreModel.objects.get(), [score("ann").contact_id], later).values()
    assert (standing.fit, ScoreChange.objects.count()) == (10, 1)  # it stayed true all the time


def crossings() -> list[tuple]:
    events = Event.objects.filter(type="score.band_changed").order_by("occurred_at", "id")
    return [(event.properties["previous_band"], event.properties["band"]) for event in events]


def test_a_band_is_entered_at_its_threshold_and_left_below_the_margin(shop):
    made(rules=[on("button.clicked", 82, at_most=1, fading=half(30)), on("email.bounced", -1)], margin=5)
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    assert crossings() == [("Cold", "Hot")]
    ann = score("ann")
    assert ann.due_at is not None
    engine.run(NOW + DAY)  # 80.1
    engine.run(NOW + 2 * DAY)  # 78.3: within the margin
    assert crossings() == [("Cold", "Hot")]
    engine.run(NOW + 5 * DAY)  # 73.1
    assert crossings() == [("Cold", "Hot"), ("Hot", "Warm")]
    assert ScoreFlow.objects.filter(band=2).count() == 2
    engine.run(NOW + 400 * DAY)
    assert crossings()[-1] == ("Warm", "Cold")
    assert score("ann").due_at is None


def test_nobody_is_looked_at_before_a_threshold_is_near(shop):
    made(rules=[on("button.clicked", 60, at_most=1, fading=half(30))])
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    # 60 · 0.5^(d/30) = 48, a margin of 2 below 50
    assert score("ann").due_at == pytest.approx(NOW + timedelta(days=30 * 0.321928094), abs=timedelta(minutes=1))


def test_stages_go_forward_only(shop):
    stages = [Stage(name="Lead", points=20), Stage(name="Qualified", points=50), Stage(name="Customer")]
    made(rules=[on("button.clicked", 25), on("email.bounced", -40)], stages=stages)
    for event in ["button.clicked", "email.bounced", "button.clicked", "button.clicked", "button.clicked"]:
        shop.does("ann", event)
        engine.run(NOW)
    assert (score("ann").points, score("ann").stage) == (60, 2)
    told = Event.objects.filter(type="score.stage_reached").values_list("properties__stage", flat=True)
    assert sorted(told) == ["Lead", "Qualified"]
