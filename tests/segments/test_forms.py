# ruff: noqa: E501  the tables read best in rows
"""The plain form of a condition: what is typed into its rows is the tree, and nothing else gets lost."""

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
    only_if = ConditionField(
        "contact", required=False, suggestions=lambda: ["contact.plan", ("contact.age", "their age", "number")]
    )
    trigger = ConditionField("event", required=False, event_type="order.completed")


class Inputs(HTMLParser):
    """The named inputs of a page (what a browser would send), and its plain words."""

    def __init__(self, html: str):
        super().__init__()
        self.sent, self.words, self.lists, self.inside = {}, "", {}, 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.inside += tag == "template"
        if attrs.get("name") and not self.inside:
            self.sent[attrs["name"]] = attrs.get("value", "")
        if tag == "option" and "data-type" in attrs:
            self.lists[attrs["value"]] = attrs["data-type"]

    def handle_endtag(self, tag):
        self.inside -= tag == "template"

    def handle_data(self, data):
        self.words += "" if self.inside else data


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


def test_what_is_wrong_stands_beside_its_row_and_nothing_typed_is_lost():
    form = posted({"all": [PRO, {"field": "contact.age", "op": ">", "value": "a lot", "type": "number"}]})
    assert form.errors["only_if"] == ["Condition 2: “a lot” is not a number; write one such as 18 or 99.50."]
    page = form.as_p()
    assert 'value="a lot"' in page
    assert Inputs(page).words.count("“a lot” is not a number") == 2  # in the list of errors, and beside its row
    assert json.loads(Inputs(page).sent["only_if"])["all"][1]["value"] == "a lot"


def test_nested_parts_are_a_sentence_and_can_only_be_removed():
    words = Inputs(StepForm(initial={"only_if": NESTED}).as_p()).words
    assert "their age is at least 18 and it is not true that their plan is “pro”" in words


def test_the_types_of_the_event_are_checked_and_kept():
    hundred = {"field": "event.total", "op": "≥", "value": "100"}
    form = posted({"all": [hundred]}, "trigger")
    assert form.is_valid(), form.errors
    assert form.cleaned_data["trigger"] == {"all": [{**hundred, "type": "number"}]}
    assert not posted({"all": [{**hundred, "value": "much"}]}, "trigger").is_valid()


def test_fields_are_suggested_with_their_types():
    lists = Inputs(StepForm().as_p()).lists
    assert lists["contact.age"] == "number"
    assert lists["contact.plan"] == ""
    assert lists["contact.tags"] == "list"
    assert lists["event.occurred_at"] == "date"


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
