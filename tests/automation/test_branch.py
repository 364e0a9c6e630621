# ruff: noqa: E501  the tables read best in rows
"""The step “branch”: the first way that fits, the rest “else”; each decision told with what it saw."""

import json
from datetime import timedelta

import pytest

from automation.forms.branch import BranchForm
from automation.kinds.branch import BranchKind
from automation.models import Visit
from segments import conditions
from segments.catalogue import catalogue
from tests import engine
from tests.automation.flows import changed, flow, mail, queries_to_advance, step, wait, ways, words
from tests.factories import NOW

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
RICH = {"field": "contact.spent", "op": "≥", "value": 100, "type": "number"}


def arm(uid, condition, name=""):
    return {"uid": uid, "name": name or uid.title(), "condition": condition}


def branch(*arms, **then):
    return step("look", "branch", {"arms": list(arms)}, then)


def test_everybody_takes_the_first_way_that_fits(track, inbox):
    flow(
        branch(arm("pro", PRO), arm("rich", RICH), pro="for-pros", rich="for-rich", **{"else": "for-all"}),
        mail("for-pros"),
        mail("for-rich"),
        mail("for-all"),
    )
    for user, traits in {"ann": {"plan": "pro", "spent": 500}, "ben": {"spent": 100}, "cleo": {"plan": "free"}}.items():
        track(NOW, user, "users.signed_up", traits={"email": f"{user}@example.com", **traits})
    assert ways("look") == {"ann": "pro", "ben": "rich", "cleo": "else"}
    got = {one.recipient: one.message["Subject"] for one in inbox.accepted}
    assert got == {"ann@example.com": "for-pros", "ben@example.com": "for-rich", "cleo@example.com": "for-all"}


def test_the_decision_is_told_with_the_values_that_it_saw(track):
    flow(branch(arm("pro", PRO, "On pro"), arm("rich", RICH, "Spent much"), pro=None, rich=None))
    track(NOW, "ann", "users.signed_up", traits={"spent": 120})
    track(NOW, "ben", "users.signed_up")
    assert words("look") == [
        "Took the way “Spent much”: their spent is at least 100.",
        "Took the way for everybody else: of “On pro”, “Spent much” none fits.",
    ]
    assert [visit.facts for visit in Visit.objects.order_by("id")] == [
        {"seen": {"their plan": "empty", "their spent": "120"}, "because": "their spent is at least 100"},
        {"seen": {"their plan": "empty", "their spent": "empty"}},
    ]


def test_ways_join_again_and_one_that_leads_nowhere_is_the_end(track, inbox):
    flow(
        branch(arm("pro", PRO), arm("rich", RICH), pro="gift", rich=None, **{"else": "last"}),
        mail("gift", then="last"),
        mail("last"),
    )
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com", "plan": "pro"})
    track(NOW, "ben", "users.signed_up", traits={"email": "ben@example.com", "spent": 100})
    assert [one.message["Subject"] for one in inbox.accepted] == ["gift", "last"]


def test_it_is_asked_when_somebody_comes_there_not_before(track):
    flow(wait("rest", 1, "look"), branch(arm("pro", PRO), pro=None))
    track(NOW, "ann", "users.signed_up")
    track(NOW, "ann", "users.logged_in", traits={"plan": "pro"})
    engine.run(NOW + timedelta(days=1))
    assert ways("look") == {"ann": "pro"}


def test_the_entry_event_and_its_data_can_be_asked(track):
    dear = {"field": "event.total", "op": ">", "value": 50, "type": "number"}
    home = {"field": "data.address.country", "op": "is", "value": "FR"}
    config = [arm("dear", dear), arm("home", home)]
    flow(branch(*config, dear=None, home=None), event="order.completed")
    track(NOW, "ann", "order.completed", total=80)
    track(NOW, "ben", "order.completed", total=20, address={"country": "fr"})
    track(NOW, "cleo", "order.completed", total=20)
    assert ways("look") == {"ann": "dear", "ben": "home", "cleo": "else"}
    assert words("look")[1] == "Took the way “Home”: the address country in the campaign’s data is “FR”."


def test_the_outcome_of_an_earlier_step_can_be_asked(track, inbox):
    sent = {"field": "step.hello", "op": "is", "value": "sent"}
    never = {"field": "step.later", "op": "is not set"}
    flow(
        mail("hello", "Hello", "look"),
        branch(arm("sent", {"all": [sent, never]}, "Got it"), sent="later"),
        mail("later"),
        objective="",
    )
    track(NOW, "ann", "users.signed_up", traits={"email": "ann@example.com"})
    track(NOW, "ben", "users.signed_up")
    assert ways("look") == {"ann": "sent", "ben": "else"}
    assert words("look")[0] == (
        "Took the way “Got it”: the outcome of “Send e-mail” is “sent” and the outcome of “Send e-mail” is not set."
    )
    assert ways("later") == {"ann": "sent"}


def test_of_a_step_passed_twice_the_last_outcome_counts(track):
    """Round and round until they are pro: each time the branch is asked anew."""
    first = {"field": "step.look", "op": "is not set"}
    flow(
        branch(arm("first", first), arm("pro", PRO), first="rest", pro=None, **{"else": None}),
        wait("rest", 1, "look"),
    )
    track(NOW, "ann", "users.signed_up", traits={"plan": "pro"})
    engine.run(NOW + timedelta(days=1))
    looks = Visit.objects.filter(kind="branch")
    assert list(looks.order_by("id").values_list("occurrence", "arm")) == [(1, "first"), (2, "pro")]


def test_what_is_asked_of_a_segment_or_a_contact_has_no_steps():
    for subject in ("contact", "event"):
        [problem] = conditions.validate({"field": "step.look", "op": "is", "value": "sent"}, subject)
        assert problem.sentence == (
            "“step.look” can be asked inside a campaign only; use a field that begins with contact."
        )
        assert conditions.validate({"field": "data.answer", "op": "is set"}, subject)


def test_the_rule_builder_offers_the_steps_of_campaigns_with_their_ways():
    flow(branch(arm("pro", PRO, "On pro"), pro=None), name="Welcome")
    [entry] = [entry for entry in catalogue("enrollment") if entry.key == "step.look"]
    assert entry.label == "Outcome of “Branch” in Welcome"
    assert [choice.label for choice in entry.values] == ["On pro", "Everybody else", "skipped"]
    assert not [entry for entry in catalogue("contact") if str(entry.key).startswith("step.")]


def test_a_way_keeps_leading_where_it_led_when_the_branch_is_changed(track):
    campaign = flow(wait("rest", 1, "look"), branch(arm("pro", PRO), pro=None))
    track(NOW, "ann", "users.signed_up", traits={"plan": "pro", "spent": 200})
    changed(campaign, wait("rest", 1, "look"), branch(arm("rich", RICH, "Spenders"), rich=None))
    engine.run(NOW + timedelta(days=1))
    assert words("look") == ["Took the way “Spenders”: their spent is at least 100."]


def test_the_number_of_queries_does_not_grow_with_the_people():
    flow(
        branch(
            arm("a", PRO),
            arm("b", {"event": "order.completed", "measure": "count", "op": "≥", "value": 3}),
            arm("c", {"field": "step.look", "op": "is", "value": "a"}),
            arm("d", {"not": {"field": "contact.tags", "op": "contains", "value": "vip"}}),
        )
    )
    one = queries_to_advance(["first"])
    assert queries_to_advance([f"u{number}" for number in range(200)]) == one


# --- its definition ---


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Add a way: say who takes it."),
        ([], "This step cannot be read; say again who goes which way."),
        ({"arms": 5}, "This step cannot be read; say again who goes which way."),
        ({"arms": [5]}, "This step cannot be read; say again who goes which way."),
        ({"arms": [{"uid": 5}]}, "This step cannot be read; say again who goes which way."),
        ({"arms": [{"uid": "a", "name": " ", "condition": PRO}]}, "Give the way 1 a name."),
        ({"arms": [arm("a", PRO, "x" * 61)]}, "The name of the way 1 is longer than 60 characters; shorten it."),
        ({"arms": [arm("a", None)]}, "Say who takes the way “A”; without a condition everybody would."),
        ({"arms": [arm("a", {"all": []})]}, "Say who takes the way “A”; without a condition everybody would."),
        ({"arms": [arm("a", "x")]}, "The way “A”: This is no condition; write a field with a comparison, or a group of “all”."),
        ({"arms": [arm("a", float("nan"))]}, "The way “A”: This is no condition; write a field with a comparison, or a group of “all”."),
        ({"arms": [arm("a", PRO), arm("b", PRO)]}, "Nobody can take the way “B”: a way above asks the same. Change its condition or remove it."),
        ({"arms": [arm("a", PRO), arm("a", RICH, "B")]}, "Two ways have the same uid; remove one of them."),
        ({"arms": [arm("a", PRO), arm("b", RICH, "A")]}, "Two ways are called “A”; give one another name."),
        ({"arms": [arm("else", PRO)]}, "The way 1 cannot be told from others (its uid is not usable); remove it and add it again."),
        ({"arms": [arm("a\x00", PRO, "A")]}, "The way 1 cannot be told from others (its uid is not usable); remove it and add it again."),
        ({"arms": [arm(f"a{n}", {**RICH, "value": n}) for n in range(21)]}, "There are at most 20 ways; join some of them."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(config, sentence):
    assert BranchKind().problems(config) == [sentence]
    assert BranchKind().describe(config) and BranchKind().arms(config)[-1].key == "else"


def test_it_reads_as_a_person_says_it():
    config = {"arms": [arm("a", PRO, "Pros"), arm("b", RICH, "Spenders")]}
    assert BranchKind().problems(config) == []
    assert BranchKind().describe(config) == "branch: “Pros”, “Spenders” or everybody else"
    assert [(way.key, way.label) for way in BranchKind().arms(config)] == [
        ("a", "Pros"), ("b", "Spenders"), ("else", "Everybody else"),
    ]  # fmt: skip
    assert BranchKind().trees(config) == [PRO, RICH]


# --- its form ---


def posted(*rows, **more):
    data = {"s-arms-TOTAL_FORMS": len(rows), "s-arms-INITIAL_FORMS": 0, **more}
    for number, row in enumerate(rows):
        data |= {f"s-arms-{number}-{name}": value for name, value in row.items()}
    return BranchForm(data, prefix="s", event_type="order.completed")


def row(name, condition, **more):
    return {"name": name, "condition": json.dumps(condition), **more}


def test_the_form_gives_back_what_it_showed():
    config = {"arms": [arm("a", PRO, "Pros"), arm("b", RICH, "Spenders")]}
    form = BranchForm(initial=BranchForm.initial_from(config), prefix="s")
    rows = [
        {**{field.name: field.value() for field in shown}, "condition": json.dumps(shown["condition"].value())}
        for shown in form.rows
    ]
    again = posted(*[{name: value for name, value in one.items() if value is not None} for one in rows])
    assert again.is_valid(), (again.errors, again.rows.errors)
    assert again.config() == config


def test_rows_count_in_the_order_chosen_and_new_ones_get_a_uid_that_can_be_read():
    form = posted(
        row("Rich & famous", RICH, ORDER=2),
        row("Gone", PRO, DELETE="on", ORDER=1),
        row("Pros", PRO, ORDER=1, uid="old"),
    )
    assert form.is_valid(), form.rows.errors
    assert [(one["uid"], one["name"]) for one in form.config()["arms"]] == [
        ("old", "Pros"),
        ("rich-famous", "Rich & famous"),
    ]
    assert BranchKind().problems(form.config()) == []


def test_two_new_rows_never_get_the_same_uid():
    form = posted(row("Else", PRO), row("else!", RICH), row("???", {**RICH, "value": 3}))
    assert form.is_valid()
    assert [one["uid"] for one in form.config()["arms"]] == ["else-2", "else-3", "arm"]


@pytest.mark.parametrize("bad", [
    {"name": "", "condition": json.dumps(PRO)}, {"name": "A", "condition": ""}, {"name": "A", "condition": "{"},
    {"name": "A", "condition": json.dumps({"field": "contact.age", "op": ">", "value": "a lot", "type": "number"})},
])  # fmt: skip
def test_what_is_wrong_in_a_row_is_told_there_and_above(bad):
    form = posted(bad)
    assert not form.is_valid()
    assert form.rows.errors[0] and form.non_field_errors() == ["Something is wrong in one of the ways below."]


def test_the_form_takes_a_configuration_of_any_shape():
    for config in ({}, [], {"arms": 5}, {"arms": [5, None, {"name": {}}]}):
        assert BranchForm(initial=BranchForm.initial_from(config), prefix="s").rows.forms
