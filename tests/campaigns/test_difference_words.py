"""What differs between two definitions is said in words, down to each setting."""

import pytest

from campaigns.document import Document, Goal, Reentry, StepDoc, Trigger, Watch
from campaigns.head_words import PARTS, head_in_words, parts_changed
from campaigns.impact import difference
from campaigns.sequence_words import differences
from campaigns.settings_words import changed_settings, settings_in_words
from campaigns.step_kinds import STEP_KINDS
from tests.factories import TemplateFactory

pytestmark = pytest.mark.django_db
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
FREE = {"field": "contact.plan", "op": "is", "value": "free"}
ORDERS = {"event": "order.completed"}
OTHERWISE = {
    "name": "Winter",
    "type": "birthday",
    "objective": "Sell more.",
    "topic": "news",
    "triggers": [Trigger(kind="event", event="order.completed")],
    "audience": PRO,
    "keep_matching": True,
    "reentry": Reentry(mode="every_time"),
    "entry_key": "cart_id",
    "on_repeat": "restart",
    "holdout": 10,
    "exits": [Watch(uid="x", **ORDERS)],
    "goals": [Goal(uid="g", days=7, **ORDERS)],
    "exit_on_goal": False,
    "priority": "high",
    "window": {"from": "09:00", "to": "18:00"},
    "overdue": "shift",
}


def branch(name="Payers", condition=PRO, uid="b") -> StepDoc:
    return StepDoc(uid=uid, kind="branch", config={"arms": [{"uid": "a", "name": name, "condition": condition}]})


def test_every_part_of_a_definition_can_be_told():
    assert set(PARTS) == set(OTHERWISE) == {name for name in Document.__struct_fields__ if name != "steps"}


def test_each_part_that_is_not_as_usual_is_shown_and_compared():
    document = Document(**OTHERWISE)
    shown = dict(head_in_words(document))
    assert shown["Goals"] == "Somebody completes an order, within 7 days."
    assert shown["They leave when"] == "Somebody completes an order."
    assert shown["Who reaches a goal"] == "They stay inside."
    assert shown["Entry key"] == "“cart_id” of the event"
    assert {"If it happens again meanwhile", "Priority", "After a pause", "Send window"} <= shown.keys()
    changed = parts_changed(Document(), document)
    assert {change.part for change in changed} == set(OTHERWISE)
    assert [change.part for change in changed if change.before == change.after] == ["topic"]  # there is none so called
    daily = Document(reentry=Reentry(mode="once_per", amount=1))
    assert dict(head_in_words(daily))["Again"] == "At most once per day."
    usual = dict(head_in_words(Document()))
    assert set(usual) == {"Which people", "Again", "Topic"}


def test_another_goal_under_the_same_name_is_told_in_full():
    old, new = (
        Document(goals=[Goal(uid="g", name="They buy", condition=condition, days=1)]) for condition in (PRO, FREE)
    )
    [change] = parts_changed(old, new)
    assert "“They buy” (" in change.before and "pro" in change.before and "free" in change.after
    assert "within 1 day" in change.after


def test_what_a_branch_asks_is_compared_where_its_name_stays():
    old, new = Document(steps=[branch()]), Document(steps=[branch(condition=FREE)])
    [step] = difference(old, new)
    assert step.what == "changed" and step.before == step.after
    [setting] = step.settings
    assert setting.label == "Way “Payers”" and "pro" in setting.before and "free" in setting.after
    [(what, before, after)] = differences(old, new)
    assert "way “payers”" in what and "pro" in before and "free" in after


def test_settings_that_the_sentence_of_a_step_does_not_tell_are_compared():
    template = TemplateFactory(name="Tips").pk
    mail = StepDoc(uid="m", kind="email", config={"template": template, "lateness_hours": 24})
    late = StepDoc(uid="m", kind="email", config={"template": template, "lateness_hours": 48})
    [setting] = changed_settings(mail, late)
    assert "late" in setting.label and (setting.before, setting.after) == ("24", "48")
    assert settings_in_words(mail)["Mail"] == "Tips"


def test_a_setting_that_does_not_count_is_left_out():
    wait = StepDoc(uid="w", kind="wait", config={"mode": "weekday", "days": ["mon"], "amount": 3, "unit": "days"})
    assert "How long" not in settings_in_words(wait)
    assert settings_in_words(wait)["Weekdays"] == "Mon"


@pytest.mark.parametrize("config", [{}, {"arms": 3}, {"arms": [{"name": [], "condition": 7}]}, {"mode": {"a": 1}}])
@pytest.mark.parametrize("kind", [kind.key for kind in STEP_KINDS])
def test_settings_of_any_shape_are_told(kind, config):
    step = StepDoc(uid="s", kind=kind, config=config, name="Mine")
    told = settings_in_words(step)
    assert told["Name"] == "Mine" and all(isinstance(words, str) for words in told.values())
