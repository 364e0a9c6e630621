"""What time turns: whoever is in or out between two looks, though nobody wrote anything, is found."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from segments.conditions import matching, turning, turns_at_midnight
from tests.segments.behaviour import ORDER, VIEW, happen
from tests.segments.population import NASTY, NOW, contact, leaf, populate

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WEEK = {"amount": 7, "unit": "days"}


def ids(tree, now):
    return set(matching(Contact.objects.all(), tree, now).values_list("pk", flat=True))


def found(tree, before, after):
    return {pk for rows in turning(tree, before, after) for pk in rows}


@pytest.mark.parametrize(
    ("when", "ago", "turns"),
    [
        ({"in the last": WEEK}, 7 * DAY, True),
        ({"in the last": WEEK}, timedelta(), True),
        ({"in the last": WEEK}, 3 * DAY, False),
        ({"more than ago": WEEK}, 7 * DAY, True),
        ({"more than ago": WEEK}, timedelta(), False),
        ({"between ago": [WEEK, {"amount": 3, "unit": "days"}]}, 7 * DAY, True),
        ({"between ago": [WEEK, {"amount": 3, "unit": "days"}]}, 3 * DAY, True),
        ({"from": "2026-06-01"}, timedelta(), False),
        (None, timedelta(), False),
    ],
)
def test_only_events_that_come_to_an_edge_turn_somebody(when, ago, turns):
    ann = contact()
    happen(ann, ago=ago)
    tree = {"event": ORDER, "when": when}
    assert found(tree, NOW - HOUR, NOW + HOUR) == ({ann.pk} if turns else set())
    assert found(tree, NOW + HOUR, NOW + 2 * HOUR) == set()
    assert (ids(tree, NOW - HOUR) != ids(tree, NOW + HOUR)) is turns


def test_filters_spare_those_whose_events_do_not_fit():
    ann, bob = contact(), contact()
    happen(ann, ago=7 * DAY, total=60)
    happen(bob, ago=7 * DAY, total=5)
    dear = {"field": "event.total", "op": ">", "value": 50}
    assert found({"event": ORDER, "where": dear, "when": {"in the last": WEEK}}, NOW - HOUR, NOW) == {ann.pk}


def test_a_filter_that_time_turns_is_found_by_the_property():
    ann, bob = contact(), contact()
    happen(ann, "trial.started", ago=90 * DAY, ends="2026-06-15T12:30:00Z")
    happen(bob, "trial.started", ago=90 * DAY, ends="2026-07-15")
    over = {
        "event": "trial.started",
        "where": {"field": "event.ends", "op": "more than ago", "value": {"amount": 1, "unit": "hours"}},
    }
    assert ids(over, NOW + HOUR) == set() and ids(over, NOW + 2 * HOUR) == {ann.pk}
    assert found(over, NOW + HOUR, NOW + 2 * HOUR) == {ann.pk}
    in_sequence = {"sequence": [{"event": "trial.started"}, over], "within": WEEK}
    assert found(in_sequence, NOW + HOUR, NOW + 2 * HOUR) == {ann.pk}


def test_who_did_not_do_the_second_thing_is_found_when_the_time_is_over():
    ann = contact()
    happen(ann, VIEW, ago=7 * DAY)
    tree = {"sequence": [{"event": VIEW}, {"event": ORDER}], "then": "did not", "within": WEEK}
    assert found(tree, NOW - HOUR, NOW + HOUR) == {ann.pk}
    assert found({**tree, "then": "did"}, NOW - HOUR, NOW + HOUR) == set()


def test_mail_turns_as_other_events_do():
    ann = contact()
    happen(ann, "email.clicked", ago=7 * DAY, machine=False, message="m1")
    tree = {"message": "opened", "when": {"in the last": WEEK}}
    assert ids(tree, NOW - HOUR) == found(tree, NOW - HOUR, NOW) == {ann.pk} and ids(tree, NOW) == set()


def test_the_columns_of_contacts_turn():
    ann, bob = contact(), contact()
    Contact.objects.filter(pk=ann.pk).update(created_at=NOW - 7 * DAY, last_seen_at=NOW - 8 * DAY)
    Contact.objects.filter(pk=bob.pk).update(created_at=NOW - 8 * DAY, last_seen_at=NOW - 7 * DAY)
    for field, who in (("contact.created_at", ann), ("contact.last_seen_at", bob)):
        for op in ("in the last", "more than ago"):
            assert found(leaf(op, WEEK, field=field), NOW - HOUR, NOW + HOUR) == {who.pk}


def test_anniversaries_turn_when_a_day_begins():
    assert turns_at_midnight({"all": [{"not": leaf("anniversary in the next", WEEK)}]})
    assert not turns_at_midnight({"all": [leaf("in the next", WEEK), leaf("day of week", ["monday"])]})


def test_nothing_else_turns():
    still = [leaf("is", "pro"), leaf("before", "2026-01-01"), leaf("day of week", ["monday"]), {"event": ORDER}]
    assert turning({"any": still}, NOW - DAY, NOW) == []


NEAR = [
    f'"{(NOW + timedelta(hours=hours)).strftime(shape)}"'
    for hours in (-400, -169, -168, -167, -25, -24, -1, 0, 1, 24, 168, 169, 400)
    for shape in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+0530")
]


@pytest.mark.parametrize("op", ["in the last", "more than ago", "in the next"])
def test_dates_in_attributes_leave_no_gap(op):
    populate(NASTY + NEAR)
    spans = st.sampled_from([1, 24, 168, 400]).map(lambda hours: {"amount": hours, "unit": "hours"})
    moments = st.integers(-500, 500).map(lambda hours: NOW + timedelta(hours=hours)) | st.sampled_from(
        [NOW, NOW + timedelta(microseconds=1), NOW - timedelta(microseconds=1)]
    )

    @settings(max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        span=spans,
        two=st.lists(moments, min_size=2, max_size=2).map(sorted),
        zone=st.sampled_from([UTC, ZoneInfo("America/New_York")]),
    )
    def leave_no_gap(span, two, zone):
        tree = leaf(op, span, "date")
        before, after = (moment.astimezone(zone) for moment in two)
        turned = ids(tree, before) ^ ids(tree, after)
        assert turned <= found(tree, before, after)

    leave_no_gap()


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")], ids=str)
def test_days_are_written_as_they_are_far_east_and_west(zone):
    shapes = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+1545", "%Y-%m-%dT%H:%M:%S-1545")
    hours = [NOW + timedelta(hours=hours) for hours in range(-48, 48)]
    populate(
        [f'"{hour.strftime(shape)}"' for hour in hours for shape in shapes] + [str(hour.timestamp()) for hour in hours]
    )
    tree, moved = leaf("in the last", {"amount": 1000, "unit": "weeks"}, "date"), 0
    for hour in hours[20:70]:
        before, after = (hour - HOUR).astimezone(zone), hour.astimezone(zone)
        turned = ids(tree, before) ^ ids(tree, after)
        assert turned <= found(tree, before, after)
        moved += len(turned)
    assert moved > 200
