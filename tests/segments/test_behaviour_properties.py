"""Behaviour against plain Python: every measure, operator and time, the complement, `only`, and what time turns."""

import random
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact
from segments.conditions import compiled, matching, sentence, turning, turns_at_midnight, typed, validate
from segments.measures import DATES, MEASURES, NUMBERS
from tests.segments import oracle
from tests.segments.behaviour import Deed, record, some
from tests.segments.population import NASTY, NOW, populate

pytestmark = pytest.mark.django_db
TYPES = ["order.completed", "product.viewed", "wish.made"]
SENT = [
    0,
    1,
    2,
    5,
    50,
    -3,
    "5",
    " 5 ",
    "2e1",
    "0.5",
    ".5",
    "x",
    "X",
    "É",
    "é",
    "",
    None,
    True,
    [],
    ["5"],
    {"a": 5},
    "١٨",
    "2026-06-15",
]
HOURS = [0, 1, 2, 23, 24, 25, 36, 48, 72, 167, 168, 169, 336, 720, 24 * 90, 24 * 400]
TICKS = [timedelta(), timedelta(microseconds=1), timedelta(microseconds=-1)]
ZONES = [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/Sao_Paulo"), ZoneInfo("Asia/Kathmandu")]


def moment():
    """Around NOW, on the edges of round spans and beside them; some lie ahead."""
    return NOW - timedelta(hours=random.choice(HOURS) * random.choice([1, 1, 1, -1 / 24])) + random.choice(TICKS)


@pytest.fixture
def history():
    """Forty contacts and what they did, in the order of recording."""
    people = {contact.pk: [] for contact in some(40, seed=7)}
    deeds = []
    for pk in list(people)[:35] * 7:
        sent = {name: value for name in ("v", "w") if (value := random.choice([*SENT, ...])) is not ...}
        again = deeds[-1].at if deeds and random.random() < 0.1 else moment()
        deeds.append(Deed(pk, random.choice(TYPES), again, sent))
        people[pk].append(deeds[-1])
    record(deeds)
    return people


spans = st.builds(lambda hours: {"amount": hours, "unit": "hours"}, st.sampled_from([h for h in HOURS if h]))
days = st.builds(lambda n: {"amount": n, "unit": "days"}, st.sampled_from([1, 2, 3, 7, 30, 90]))
dates = st.sampled_from(
    ["2026-06-15", "2026-06-14", "2026-06-08", "2026-05-16", "2025-12-31", "1001-01-01", "9990-12-31"]
)
pairs = st.lists(dates, min_size=2, max_size=2, unique=True).map(sorted)


def moving(span):
    two = st.lists(span, min_size=2, max_size=2, unique_by=lambda one: one["amount"])
    return st.one_of(
        st.builds(lambda n: {"in the last": n}, span),
        st.builds(lambda n: {"more than ago": n}, span),
        st.builds(lambda n: {"between ago": n}, two),
    )


whens = st.one_of(
    st.none(),
    moving(spans),
    moving(days).map(lambda when: {**when, "calendar": True}),
    dates.map(lambda day: {"from": day}),
    dates.map(lambda day: {"to": day}),
    pairs.map(lambda two: {"from": two[0], "to": two[1]}),
)
_least = st.sampled_from([0, 5, 20]).map(lambda n: {"field": "event.v", "op": "≥", "value": n, "type": "number"})
wheres = st.one_of(st.none(), st.none(), _least, _least.map(lambda tree: {"not": tree}))
numbers = st.sampled_from([-3, 0, 1, 2, 3, 5, 7.5, 20, 50, 10**18])


def comparisons(measure):
    if MEASURES[measure].type == "number":
        one = st.builds(
            lambda op, n: {"op": op, "value": n}, st.sampled_from([op for op in NUMBERS if op != "between"]), numbers
        )
        two = st.lists(numbers, min_size=2, max_size=2).map(lambda pair: {"op": "between", "value": sorted(pair)})
        return one | two
    day = st.builds(lambda op, n: {"op": op, "value": n}, st.sampled_from(["before", "after", "on"]), dates)
    span = st.builds(lambda op, n: {"op": op, "value": n}, st.sampled_from(["in the last", "more than ago"]), spans)
    return day | span | pairs.map(lambda two: {"op": "between", "value": two})


def events(measure):
    more = {"property": st.sampled_from(["v", "w"])} if MEASURES[measure].of_property else {}
    made = st.fixed_dictionaries(
        {"event": st.sampled_from(TYPES), "where": wheres, "when": whens, "measure": st.just(measure), **more}
    )
    both = st.builds(lambda leaf, comparison: leaf | comparison, made, comparisons(measure))
    return both | made if measure == "count" else both


parts = st.fixed_dictionaries({"event": st.sampled_from(TYPES), "where": wheres})
sequences = st.fixed_dictionaries({
    "sequence": st.lists(parts, min_size=2, max_size=2), "then": st.sampled_from(["did", "did not"]), "within": spans,
    "same": st.sampled_from([None, ["v", "v"], ["v", "w"]]), "when": whens,
})  # fmt: skip
KINDS = {**{key: events(key) for key, _ in MEASURES.items()}, "sequence": sequences}
quick = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def ids(tree, now):
    return set(matching(Contact.objects.order_by(), tree, now).values_list("pk", flat=True))


@pytest.mark.parametrize("kind", KINDS)
def test_it_means_what_plain_python_means_and_not_is_everyone_else(history, kind):
    @quick
    @given(tree=KINDS[kind], zone=st.sampled_from(ZONES))
    def means(tree, zone):
        assert validate(tree, "contact") == [] and sentence(tree, "contact")
        now = NOW.astimezone(zone)
        found = ids(tree, now)
        assert found == {pk for pk, deeds in history.items() if oracle.holds(tree, deeds, now)}
        assert ids({"not": tree}, now) == history.keys() - found
        asked = list(history)[::3]
        narrow = Contact.objects.filter(compiled(tree, "contact", now, only=asked), pk__in=asked)
        assert set(narrow.values_list("pk", flat=True)) == found & set(asked)

    means()


def test_every_measure_and_operator_is_drawn():
    assert set(KINDS) == {key for key, _ in MEASURES.items()} | {"sequence"}
    assert {*NUMBERS, *DATES} == {*NUMBERS, "before", "after", "on", "between", "in the last", "more than ago"}


moments = st.builds(
    lambda hours, tick: NOW + timedelta(hours=hours) + tick,
    st.integers(-200, 200) | st.sampled_from(HOURS),
    st.sampled_from(TICKS),
)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_time_turns_is_found(history, kind):
    @quick
    @given(tree=KINDS[kind], two=st.lists(moments, min_size=2, max_size=2).map(sorted), zone=st.sampled_from(ZONES))
    def turns(tree, two, zone):
        before, after = (one.astimezone(zone) for one in two)
        turned = ids(tree, before) ^ ids(tree, after)
        if turns_at_midnight(tree) and before.date() != after.date():
            return  # then everybody is asked
        found = {pk for rows in turning(tree, before, after) for pk in rows}
        assert turned <= found

    turns()


@pytest.fixture
def nasty():
    """Somebody for every value that a product may send, in two events each, and somebody who did nothing."""
    populate()
    pks = list(Contact.objects.order_by("pk").values_list("pk", flat=True))[: len(NASTY)]
    deeds = record(
        Deed(pk, type_, NOW - timedelta(hours=hours)) for pk in pks for hours, type_ in ((3, TYPES[0]), (2, TYPES[1]))
    )
    with connection.cursor() as cursor:
        for value, pair in zip(NASTY, zip(deeds[::2], deeds[1::2], strict=True), strict=True):
            ids = [event.pk for event in pair]
            cursor.execute(
                "UPDATE events_event SET properties = %s::jsonb WHERE id = ANY(%s)", [f'{{"v": {value}}}', ids]
            )


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_was_sent_everybody_is_on_one_side(nasty, kind):
    everyone = set(Contact.objects.values_list("pk", flat=True))

    @quick
    @given(tree=KINDS[kind], type_=st.sampled_from(["text", "number", "boolean", "date"]))
    def on_one_side(tree, type_):
        tree = {**tree, "type": type_} if kind == "distinct" else tree
        those, others = ids(tree, NOW), ids({"not": tree}, NOW)
        assert those | others == everyone and not those & others

    on_one_side()


def test_types_that_are_written_in_change_nothing(history):
    @quick
    @given(tree=st.one_of(*KINDS.values()))
    def same(tree):
        stored = typed(tree, "contact")
        assert validate(stored, "contact") == [] and ids(stored, NOW) == ids(tree, NOW)

    same()
