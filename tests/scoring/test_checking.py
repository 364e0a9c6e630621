"""What a definition must be like to be put in force, and what the marketer reads where it is not."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import EventTypeRow
from scoring.checking import CIRCLE, at, problems
from scoring.document import Band, Document, Fading, Group, NotADocument, Rule, Stage, parse, to_json

pytestmark = pytest.mark.django_db
CHIEF = {"field": "contact.title", "op": "is", "value": "CEO"}


def clicks(**more: Any) -> Rule:
    given = {"uid": "r", "name": "Clicks", "kind": "behavioural", "event": "email.clicked", "points": 5}
    return Rule(**(given | more))


def chief(**more: Any) -> Rule:
    return Rule(**({"uid": "r", "name": "Boss", "kind": "demographic", "condition": CHIEF, "points": 20} | more))


def bands(*levels: int, **more: Any) -> dict[str, Any]:
    return {"bands": [Band(name=f"B{number}", points=level) for number, level in enumerate(levels)], **more}


def stages(*levels: int | None) -> dict[str, Any]:
    return {"stages": [Stage(name=f"S{number}", points=level) for number, level in enumerate(levels)]}


def places(document: Document) -> set[str]:
    return {problem.place for problem in problems(document)}


def of(**parts: Any) -> Document:
    return Document(**({"name": "Lead"} | parts))


def test_a_sound_model_has_no_problems():
    rules = [
        clicks(cap=40, group="Mail", fading=Fading(how="half", amount=3650)),
        clicks(uid="s", name="Priced", where={"field": "event.url", "op": "contains", "value": "pricing"}),
        clicks(uid="u", name="Left", event="email.unsubscribed", effect="reset"),
        chief(uid="t", points=-1000),
        chief(uid="v", name="Company", kind="firmographic", condition={"field": "company.plan", "op": "is set"}),
        chief(uid="w", name="New", condition={
            "all": [{"field": "contact.created_at", "op": "in the last", "value": {"amount": 3, "unit": "days"}}]}),
    ]  # fmt: skip
    groups = [Group(name="Mail", cap=60)]
    document = of(rules=rules, groups=groups, ceiling=100, **bands(0, 50, 80), **stages(10, 20, None))
    assert problems(document) == []
    assert problems(parse(to_json(document))) == []


WRONG = {
    "name": of(name=" "),
    "description": of(description="x" * 301),
    "ceiling": of(floor=10, ceiling=10),
    "floor": of(floor=-(10**9)),
    "bands": of(**bands(0)),
    "bands[1].points": of(**bands(0, 0)),
    "bands[1].name": of(bands=[Band(name="Hot", points=0), Band(name="hot ", points=9)]),
    "bands[0].name": of(bands=[Band(name="", points=0), Band(name="Hot", points=9)]),
    "margin": of(**bands(0, 2, 80), margin=2),
    "fit_grades[1]": of(fit_grades=(20, 20)),
    "engagement_grades[1]": of(engagement_grades=(30, 20)),
    "stages[1].points": of(**stages(None, 20)),
    "stages[2].points": of(**stages(10, 30, 20)),
    "stages[0].name": of(stages=[Stage(name="x" * 41)]),
    "groups[0].cap": of(groups=[Group(name="Mail", cap=0)]),
    "groups[1].name": of(groups=[Group(name="Mail", cap=1), Group(name="mail", cap=2)]),
    "groups[0]": of(groups=[Group(name="All", cap=9)], rules=[clicks(group="All"), chief(uid="s", group="All")]),
    "rules": of(rules=[clicks(), clicks(name="Other")]),
    "rules[s].name": of(rules=[clicks(), clicks(uid="s", name="clicks")]),
    "rules[r].name": of(rules=[clicks(name="")]),
    "rules[r].points": of(rules=[clicks(points=0)]),
    "rules[r].at_most": of(rules=[clicks(at_most=1001)]),
    "rules[r].cap": of(rules=[clicks(cap=0)]),
    "rules[r].group": of(rules=[clicks(group="Gone")]),
    "rules[r].fading": of(rules=[clicks(fading=Fading(how="half", amount=3651))]),
    "rules[r].event": of(rules=[clicks(event="shop.danced")]),
    "rules[r].where": of(rules=[clicks(where={"field": "contact.plan", "op": "is", "value": "pro"})]),
    "rules[r].condition": of(rules=[chief(condition=None)]),
}


@pytest.mark.parametrize("place", WRONG)
def test_each_fault_is_told_at_its_place_and_nowhere_else(place):
    assert places(WRONG[place]) == {place}
    for problem in problems(WRONG[place]):
        assert problem.sentence.endswith(".") and (problem.sentence[0].isupper() or problem.sentence[0] == "“")


@pytest.mark.parametrize(
    "condition",
    [
        {"event": "order.completed"},
        {"segment": 1},
        {"all": [CHIEF, {"not": {"message": "opened"}}]},
        {"sample": 10},
    ],
)
def test_a_rule_of_fit_asks_about_fields_only(condition):
    (problem,) = problems(of(rules=[chief(condition=condition)]))
    assert "make a rule about behaviour" in problem.sentence


def test_a_score_depends_on_no_score():
    (problem,) = problems(of(rules=[chief(condition={"field": "score.lead", "op": ">", "value": 5})]))
    assert problem.sentence == CIRCLE
    assert places(of(rules=[clicks(event="score.band_changed")])) == {"rules[r].event"}


def test_which_events_count_does_not_change_as_time_passes():
    since = {"field": "event.occurred_at", "op": "in the last", "value": {"amount": 3, "unit": "days"}}
    (problem,) = problems(of(rules=[clicks(where=since)]))
    assert (problem.place, "fixed dates" in problem.sentence) == ("rules[r].where", True)


def test_an_event_that_ever_arrived_will_do():
    EventTypeRow.objects.create(key="shop.danced", label="Danced")
    assert problems(of(rules=[clicks(event="shop.danced")])) == []


def test_a_form_asks_for_the_problems_of_its_own_part():
    document = of(name="", rules=[clicks(points=0), clicks(uid="rr", name="Other", points=0)], margin=-1)
    assert {one.place for one in at(problems(document), "rules[r]")} == {"rules[r].points"}
    assert {one.place for one in at(problems(document), "bands", "margin")} == {"margin"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["all", "any", "not", "field", "op", "value", "event", "where", "segment", "type"]) | st.text(),
        inner, max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
TREES = st.none() | st.dictionaries(st.sampled_from(["all", "any", "not", "field", "op", "value", "event"]), VALUES)
RULES = st.fixed_dictionaries(
    {"uid": st.text(max_size=4), "kind": st.sampled_from(["behavioural", "demographic", "firmographic"])},
    optional={
        "name": st.text(), "effect": st.sampled_from(["add", "set", "reset"]), "points": st.integers(),
        "event": st.text() | st.just("email.opened"), "where": TREES, "condition": TREES, "at_most": st.integers(),
        "cap": st.none() | st.integers(), "group": st.text(),
        "fading": st.fixed_dictionaries({}, optional={"how": st.just("half"), "amount": st.integers()}),
    },
)  # fmt: skip
NAMED = st.fixed_dictionaries({"name": st.text(), "points": st.integers()})
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(), "rules": st.lists(RULES, max_size=3), "bands": st.lists(NAMED, max_size=3),
        "stages": st.lists(NAMED, max_size=3), "margin": st.integers(), "floor": st.none() | st.integers(),
        "fit_grades": st.tuples(st.integers(), st.integers()).map(list),
        "groups": st.lists(st.fixed_dictionaries({"name": st.text(), "cap": st.integers()}), max_size=3),
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENTS)
def test_whatever_can_be_read_can_be_checked(value):
    try:
        document = parse(value)
    except NotADocument:
        return
    assert all(problem.sentence and problem.place for problem in problems(document))
