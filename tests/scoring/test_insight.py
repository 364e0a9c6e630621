"""What is to be seen of a whole model: counted by hand, from events that went through the engine."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from scoring import adjusting, charts, firing, flow, insight, reading, rising
from scoring.adjusting import Deed
from scoring.document import Stage
from scoring.models import Score, ScoreFlow
from tests import engine
from tests.factories import NOW
from tests.scoring.building import half, made, on, whose
from tests.scoring.test_settling import DAY, shop  # noqa: F401

pytestmark = pytest.mark.django_db
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}


def pk_of(user: str) -> int:
    return Contact.objects.get(identities__value=user).pk


def spread(model, now=NOW):
    return insight.spread(model, insight.census(model).people, now)


def told(model, now=NOW):
    return {one.rule.uid: one for one in firing.rules(model, spread(model, now))}


# --- counts ---


def test_people_are_counted_by_band_cell_and_stage(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 60), whose(CEO, 40)], stages=[Stage(name="Lead", points=50)])
    shop.tells("ann", title="CEO")
    for user in ("ann", "ben"):
        shop.does(user, "button.clicked")
    shop.tells("cy", title="CEO")
    engine.run(NOW)
    found = insight.census(model)
    assert found.people == 3 and found.bands == [1, 1, 1] and found.stages == [1, 2]
    assert found.cells == {(2, 2): 1, (0, 2): 1, (2, 0): 1}
    assert insight.bands_of([model]) == {model.pk: [1, 1, 1]}


def test_points_are_those_of_now_and_what_gives_them_is_added_up(shop):  # noqa: F811
    rules = [on("button.clicked", 40, fading=half(10)), on("page.viewed", 9, cap=12), whose(CEO, 20)]
    model = made(rules=rules)
    shop.tells("ann", title="CEO")
    for user in ("ann", "ben"):
        shop.does(user, "button.clicked")
        shop.does(user, "page.viewed")
        shop.does(user, "page.viewed", at=NOW - DAY)
    engine.run(NOW)
    adjusting.adjust(model, [pk_of("ben")], Deed("add", -2, "asked for a refund"), NOW)
    later = NOW + 10 * DAY
    found = spread(model, later)
    assert found.points == {52: 1, 30: 1} and not found.is_sample
    held = reading.standings(model, [pk_of("ann"), pk_of("ben")], later)
    assert sorted(one.points for one in held.values()) == [30, 52]
    by_uid = {one.rule.uid: (one.times, one.people, one.worth) for one in firing.rules(model, found)}
    assert by_uid == {"button.clicked": (2, 2, 40), "page.viewed": (4, 2, 24), "fits": (1, 1, 20)}
    assert (found.tallies[None].times, found.tallies[None].worth) == (1, -2)


def test_beyond_a_number_of_people_a_sample_is_asked_the_same_each_time(shop, monkeypatch):  # noqa: F811
    model = made(rules=[on("button.clicked", 60)])
    for number in range(60):
        shop.does(f"user{number}", "button.clicked")
    engine.run(NOW)
    monkeypatch.setattr(insight, "EXACT", 50)
    monkeypatch.setattr(insight, "SAMPLE", 20)
    found = spread(model)
    assert found.is_sample and 5 < found.asked < 40 and found.people == 60
    assert spread(model) == found
    (rule,) = firing.rules(model, found)
    assert (rule.times, rule.people) == (60, 60) and round(rule.worth) == 3_600
    assert [row.people for row in charts.histogram(model, found)["rows"]] == [60]


# --- rules ---


def test_a_rule_that_never_gave_points_says_why_in_words_one_can_act_on(shop):  # noqa: F811
    rules = [
        on("form.submitted", 5),
        on("email.opened", 2),
        on("page.viewed", 5, uid="pricing", where={"field": "event.title", "op": "is", "value": "Pricing"}),
        on("button.clicked", 5),
        whose(CEO, 5),
        whose({"field": "contact.email", "op": "is", "value": "x@example.com"}, 5, uid="her"),
    ]
    model = made(rules=rules)
    shop.does("ann", "page.viewed", title="Start")
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    found = told(model)
    assert found["button.clicked"].ever and not found["button.clicked"].reason
    assert found["form.submitted"].reason.startswith("No “Form submitted” has ever arrived. Ask your engineers")
    assert "recorded by itself once campaigns send mail" in found["email.opened"].reason
    assert "none fitted the rule's filter" in found["pricing"].reason
    assert "title" in found["fits"].reason and found["her"].reason.startswith("Nobody fits it now")
    assert [one.ever for one in firing.rules(model, spread(model))] == [True, *[False] * 5]


def test_opens_by_machines_alone_are_told_apart(shop):  # noqa: F811
    model = made(rules=[on("email.opened", 2)])
    shop.does("ann", "email.opened", machine=True)
    engine.run(NOW)
    assert "only by machines" in told(model)["email.opened"].reason


def test_when_a_rule_last_gave_points_is_known_also_of_those_who_were_not_asked(shop, monkeypatch):  # noqa: F811
    model = made(rules=[on("button.clicked", 60)])
    for number in range(30):
        shop.does(f"user{number}", "button.clicked", at=NOW - number * DAY)
    engine.run(NOW)
    monkeypatch.setattr(insight, "EXACT", 1)
    monkeypatch.setattr(insight, "SAMPLE", 1)
    assert told(model)["button.clicked"].last == NOW


def test_what_faded_away_gave_points_once(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 60, at_most=1)])
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    adjusting.adjust(model, [pk_of("ann")], Deed("reset"), NOW + DAY)
    one = told(model, NOW + 2 * DAY)["button.clicked"]
    assert (one.ever, one.times, one.last) == (True, 0, NOW)


# --- about to become hot ---


def rules_of_sales():
    return [on("button.clicked", 25), on("page.viewed", 1), whose(CEO, 70)]


def test_near_and_rising_by_what_they_did_is_about_to_become_hot(shop):  # noqa: F811
    model = made(rules=rules_of_sales())
    for user, when in (("rising", NOW - 2 * DAY), ("resting", NOW - 20 * DAY), ("over", NOW)):
        for before in (30, 25):
            shop.does(user, "button.clicked", at=NOW - before * DAY)
        shop.does(user, "button.clicked", at=when)
    shop.does("over", "button.clicked")
    shop.does("rising", "page.viewed", at=NOW - DAY, title="Pricing")
    shop.tells("far", title="CEO")  # known today, but she did nothing
    shop.does("far", "page.viewed", at=NOW - 8 * DAY)
    engine.run(NOW)
    hot, warm = rising.ahead(model, NOW)
    assert (hot.band, hot.threshold, hot.reach, warm.band) == ("Hot", 80, 10, "Warm")
    (one,) = hot.people
    assert (one.contact_id, one.points, one.missing, one.gained) == (pk_of("rising"), 76, 4, 26)
    assert (one.last, one.last_at) == ("page.viewed", NOW - DAY) and warm.people == []


def test_newer_events_that_take_the_place_of_older_ones_gain_nothing(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 25, at_most=3)])
    for ago in (30, 29, 28, 1):
        shop.does("ann", "button.clicked", at=NOW - ago * DAY, now=NOW - ago * DAY)
        engine.run(NOW - ago * DAY)
    assert Score.objects.get().points == 75
    assert rising.ahead(model, NOW)[0].people == []


def test_who_was_near_when_last_looked_at_but_faded_is_left_out(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 75, fading=half(30))])
    shop.does("ann", "button.clicked")
    engine.run(NOW)
    assert len(rising.ahead(model, NOW)[0].people) == 1
    assert rising.ahead(model, NOW + 6 * DAY)[0].people == []


# --- bands over time ---


def test_bands_over_time_are_counted_back_from_those_of_now(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 60, fading=half(5))])
    for number, day in enumerate((0, 1, 1)):
        shop.does(f"user{number}", "button.clicked", at=NOW + day * DAY, now=NOW + day * DAY)
        engine.run(NOW + day * DAY)
    engine.run(NOW + 5 * DAY)
    today = (NOW + 5 * DAY).date()
    sizes = dict(flow.sizes(model, insight.census(model).bands, today - timedelta(days=6), today))
    day = NOW.date()
    assert sizes[day - DAY] == [0, 0, 0] and sizes[day] == [0, 1, 0] and sizes[day + DAY] == [0, 3, 0]
    assert sizes[today] == insight.census(model).bands == [3, 0, 0]
    assert flow.growth(model, day) == {0: 3, 1: -1} and flow.growth(model, today) == {}
    before = flow.sizes(model, [3, 0, 0], day, today)
    flow.compact(NOW)
    assert flow.sizes(model, [3, 0, 0], day, today) == before
    rows = ScoreFlow.objects.filter(model=model)
    assert rows.count() == rows.values("day", "band").distinct().count()


# --- the histogram ---


@pytest.mark.parametrize(
    ("points", "thresholds"),
    [({0: 5, 49: 1, 50: 2, 84: 1}, [50, 80]), ({3: 1}, [50, 80]), ({-40: 2, 900: 1, 10: 500}, [33, 71]), ({7: 9}, [])],
)
def test_columns_hold_everybody_once_and_tell_bands_apart(points, thresholds):
    columns = charts.columns_of(points, thresholds)
    assert sum(column.people for column in columns) == sum(points.values())
    assert 2 <= len(columns) <= 60
    for place in range(len(thresholds) + 1):
        expected = sum(n for whole, n in points.items() if sum(whole >= edge for edge in thresholds) == place)
        assert sum(column.bands[place] for column in columns) == expected


def test_columns_begin_at_the_thresholds_and_the_last_one_is_open():
    columns = charts.columns_of({0: 50, 20: 30, 55: 20, 81: 10, 400: 1}, [50, 80])
    lows = [column.low for column in columns]
    assert 50 in lows and 80 in lows and columns[-1].label.endswith("and more") and columns[-1].people == 1
    assert [column.label for column in columns[:2]] == ["0–4", "5–9"]  # noqa: RUF001


def test_a_lowest_band_that_would_hide_the_others_is_not_drawn_at_first(shop):  # noqa: F811
    model = made(rules=[on("button.clicked", 60), on("page.viewed", 1)])
    shop.does("ann", "button.clicked")
    for number in range(9):
        shop.does(f"user{number}", "page.viewed")
    engine.run(NOW)
    drawn = charts.bands(model, insight.census(model), NOW)
    assert drawn["hidden"] == "Cold" and drawn["rows"][0] == (NOW.date(), ["0", "1", "9"])


def test_the_number_of_queries_does_not_grow_with_the_people(shop):  # noqa: F811
    model = made(rules=rules_of_sales())

    def look() -> int:
        with CaptureQueriesContext(connection) as asked:
            census = insight.census(model)
            firing.rules(model, insight.spread(model, census.people, NOW))
            charts.bands(model, census, NOW)
            rising.ahead(model, NOW)
            reading.top(model, NOW, 20)
        return len(asked)

    shop.does("ann", "button.clicked")
    engine.run(NOW)
    few = look()
    for number in range(40):
        shop.does(f"user{number}", "button.clicked", at=NOW - timedelta(hours=number))
        shop.does(f"user{number}", "page.viewed")
    engine.run(NOW)
    assert look() == few <= 16
