# ruff: noqa: E501  the tables read best in rows
"""The field of a form that holds a condition: what was saved or typed comes back, and what is wrong is told where."""

import json
from html.parser import HTMLParser

import pytest
from django import forms

from segments.forms import ConditionField
from tests.segments.population import leaf

PRO = leaf("is", "pro", field="contact.plan")
ADULT = leaf("≥", 18, field="contact.age")
NESTED = {"any": [PRO, {"all": [ADULT, {"not": PRO}]}]}


class StepForm(forms.Form):
    only_if = ConditionField("contact", required=False)
    trigger = ConditionField("event", required=False, event_type="order.completed")


class Inputs(HTMLParser):
    """The named inputs of a page (what a browser would send), and what the rule builder is told about each tree."""

    def __init__(self, html: str):
        super().__init__()
        self.sent, self.seen, self.inside = {}, [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside = tag == "script"
        if attrs.get("name"):
            self.sent[attrs["name"]] = attrs.get("value", "")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.seen.append(json.loads(data))


def posted(tree, name="only_if"):
    return StepForm({name: tree if isinstance(tree, str) else json.dumps(tree)})


@pytest.mark.parametrize("tree", [
    {"all": [PRO, ADULT]}, NESTED, {"not": PRO}, PRO,
    {"all": [leaf("between", ["2026-01-01", "2026-02-01"]), leaf("in the last", {"amount": 7, "unit": "days"})]},
    {"any": [leaf("any of", ["a,b", 'say "x"', "<b>&'"]), leaf("day of week", ["monday"]), leaf("is", True), leaf("is set")]},
])  # fmt: skip
def test_a_saved_condition_comes_back_as_it_was(tree):
    page = StepForm(initial={"only_if": tree}, prefix="steps-3").as_p()
    sent = Inputs(page).sent
    again = StepForm(sent, initial={"only_if": tree}, prefix="steps-3")
    assert set(sent) == {"steps-3-only_if", "steps-3-trigger"}
    assert again.is_valid(), again.errors
    assert again.cleaned_data == {"only_if": tree, "trigger": None}
    assert not StepForm(sent, initial={"only_if": tree}, prefix="steps-3").changed_data


@pytest.mark.parametrize("nothing", ["", "  ", "null", "{}", '{"all": []}'])
def test_no_rows_mean_everyone(nothing):
    form = posted(nothing)
    assert form.is_valid()
    assert form.cleaned_data["only_if"] is None
    assert not form.has_changed()


def test_what_is_wrong_is_told_by_its_place_and_nothing_typed_is_lost():
    wrong = {"field": "contact.age", "op": ">", "value": "a lot", "type": "number"}
    tree = {"all": [PRO, {"any": [PRO, {"not": wrong}]}]}
    form = posted(tree)
    sentence = "“a lot” is not a number; write one such as 18 or 99.50."
    assert form.errors["only_if"] == [f"Condition 2.2: {sentence}"]
    page = Inputs(form.as_p())
    assert page.seen[0]["problems"] == [{"path": "all[1].any[1].not.value", "sentence": sentence}]
    assert json.loads(page.sent["only_if"]) == tree


def test_every_leaf_comes_with_its_words_by_the_place_of_its_row():
    event = {"event": "order.completed", "where": {"all": [leaf("≥", 50, field="event.total")]}}
    tree = {"any": [PRO, {"not": {"all": [{"not": {"not": ADULT}}, event]}}]}
    seen = Inputs(StepForm(initial={"only_if": tree}).as_p()).seen[0]
    leaves = seen["leaves"]
    assert list(leaves) == ["any[0]", "any[1].not.all[0]", "any[1].not.all[1]", "any[1].not.all[1].where.all[0]"]
    assert leaves["any[1].not.all[0]"] == {"words": "their age is at least 18", "label": "their age", "type": "number"}
    assert "total is at least 50" in leaves["any[1].not.all[1].where.all[0]"]["words"]
    assert seen["words"].startswith("their plan is “pro” or it is not true that (")


def test_the_types_of_the_event_are_checked_and_kept():
    hundred = {"field": "event.total", "op": "≥", "value": "100"}
    form = posted({"all": [hundred]}, "trigger")
    assert form.is_valid(), form.errors
    assert form.cleaned_data["trigger"] == {"all": [{**hundred, "type": "number"}]}
    assert not posted({"all": [{**hundred, "value": "much"}]}, "trigger").is_valid()


@pytest.mark.parametrize("hostile", [
    "{", "[" * 100_000, '"text"', "[1]", "5", '{"all": 5}', '{"all": [5, null, [], {"field": {}}]}', '{"field": {"a": 1}, "op": []}',
    '{"all": [{"field": "contact.v", "op": "in the last", "value": {"amount": [1], "unit": {}}}]}',
    '{"all": [{"field": "contact.v", "op": "any of", "value": {"amount": 1}}]}',
    '{"any": [{"field": "contact.v", "op": "between", "value": [[1], {}], "type": 5}]}',
    '{"all": [{"field": "contact.\\u0000", "op": "is", "value": "\\ud800"}]}', "9" * 5_000,
])  # fmt: skip
def test_a_forged_value_is_refused_in_words(hostile):
    form = posted(hostile)
    assert not form.is_valid()
    assert form.errors["only_if"][0].endswith(".")
    form.as_p().encode("utf-8", "replace")


def test_a_required_condition_asks_for_one():
    assert ConditionField("contact").has_changed(None, "") is False
    with pytest.raises(forms.ValidationError):
        ConditionField("contact").clean("")
