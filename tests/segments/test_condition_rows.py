# ruff: noqa: E501
"""The rows of a condition in a real browser: what a marketer clicks and types becomes the tree."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from segments.forms import ConditionField
from tests.browsers import CHROMIUM, chromium
from tests.segments.population import leaf
from tests.segments.test_forms import NESTED, PRO, StepForm

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser):
    """Opens the form with a tree in it; gives the page and a function that reads the tree back."""
    pages = []

    def open_(tree=None, form=StepForm):
        page = browser.new_page()
        pages.append(page)
        page.set_content(f"<form>{form(initial={'only_if': tree}, prefix='steps-0').as_p()}</form>")
        page.add_style_tag(path=ROOT / "static/segments/conditions.css")
        page.add_script_tag(path=ROOT / "static/segments/conditions.js")
        return page.locator("[data-conditions]").first, lambda: written(page)

    yield open_
    for page in pages:
        page.close()


def written(page):
    text = page.locator("[name=steps-0-only_if]").input_value()
    value = json.loads(text) if text else None
    return ConditionField("contact", required=False).clean(json.dumps(value))


def rows(box):
    return box.locator("[data-rows] > [data-row]")


def test_rows_are_added_typed_and_joined(opened):
    box, tree = opened()
    box.get_by_role("button", name="Add a condition").click()
    rows(box).nth(0).get_by_label("Field").fill("contact.plan")
    rows(box).nth(0).get_by_label("Value", exact=True).fill("pro")
    assert tree() == {"all": [PRO]}
    box.get_by_role("button", name="Add a condition").click()
    rows(box).nth(1).get_by_label("Field").fill("contact.age")
    rows(box).nth(1).get_by_label("Comparison").select_option(label="is between")
    rows(box).nth(1).get_by_label("Value", exact=True).fill("18")
    rows(box).nth(1).get_by_label("Upper value").fill("30")
    box.get_by_label("How the conditions are joined").select_option("any")
    assert tree() == {"any": [PRO, leaf("between", ["18", "30"], "number", field="contact.age")]}
    rows(box).nth(0).get_by_role("button", name="Remove").click()
    rows(box).nth(0).get_by_role("button", name="Remove").click()
    assert tree() is None
    expect(box.get_by_role("button", name="Add a condition")).to_be_focused()


def test_only_what_fits_the_field_is_offered(opened):
    box, tree = opened()
    box.get_by_role("button", name="Add a condition").click()
    row = rows(box).first
    row.get_by_label("Field").fill("contact.created_at")
    offered = row.locator("[data-op] option:not([disabled])").all_text_contents()
    assert "is in the last" in offered and "contains" not in offered
    row.get_by_label("Comparison").select_option("in the last")
    expect(row.get_by_label("Value", exact=True)).to_be_hidden()
    row.get_by_label("Number").fill("7")
    row.get_by_label("Unit").select_option("weeks")
    assert tree()["all"][0]["value"] == {"amount": "7", "unit": "weeks"}
    row.get_by_label("Comparison").select_option("day of week")
    row.get_by_label("Sunday").check()
    assert tree()["all"][0]["value"] == ["sunday"]
    row.get_by_label("Comparison").select_option("is set")
    assert tree() == {"all": [leaf("is set", field="contact.created_at", type_="date")]}


def test_several_values_are_separated_by_commas(opened):
    box, tree = opened({"all": [leaf("any of", ["a,b", "c"], field="contact.plan")]})
    value = rows(box).first.get_by_label("Value", exact=True)
    assert value.input_value() == '"a,b", c'
    value.fill('"a,b", c , ,d')
    assert tree()["all"][0]["value"] == ["a,b", "c", "d"]


def test_a_nested_part_stays_untouched_until_it_is_removed(opened):
    box, tree = opened(NESTED)
    rows(box).first.get_by_label("Value", exact=True).fill("team")
    assert tree()["any"][1] == NESTED["any"][1]
    rows(box).nth(1).get_by_role("button", name="Remove").click()
    assert tree() == {"any": [{**PRO, "value": "team", "type": "text"}]}


def test_numbers_stay_numbers_when_another_row_is_edited(opened):
    age = leaf("is", 18, field="contact.years")
    box, tree = opened({"all": [age, PRO]})
    rows(box).nth(1).get_by_label("Value", exact=True).fill("free")
    assert tree()["all"][0] == {**age, "value": "18", "type": "number"}


def test_the_keyboard_is_enough(opened):
    box, tree = opened()
    box.get_by_role("button", name="Add a condition").focus()
    keyboard = box.page.keyboard
    keyboard.press("Enter")
    keyboard.type("contact.plan")
    keyboard.press("Tab")
    keyboard.type("is not set")
    keyboard.press("Tab")
    keyboard.press("Enter")  # remove
    assert tree() is None
    expect(box.get_by_role("button", name="Add a condition")).to_be_focused()
