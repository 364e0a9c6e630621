"""The life of a score model: what each verb writes, and what it refuses."""

from datetime import timedelta
from math import inf

import pytest
from django.contrib.admin.models import LogEntry
from msgspec.structs import replace

from scoring import defining, starters
from scoring.checking import Problem
from scoring.defining import Conflict, Refused
from scoring.document import Band, Document, Fading, Group, Rule, Stage, parse
from scoring.models import ScoreModel, ScoreRule
from tests.campaigns.typing_in import person
from tests.factories import NOW

pytestmark = pytest.mark.django_db
PRICING = {"field": "event.url", "op": "contains", "value": "pricing"}
HUMAN = {"not": {"type": "boolean", "field": "event.machine", "op": "is", "value": True}}
CLICKS = Rule(uid="c", kind="behavioural", name="Clicks", event="email.clicked", points=5, group="Mail", where=PRICING)
NEW = Rule(
    uid="n", kind="demographic", name="New", points=3, cap=2,
    condition={"field": "contact.created_at", "op": "in the last", "value": {"amount": 7, "unit": "days"}},
)  # fmt: skip


def document(*rules: Rule, **more) -> Document:
    return Document(**({"name": "Lead", "rules": list(rules), "groups": [Group(name="Mail", cap=30)]} | more))


def made(*rules: Rule, **more) -> ScoreModel:
    return defining.create("lead", document(*(rules or (CLICKS, NEW)), **more), person("Publisher"), NOW)


def edited(model: ScoreModel, **changes) -> ScoreModel:
    draft = replace(defining.opened(model), **changes)
    return defining.save_draft(model, draft, model.draft_revision, person("Marketer"), NOW)


def test_a_definition_becomes_what_the_engine_reads():
    fading = Fading(how="half", amount=2, unit="weeks")
    model = made(
        replace(CLICKS, fading=fading, at_most=20), NEW, floor=None, ceiling=200, margin=3,
        stages=[Stage(name="Lead", points=20), Stage(name="Customer")],
    )  # fmt: skip
    model.refresh_from_db()
    assert (model.edition, model.floor, model.ceiling, model.margin) == (1, None, 200, 3)
    assert (model.band_from, model.fit_from, model.engagement_from) == ([50, 80], [20, 40], [25, 50])
    assert model.stage_from == [20, inf]
    clicks, new = model.rules.all()
    assert (clicks.part, clicks.at_most, clicks.group_cap, clicks.half_life) == ("engagement", 20, 30, 14 * 86_400)
    assert clicks.where == {"all": [HUMAN, {"type": "text", **PRICING}]} and clicks.lasts is None
    assert (new.part, new.at_most, new.cap, new.group_cap, new.half_life) == ("fit", 1, 2, None, None)
    assert (new.turns, new.turns_at_midnight, new.where) == (True, False, None)


def test_machines_count_where_the_marketer_says_so_and_other_events_know_none():
    model = made(
        replace(CLICKS, machines=True), replace(CLICKS, uid="p", name="Pages", event="page.viewed", where=None)
    )
    assert [rule.where for rule in model.rules.all()] == [{"type": "text", **PRICING}, None]


def test_how_long_points_last_is_kept_in_seconds():
    fades = Fading(how="expires", amount=90)
    model = made(replace(CLICKS, fading=fades), replace(NEW, fading=fades))
    assert [rule.lasts for rule in model.rules.all()] == [90 * 86_400, 90 * 86_400]


def test_a_removed_rule_stays_for_the_ledger_and_may_come_back():
    model = made()
    key = model.rules.get(uid="n").pk
    model = defining.put_in_force(edited(model, rules=[CLICKS]), None, NOW + timedelta(days=1))
    assert ScoreRule.objects.get(pk=key).removed_at == NOW + timedelta(days=1)
    assert ScoreRule.objects.get(uid="c").removed_at is None
    model = defining.undo(model, None, NOW + timedelta(days=2))
    assert ScoreRule.objects.get(uid="n").removed_at is None and ScoreRule.objects.get(uid="n").pk == key


def test_a_draft_changes_nothing_that_is_in_force():
    model = edited(made(), rules=[], name="Score")
    assert (model.name, len(model.definition["rules"]), model.rules.filter(removed_at=None).count()) == ("Lead", 2, 2)
    assert model.draft["name"] == "Score" and model.draft_by == person("Marketer")


def test_a_draft_may_hold_what_is_wrong_but_is_not_put_in_force():
    model = edited(made(), rules=[replace(CLICKS, points=0)], margin=-1)
    with pytest.raises(Refused, match="1 more thing") as refusal:
        defining.put_in_force(model, None, NOW)
    assert [problem.place for problem in refusal.value.problems] == ["rules[c].points", "margin"]
    assert ScoreModel.objects.get().edition == 1


def test_a_draft_that_says_what_is_in_force_is_none():
    model = edited(edited(made(), margin=5), margin=2)
    assert model.draft is None
    with pytest.raises(Refused, match="no draft"):
        defining.put_in_force(model, None, NOW)


def test_of_two_editors_the_second_is_told():
    first = made()
    second = ScoreModel.objects.get()
    edited(first, margin=5)
    with pytest.raises(Conflict) as conflict:
        edited(second, margin=7)
    assert conflict.value.model.draft["margin"] == 5
    for verb in (defining.put_in_force, defining.discard_draft):
        with pytest.raises(Conflict):
            verb(second, None, NOW, revision=second.draft_revision)


def test_a_draft_is_discarded_only_where_something_is_in_force():
    model = defining.discard_draft(edited(made(), margin=5), None, NOW)
    assert model.draft is None and model.definition["margin"] == 2
    fresh = defining.begin("other", document(name="Other"), None, NOW)
    with pytest.raises(Refused, match="Nothing is in force"):
        defining.discard_draft(fresh, None, NOW)


def test_editions_say_what_changed_and_can_be_gone_back_to():
    model = defining.put_in_force(edited(made(), margin=5), person("Publisher"), NOW)
    model = defining.put_in_force(edited(model, margin=7), None, NOW)
    model = defining.undo(model, None, NOW)
    assert (model.edition, model.margin) == (4, 5)
    model = defining.undo(model, None, NOW, number=1)
    assert (model.edition, model.margin, parse(model.definition)) == (5, 2, document(CLICKS, NEW))
    told = {edition.number: edition.changes for edition in model.editions.all()}
    assert told[1] == ["The first one."]
    assert told[2] == ["A band is left 5 points below its threshold instead of 2."] and len(told) == 5
    assert model.editions.get(number=2).by == person("Publisher")


@pytest.mark.parametrize("number", [None, 0, 1, 9])
def test_there_is_no_going_back_to_what_never_was(number):
    with pytest.raises(Refused, match="no edition"):
        defining.undo(made(), None, NOW, number=number)


def test_a_model_without_a_definition_is_not_turned_on():
    with pytest.raises(Refused, match="put the draft in force first"):
        defining.switch(defining.begin("new", document(name="New"), None, NOW), True, None, NOW)


def test_names_and_keys_are_told_apart():
    model = made()
    for key, name, said in (
        ("lead", "Other", "key “lead”"),
        ("other", "LEAD", "“LEAD” already"),
        ("9", "X", "key has"),
    ):
        with pytest.raises(Refused, match=said):
            defining.begin(key, document(name=name), None, NOW)
    other = defining.begin("other", document(name="Other"), None, NOW)
    model = edited(model, name="Other")
    with pytest.raises(Refused) as refusal:
        defining.put_in_force(model, None, NOW)
    assert refusal.value.problems == [Problem("name", "There is a score model “Other” already; choose another name.")]
    assert other.name == "Other"


def test_a_copy_is_a_draft_of_its_own():
    model = made()
    copies = [defining.copy(model, None, NOW) for _ in range(2)]
    assert [(one.key, one.name, one.edition) for one in copies] == [
        ("lead_2", "Lead (copy)", 0), ("lead_3", "Lead (copy 2)", 0),
    ]  # fmt: skip
    assert defining.opened(copies[0]).rules == [CLICKS, NEW]


@pytest.mark.parametrize(
    ("wished", "key"), [("Lead score!", "lead_score"), ("9 lives", "lives"), ("Ünter", "nter"), ("***", "score")]
)
def test_a_key_is_made_of_the_name(wished, key):
    assert defining.free_key(wished) == key


def test_the_audit_log_tells_the_deeds():
    model = defining.put_in_force(edited(made(), margin=5), person("Publisher"), NOW)
    defining.undo(model, person("Publisher"), NOW)
    told = list(LogEntry.objects.order_by("id").values_list("user__username", "change_message"))
    assert told == [
        ("publisher", "Made the score model."), ("publisher", "Put edition 1 in force."),
        ("marketer", "Edited the draft."), ("publisher", "Put edition 2 in force."),
        ("publisher", "Went back to edition 1, as edition 3."),
    ]  # fmt: skip


def test_bands_may_be_renamed_and_moved():
    model = edited(made(), bands=[Band(name="Low", points=-10), Band(name="High", points=40)])
    model = defining.put_in_force(model, None, NOW)
    assert (model.bands, model.band_from) == (["Low", "High"], [40])


def test_the_ready_made_one_can_be_made_beside_others():
    made()
    assert (
        defining.begin(defining.free_key("lead"), replace(starters.document(), name="Second"), None, NOW).key
        == "lead_2"
    )
