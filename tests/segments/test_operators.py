# ruff: noqa: E501  the tables read best in rows
"""Every operator: what it matches, and that it and its negation share everyone out between them."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import Contact, Tag
from segments.conditions import compiled, matching, validate
from segments.fields import FIELDS
from segments.operands import CALENDAR_DAYS, COUNT, MANY, NOTHING, PAIR, SPAN, WEEKDAY, WEEKDAYS
from segments.operators import OPERATORS
from tests.segments.population import NOW, contact, leaf, populate

pytestmark = pytest.mark.django_db
MISSING = object()

# operator, value, type · values that match · values that do not
TRUTH = [
    ("is", "pro", None, ["pro", "PRO"], ["Pro plan", "", None, ["pro"], {"pro": 1}, MISSING]),
    ("is", "Éclair", None, ["éclair", "ÉCLAIR"], ["eclair"]),
    ("is", 18, None, [18, 18.0, "18", " 18.00 ", "1.8e1"], [17, "18 years", True, None, MISSING]),
    ("is", "18", None, [18, "18"], [19, "018"]),
    ("is", True, None, [True, "true", "Yes", 1], [False, "no", 0, None, "maybe", MISSING]),
    ("is not", "pro", None, ["free", "", None, ["pro"], MISSING], ["pro", "Pro"]),
    ("is not", 18, None, [17, "unknown", MISSING], [18, "18"]),
    ("contains", "an", None, ["Ann", "JAN"], ["Bo", None, MISSING, ["an"]]),
    ("contains", "%", None, ["100%"], ["100"]),
    ("contains", "_", None, ["a_b"], ["ab"]),
    ("contains", "vip", "list", [["VIP"], ["a", "vip"]], [["vips"], "vip", [], MISSING]),
    ("does not contain", "an", None, ["Bo", None, MISSING], ["Ann"]),
    ("does not contain", "vip", "list", [["a"], [], "vip", MISSING], [["Vip"]]),
    ("starts with", "an", None, ["Ann"], ["Jan", "", MISSING]),
    ("ends with", "ov", None, ["Petrov", "OV"], ["ova", "v", MISSING]),
    ("matches", "^a.*[0-9]$", None, ["Ab1", "a1"], ["b1", "a", MISSING]),
    ("any of", ["pro", "Team"], None, ["PRO", "team"], ["free", None, MISSING]),
    ("any of", [1, "2"], None, [1, 2.0, "2"], [3, "x", MISSING]),
    ("none of", ["pro", "team"], None, ["free", None, MISSING], ["Pro"]),
    (">", 18, None, [18.01, "19"], [18, "x", None, MISSING]),
    (">", "18", None, [19, "19"], [18]),
    ("≥", 18, None, [18, "18"], [17.99, MISSING]),
    ("<", 18, None, [-1, "17"], [18, MISSING]),
    ("≤", 18, None, [18, "1"], [18.01, "old", MISSING]),
    ("between", [1, 5], None, [1, 5, "3"], [0.99, 5.01, MISSING]),
    ("between", ["2026-01-01", "2026-01-31"], None, ["2026-01-01", "2026-01-31T23:59:59Z"], ["2026-02-01", "2025-12-31"]),
    ("before", "2026-06-15", None, ["2026-06-14", "2026-06-14T23:59:59Z"], ["2026-06-15", "soon", MISSING]),
    ("after", "2026-06-15", None, ["2026-06-16"], ["2026-06-15", "2026-06-15T23:59:59Z", MISSING]),
    ("after", "2026-06-15 10:00", None, ["2026-06-15T10:00:00.000001Z"], ["2026-06-15T10:00:00Z", "2026-06-15T12:00:00+02:00"]),
    ("on", "2026-06-15", None, ["2026-06-15", "2026-06-15T23:59:59Z"], ["2026-06-16", "2026-06-15T23:30:00-05:00"]),
    ("in the last", {"amount": 7, "unit": "days"}, None, ["2026-06-15T12:00:00Z", 1781524800], ["2026-06-08T12:00:00Z", "2026-06-16"]),
    ("more than ago", {"amount": 7, "unit": "days"}, None, ["2026-06-08T12:00:00Z", "1990-01-01"], ["2026-06-09", "2027-01-01", MISSING]),
    ("in the next", {"amount": 2, "unit": "hours"}, None, ["2026-06-15T14:00:00Z"], ["2026-06-15T12:00:00Z", "2026-06-15T14:00:01Z"]),
    ("anniversary in the next", {"amount": 7, "unit": "days"}, None,
     ["1990-06-15", "2000-06-22", "2025-06-15"], ["1990-06-14", "1990-06-23", "2026-06-15", "2030-06-18", "x", MISSING]),
    ("day of week", ["monday", "Sunday"], None, ["2026-06-15", "2026-06-14T09:00:00Z"], ["2026-06-16", "?", MISSING]),
    ("contains any", ["vip", "beta"], None, [["VIP"], ["x", "Beta"]], [[], ["v"], "vip", MISSING]),
    ("contains any", [1], None, [[1, 2], ["1"]], [[2]]),
    ("contains all", ["vip", "beta"], None, [["beta", "x", "VIP"]], [["vip"], [], MISSING]),
    ("length", 2, None, [["a", "b"], [{"sku": 1}, None]], [["a"], "ab", MISSING]),
    ("length", 0, None, [[]], [[1], None, MISSING]),
    ("length at least", 1, None, [["a"], [{}]], [[], MISSING]),
    ("length at most", 1, None, [["a"], []], [[1, 2], MISSING]),
    ("is set", None, None, ["x", 0, False, {"a": 1}, [1]], ["", None, [], MISSING]),
    ("is set", None, "number", [0, "18"], ["x", True, MISSING]),
    ("is set", None, "date", ["2026-06-15"], ["2026-06-31", "infinity"]),
    ("is not set", None, None, ["", None, [], MISSING], [0, False, "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("op", "value", "type_", "yes", "no"), TRUTH)
def test_an_operator_matches_what_its_name_says(op, value, type_, yes, no):
    tree = leaf(op, value, type_)
    assert validate(tree, "contact") == []
    made = {contact(**({} if item is MISSING else {"v": item})).pk: item for item in [*yes, *no]}
    matched = matching(Contact.objects.order_by("pk"), tree, NOW)
    assert [made[row.pk] for row in matched] == yes


def test_the_table_knows_every_operator():
    assert {row[0] for row in TRUTH} == {key for key, _ in OPERATORS.items()}


TEXTS = st.one_of(st.sampled_from(["pro", "18", "vip", "É", "%", "2026-06-15", "true"]), st.text(st.characters(
    exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=8))  # fmt: skip
NUMBERS = st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False), st.just("1e400"))
DAYS = st.dates(min_value=datetime(1000, 1, 1).date(), max_value=datetime(9998, 12, 31).date()).map(str)
VALUES = {
    "text": TEXTS, "list": TEXTS, "any": TEXTS, "number": NUMBERS, "boolean": st.booleans(),
    "date": DAYS | st.sampled_from(["2026-06-15", "2026-06-15T12:00:00Z", "2026-06-15 10:00+05:30"]),
}  # fmt: skip
SPANS = st.fixed_dictionaries({"amount": st.integers(1, 36_000), "unit": st.sampled_from(["days", "weeks"])})


def operands(operator, type_: str) -> st.SearchStrategy:
    one = VALUES[type_]
    return {
        NOTHING: st.none(),
        MANY: st.lists(one, min_size=1, max_size=12),
        PAIR: st.lists(one, min_size=2, max_size=2),
        SPAN: SPANS,
        CALENDAR_DAYS: SPANS,
        WEEKDAY: st.lists(st.sampled_from(WEEKDAYS), min_size=1),
        COUNT: st.integers(0, 5),
    }.get(operator.takes, one)


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | DAYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("key", "type_"), [(key, type_) for key, op in OPERATORS.items() for type_ in op.types])
def test_matched_and_not_matched_are_everyone_once(key, type_):
    populate()
    wild = contact()

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(value=operands(OPERATORS[key], type_), sent=JSON)
    def shares_everyone_out(value, sent):
        tree = leaf(key, value, type_)
        if validate(tree, "contact"):
            return  # such as a random text that is no pattern
        Contact.objects.filter(pk=wild.pk).update(attributes={"v": sent})
        everyone = set(Contact.objects.values_list("pk", flat=True))
        those = list(matching(Contact.objects.all(), tree, NOW).values_list("pk", flat=True))
        others = list(matching(Contact.objects.all(), {"not": tree}, NOW).values_list("pk", flat=True))
        assert len(those) + len(others) == len(everyone)
        assert set(those) | set(others) == everyone
        assert set(others) == set(Contact.objects.filter(~compiled(tree, "contact", NOW)).values_list("pk", flat=True))

    shares_everyone_out()


@pytest.mark.parametrize("key", [key for key, op in OPERATORS.items() if op.of])
def test_a_negative_operator_is_the_complement_of_its_positive(key):
    populate()
    value = {"one": "pro", "many": ["pro", "18"], "nothing": None}[OPERATORS[key].takes.key]
    negative = matching(Contact.objects.all(), leaf(key, value), NOW).count()
    assert (
        negative
        == Contact.objects.count() - matching(Contact.objects.all(), leaf(OPERATORS[key].of, value), NOW).count()
    )


def test_days_are_those_of_the_time_zone_of_now():
    late = contact(v="2026-06-15T23:30:00Z")  # already the 16th, a Tuesday, in Paris
    birthday = contact(v="1990-06-16")
    paris = NOW.astimezone(ZoneInfo("Europe/Paris"))
    assert list(matching(Contact.objects.all(), leaf("on", "2026-06-16"), paris)) == [late]
    assert list(matching(Contact.objects.all(), leaf("day of week", ["tuesday"]), paris)) == [late]
    assert list(matching(Contact.objects.all(), leaf("on", "1990-06-16"), paris)) == [birthday]
    offset = datetime.fromisoformat("2026-06-15T12:00:00+02:00")
    assert list(matching(Contact.objects.all(), leaf("on", "2026-06-16"), offset)) == [late]


@pytest.mark.parametrize(
    ("today", "matches"), [("2027-02-27", True), ("2027-02-28", True), ("2027-03-01", False), ("2028-02-29", True)]
)
def test_who_was_born_on_a_leap_day_is_remembered_every_year(today, matches):
    contact(v="2000-02-29")
    now = datetime.fromisoformat(f"{today}T09:00:00+00:00")
    assert (
        matching(Contact.objects.all(), leaf("anniversary in the next", {"amount": 1, "unit": "days"}), now).exists()
        is matches
    )


def test_tags_are_a_list_without_case():
    ann, bob, eve = contact(first_name="Ann"), contact(first_name="Bob"), contact(first_name="Eve")
    vip, beta = Tag.objects.create(name="VIP"), Tag.objects.create(name="beta")
    ann.tags.add(vip, beta)
    bob.tags.add(vip)

    def those(op, value=None):
        return list(matching(Contact.objects.order_by("pk"), leaf(op, value, field="contact.tags"), NOW))

    assert those("contains", "vip") == [ann, bob]
    assert those("does not contain", "Beta") == [bob, eve]
    assert those("contains all", ["vip", "BETA"]) == [ann]
    assert those("contains any", ["gold", "beta"]) == [ann]
    assert those("length", 0) == those("is not set") == [eve]


def test_the_documentation_names_every_operator_and_field():
    page = (Path(__file__).parents[2] / "docs/conditions.md").read_text()
    assert [name for registry in (OPERATORS, FIELDS) for name, _ in registry.items() if f"`{name}`" not in page] == []


def test_elapsed_time_is_not_that_of_the_wall_clock():
    """Ninety days before this June noon lies a change of the clock: the wall showed another hour."""
    edge = contact(v="2026-03-17T12:30:00Z")
    paris = NOW.astimezone(ZoneInfo("Europe/Paris"))
    for op, those in (("in the last", [edge]), ("more than ago", [])):
        assert list(matching(Contact.objects.all(), leaf(op, {"amount": 90, "unit": "days"}), paris)) == those
