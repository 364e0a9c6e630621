# ruff: noqa: E501  the tables read best in rows
"""The leaf that asks what somebody did: measures, times, filters, and what may be wrong with it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from automation.models import Enrollment
from campaigns.models import Campaign, Version
from contacts.models import Contact
from events import partitions
from events.models import Event
from segments.conditions import compiled, matching, turns_at_midnight, validate
from segments.leaves import SUBJECTS, Scope, kind_of
from tests.segments.behaviour import ORDER, VIEW, happen
from tests.segments.population import NOW, contact

pytestmark = pytest.mark.django_db


def span(amount, unit="days"):
    return {"amount": amount, "unit": unit}


def orders(**more):
    return {"event": ORDER, **more}


def those(tree, now=NOW, queryset=None):
    rows = Contact.objects.order_by("pk") if queryset is None else queryset
    return list(matching(rows, tree, now))


@pytest.fixture
def people():
    """Ann bought for 60 and 10 these days, Bob for 5 two months ago, Cleo looked only."""
    ann, bob, cleo = (contact(first_name=name) for name in ("Ann", "Bob", "Cleo"))
    happen(ann, ago=timedelta(days=3), total=60, coupon="SPRING")
    happen(ann, ago=timedelta(days=5), total="10", coupon="spring")
    happen(bob, ago=timedelta(days=60), total=5)
    happen(cleo, VIEW, ago=timedelta(hours=1))
    return [ann, bob, cleo]


CHEAP = {"field": "event.total", "op": "<", "value": 50}
TRUTH = [
    (orders(), "ab"),
    (orders(op="≥", value=2), "a"),
    (orders(op=">=", value="2"), "a"),
    (orders(op="is", value=1), "b"),
    (orders(op="is", value=0), "c"),
    (orders(op="≤", value=0), "c"),
    (orders(op="is not", value=2), "bc"),
    (orders(op="<", value=2), "bc"),
    (orders(op="≤", value=1, when={"in the last": span(30)}), "bc"),
    (orders(op="between", value=[0, 1]), "bc"),
    (orders(op="between", value=[1, 9]), "ab"),
    (orders(where=CHEAP), "ab"),
    (orders(where=CHEAP, op="<", value=1), "c"),
    (orders(where=CHEAP, when={"in the last": span(30)}), "a"),
    (orders(where={"all": [CHEAP, {"field": "event.coupon", "op": "is", "value": "Spring"}]}), "a"),
    (orders(where={"not": CHEAP}), "a"),
    (orders(when={"in the last": span(3)}), ""),
    (orders(when={"in the last": span(73, "hours")}), "a"),
    (orders(when={"more than ago": span(30)}), "b"),
    (orders(when={"between ago": [span(90), span(4)]}), "ab"),
    (orders(when={"from": "2026-06-12", "to": "2026-06-12"}), "a"),
    (orders(when={"to": "2026-06-01"}), "b"),
    (orders(when={"from": "2026-06-01"}), "a"),
    (orders(measure="sum", property="total", op=">", value=60), "a"),
    (orders(measure="sum", property="total", op="<", value=6), "bc"),
    (orders(measure="sum", property="discount", op="is", value=0), "abc"),
    (orders(measure="min", property="total", op="≤", value=10), "ab"),
    (orders(measure="min", property="total", op="is not", value=10), "bc"),
    (orders(measure="max", property="total", op="is", value=60), "a"),
    (orders(measure="average", property="total", op="is", value=35), "a"),
    (orders(measure="average", property="discount", op="<", value=35), ""),
    (orders(measure="distinct", property="total", op="≥", value=2), "a"),
    (orders(measure="distinct", property="coupon", op="is", value=1), "a"),
    (orders(measure="distinct", property="coupon", op="is", value=0), "bc"),
    (orders(measure="first", op="in the last", value=span(30)), "a"),
    (orders(measure="first", op="more than ago", value=span(30)), "b"),
    (orders(measure="last", op="before", value="2026-06-12"), "b"),
    (orders(measure="last", op="on", value="2026-06-12"), "a"),
    (orders(measure="last", op="after", value="2026-06-10", where=CHEAP), ""),
]  # fmt: skip


@pytest.mark.parametrize(("tree", "names"), TRUTH)
def test_a_measure_matches_what_its_name_says(people, tree, names):
    assert validate(tree, "contact") == []
    matched = [person for person, name in zip(people, "abc", strict=True) if name in names]
    assert those(tree) == matched
    assert those({"not": tree}) == [person for person in people if person not in matched]
    asked = [people[0].pk, people[2].pk]
    some = Contact.objects.order_by("pk").filter(pk__in=asked)
    assert list(some.filter(compiled(tree, "contact", NOW, only=asked))) == [one for one in matched if one.pk in asked]


def test_events_and_enrollments_ask_about_their_contact(people):
    assert {event.contact for event in matching(Event.objects.all(), orders(op="≥", value=2), NOW)} == {people[0]}
    assert {event.contact for event in matching(Event.objects.all(), orders(op="is", value=0), NOW)} == {people[2]}


@pytest.fixture
def inside():
    """Ann entered yesterday, bought before and after it; Bob entered an hour ago, and bought before."""
    campaign = Campaign.objects.create(name="Thanks")
    version = Version.objects.create(campaign=campaign, number=1, document={})
    made = []
    for who, entered in ((contact(), timedelta(days=1)), (contact(), timedelta(hours=1))):
        happen(who, ago=timedelta(days=2), total=5)
        at = {"due_at": NOW, "entered_at": NOW - entered}
        made.append(Enrollment.objects.create(campaign=campaign, version=version, contact=who, **at))
    happen(made[0].contact, ago=timedelta(hours=2), total=50)
    return made


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        (orders(when={"since": "entry"}), "a"),
        (orders(op="is", value=0, when={"since": "entry"}), "b"),
        (orders(op="≥", value=2, when={"since": "entry"}), ""),
        (orders(measure="sum", property="total", op="<", value=50, when={"since": "entry"}), "b"),
        (orders(measure="first", op="in the last", value=span(1), when={"since": "entry"}), "a"),
        (orders(op="≥", value=1, when={"since": "entry", "calendar": True}), "a"),
        (orders(where=CHEAP, when={"since": "entry"}), ""),
        ({"sequence": [orders(), orders()], "within": span(3)}, "a"),
        ({"sequence": [orders(), orders()], "within": span(3), "when": {"since": "entry"}}, ""),
        (
            {
                "sequence": [orders(), orders()],
                "then": "did not",
                "within": span(1, "hours"),
                "when": {"since": "entry"},
            },
            "a",
        ),
    ],
)
def test_inside_a_campaign_it_may_count_since_they_entered(inside, tree, names):
    assert validate(tree, "enrollment") == []
    matched = [row for row, name in zip(inside, "ab", strict=True) if name in names]
    assert those(tree, queryset=Enrollment.objects.order_by("pk")) == matched
    others = those({"not": tree}, queryset=Enrollment.objects.order_by("pk"))
    assert others == [row for row in inside if row not in matched]
    only = [inside[0].contact_id]
    asked = Enrollment.objects.filter(compiled(tree, "enrollment", NOW, only=only), contact__in=only)
    assert list(asked) == [row for row in matched if row == inside[0]]


def test_why_somebody_fits_shows_what_was_measured(people):
    leaves = {"orders": orders(), "total": orders(measure="sum", property="total", op=">", value=1),
              "last": orders(measure="last", op="in the last", value=span(1)),
              "recent": orders(when={"in the last": span(4)}),
              "sequence": {"sequence": [orders(), orders()], "within": span(3)}}  # fmt: skip
    scope = Scope(SUBJECTS["contact"], NOW)
    seen = {key: kind_of(leaf).seen(leaf, scope) for key, leaf in leaves.items()}
    ann, _, cleo = Contact.objects.order_by("pk").annotate(**seen).values(*seen)
    assert ann | {"last": ann["last"][:10], "sequence": ann["sequence"][:10]} == {
        "orders": 2, "total": 70, "last": "2026-06-12", "recent": 1, "sequence": "2026-06-10",
    }  # fmt: skip
    assert cleo == {"orders": 0, "total": 0, "last": None, "recent": 0, "sequence": None}


def test_an_age_of_exactly_the_span_is_past_and_nothing_counts_twice():
    on_the_edge, younger = contact(), contact()
    happen(on_the_edge, ago=timedelta(days=7))
    happen(younger, ago=timedelta(days=7) - timedelta(microseconds=1))
    assert those(orders(when={"in the last": span(7)})) == [younger]
    assert those(orders(when={"more than ago": span(7)})) == [on_the_edge]
    assert those(orders(when={"between ago": [span(3), span(7)]})) == [younger]
    assert those(orders(when={"between ago": [span(1, "weeks"), span(2, "weeks")]})) == [on_the_edge]


def test_what_lies_ahead_is_not_in_the_last_days_yet():
    happen(contact(), at=NOW + timedelta(minutes=5))
    assert those(orders(when={"in the last": span(7)})) == []
    assert len(those(orders())) == len(those(orders(when={"in the last": span(7)}), NOW + timedelta(minutes=5))) == 1


class TestCalendar:
    def test_whole_days_are_those_of_the_site(self):
        paris = ZoneInfo("Europe/Paris")
        today, before = contact(), contact()
        happen(today, at=datetime(2026, 6, 14, 22, tzinfo=UTC))  # midnight in Paris
        happen(before, at=datetime(2026, 6, 14, 21, 59, tzinfo=UTC))
        now = datetime(2026, 6, 15, 23, tzinfo=paris)
        assert those(orders(when={"in the last": span(1), "calendar": True}), now) == [today]
        assert those(orders(when={"more than ago": span(1), "calendar": True}), now) == [before]
        assert those(orders(when={"between ago": [span(1), span(2)], "calendar": True}), now) == [before]
        assert those(orders(when={"in the last": span(1)}), now) == [today, before]

    @pytest.mark.parametrize(
        ("now", "first"),
        [
            (datetime(2026, 3, 29, 12), datetime(2026, 3, 28, 23, tzinfo=UTC)),  # a day of 23 hours
            (datetime(2026, 3, 30, 0, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),
            (datetime(2026, 10, 25, 23, 30), datetime(2026, 10, 24, 22, tzinfo=UTC)),  # of 25
        ],
    )
    def test_a_day_of_the_clock_change_is_a_day(self, now, first):
        inside, outside = contact(), contact()
        happen(inside, at=first)
        happen(outside, at=first - timedelta(microseconds=1))
        today = orders(when={"in the last": span(1), "calendar": True})
        assert those(today, now.replace(tzinfo=ZoneInfo("Europe/Paris"))) == [inside]

    def test_dates_are_days_of_the_site(self):
        happen(contact(), at=datetime(2026, 6, 14, 22, tzinfo=UTC))
        tree = orders(when={"from": "2026-06-15", "to": "2026-06-15"})
        assert those(tree, NOW) == []
        assert len(those(tree, NOW.astimezone(ZoneInfo("Europe/Paris")))) == 1

    def test_only_what_moves_with_the_calendar_is_asked_again_at_midnight(self):
        assert turns_at_midnight(orders(when={"in the last": span(7), "calendar": True}))
        assert not turns_at_midnight(orders(when={"in the last": span(7)}))
        assert not turns_at_midnight(orders(when={"from": "2026-01-01", "calendar": True}))
        birthday = {"field": "event.birthday", "op": "anniversary in the next", "value": span(7)}
        assert turns_at_midnight(orders(where=birthday))


def test_months_that_ended_before_the_window_are_not_looked_into():
    months = [partitions.ensure(NOW - timedelta(days=back)) for back in (0, 120, 240)]
    assert len({name for made in months for name in made}) > 8
    happen(contact(), ago=timedelta(days=10))
    for tree in (orders(when={"in the last": span(30)}), orders(when={"from": "2026-05-20"}, op="<", value=3)):
        plan = Contact.objects.filter(compiled(tree, "contact", NOW)).explain()
        assert "events_event_y2026m05" in plan and "events_event_y2026m06" in plan
        assert "events_event_y2026m04" not in plan and "events_event_y2025" not in plan
