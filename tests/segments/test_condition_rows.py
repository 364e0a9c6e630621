"""The rule builder in a real browser: what a marketer clicks and types becomes the tree, and nothing else gets lost."""

import json
import os
import re

import pytest
from playwright.sync_api import expect

from contacts.models import Tag
from tests.browsers import CHROMIUM, chromium
from tests.factories import CampaignFactory, ContactFactory
from tests.segments.bench import logged_in
from tests.segments.population import leaf

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # playwright runs a loop of its own in this thread
PRO = leaf("is", "pro", "text", field="contact.plan")
KNOWN = leaf("in the last", {"amount": 7, "unit": "days"}, "date", field="contact.created_at")
ADULT = leaf("≥", 18, "number", field="contact.age")


@pytest.fixture(scope="module")
def chrome():
    with chromium() as browser:
        yield browser


@pytest.fixture
def bench(chrome, live_server):
    """A page with the rule builder; afterwards nothing may have gone wrong in the browser."""
    bench = logged_in(chrome, live_server.url)
    yield bench
    bench.page.context.close()
    assert bench.faults == []


def test_a_nested_condition_is_built_by_the_keyboard_alone_and_the_count_follows(bench):
    for n in range(3):
        ContactFactory(attributes={"plan": "pro", "age": 17 + n, "name": f"Ann {n}"})
    box, press, type_ = bench.open().box, bench.page.keyboard.press, bench.page.keyboard.type
    expect(box).to_contain_text("Everyone. Add a condition to narrow it down.")
    bench.page.locator("body").focus()
    box.get_by_role("button", name="Add a condition").focus()
    press("Enter")
    expect(box.get_by_role("combobox", name="What is the condition about?")).to_be_focused()
    type_("contact.plan")
    press("Enter")
    expect(bench.row("1").get_by_label("Value", exact=True)).to_be_focused()
    type_("pro")
    expect(box.get_by_role("status").last).to_have_text("3 of 3 contacts match now.")
    expect(box).to_contain_text("Matches when their plan is “pro”.")
    box.get_by_role("button", name="Add a group").focus()
    press("Enter")  # opens the list at once: a group without a condition is nothing
    type_("contact.age")
    press("Enter")
    press("Shift+Tab")
    press("Shift+Tab")
    type_("number")
    press("Tab")
    for _ in range(5):
        press("ArrowDown")  # each draws other inputs, and the cursor stays
    press("Tab")
    type_("19")
    assert bench.tree() == {"all": [PRO, {"any": [leaf("≥", 19, "number", field="contact.age")]}]}
    expect(box.get_by_role("status").last).to_have_text("1 of 3 contacts match now.")
    expect(box.get_by_role("list", name="Some of them")).to_contain_text("Ann 2")


def test_what_is_wrong_is_marked_at_its_row_and_nothing_typed_is_lost(bench):
    wrong = {"all": [PRO, {"any": [{"not": {**ADULT, "value": "a lot"}}, KNOWN]}]}
    bench.open(data=json.dumps(wrong))
    row = bench.row("2.1")
    expect(row).to_contain_text("“a lot” is not a number; write one such as 18 or 99.50.")
    value = row.get_by_label("Value", exact=True)
    expect(value).to_have_attribute("aria-invalid", "true")
    expect(value).to_be_focused()
    assert bench.box.locator("[aria-invalid]").count() == 1
    assert value.get_attribute("aria-describedby") == row.locator(".dc-faults").get_attribute("id")
    assert bench.sent() == wrong and value.input_value() == "a lot"
    value.fill("21")
    expect(bench.box.locator("[aria-invalid]")).to_have_count(0)
    assert bench.tree() == {"all": [PRO, {"any": [{"not": {**ADULT, "value": 21}}, KNOWN]}]}


def test_a_mistake_is_told_while_one_edits_when_its_row_is_left(bench):
    bench.open({"all": [ADULT]})
    bench.row("1").get_by_label("Value", exact=True).fill("x")
    expect(bench.box.get_by_role("status").last).to_contain_text("1 thing is missing or wrong")
    assert bench.box.locator("[aria-invalid]").count() == 0
    bench.box.get_by_role("button", name="Add a group").focus()
    expect(bench.row("1")).to_contain_text("“x” is not a number")


def test_every_type_has_its_inputs(bench):
    Tag.objects.create(name="vip")
    bench.open()
    bench.add("contact.created_at")
    row = bench.row("1")
    row.get_by_label("Number").fill("3")
    row.get_by_label("Unit").select_option("weeks")
    assert bench.tree()["all"][0] == {**KNOWN, "value": {"amount": 3, "unit": "weeks"}}
    offered = row.get_by_label("Comparison").locator("option").all_text_contents()
    assert "is between" in offered and "contains" not in offered
    row.get_by_label("Comparison").select_option("on")
    row.get_by_label("Value", exact=True).fill("2026-12-31")
    assert bench.tree()["all"][0] == {**KNOWN, "op": "on", "value": "2026-12-31"}
    row.get_by_label("Comparison").select_option("day of week")
    row.get_by_label("Sun").check()
    assert bench.tree()["all"][0]["value"] == ["sunday"]
    bench.add("contact.tags")
    row = bench.row("2")
    row.get_by_label("Comparison").select_option(label="include any of")
    row.get_by_label("Values").fill('vip, "a,b"')
    row.get_by_label("Values").press("Enter")
    row.get_by_label("Values").type("c,")
    assert bench.tree()["all"][1]["value"] == ["vip", "a,b", "c"]
    row.get_by_role("button", name="Remove a,b").click()
    bench.add("contact.is_test")
    bench.row("3").get_by_label("Value", exact=True).select_option(label="no")
    assert bench.tree()["all"][1:] == [
        leaf("contains any", ["vip", "c"], "list", field="contact.tags"),
        leaf("is", False, "boolean", field="contact.is_test"),
    ]


def test_what_they_did_is_measured_filtered_and_dated(bench):
    bench.open()
    bench.add("Order completed")
    row = bench.row("1")
    assert bench.tree() == {"all": [{"event": "order.completed"}]}
    row.get_by_label("Is it so?").select_option(label="did not")
    row.get_by_label("How often, or how much").select_option(label="with a total of")
    row.get_by_label("Property of the event").select_option("total")
    row.get_by_label("Value", exact=True).fill("50")
    row.get_by_label("When").select_option("in the last")
    row.get_by_label("whole days").check()
    row.get_by_role("button", name="where").focus()
    bench.choose("currency")
    row.get_by_role("group", name="Condition 1", exact=True).get_by_label("Value", exact=True).fill("EUR")
    spent = {"event": "order.completed", "measure": "sum", "property": "total", "op": "≥", "value": 50}
    month = {"in the last": {"amount": 30, "unit": "days"}, "calendar": True}
    where = {"all": [leaf("is", "EUR", "text", field="event.currency")]}
    assert bench.tree() == {"all": [{"not": {**spent, "when": month, "where": where}}]}


def test_what_was_removed_comes_back_and_places_are_changed(bench):
    bench.open({"all": [PRO, {"any": [ADULT, KNOWN]}]})
    button = bench.box.get_by_role("button", name="Remove condition 1", exact=True)
    button.click()
    assert bench.tree() == {"all": [{"any": [ADULT, KNOWN]}]}
    undo = bench.box.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    assert bench.tree() == {"all": [PRO, {"any": [ADULT, KNOWN]}]}
    bench.box.get_by_role("button", name="Move condition 1 down").press("Enter")  # into the group below it
    assert bench.tree() == {"all": [{"any": [PRO, ADULT, KNOWN]}]}
    expect(bench.box.get_by_role("button", name="Move condition 1.1 down")).to_be_focused()
    bench.page.keyboard.press("Enter")
    assert bench.tree() == {"all": [{"any": [ADULT, PRO, KNOWN]}]}
    bench.row("1.3").locator("xpath=..").locator("[data-grip]").drag_to(
        bench.row("1.1"), target_position={"x": 60, "y": 3}
    )
    assert bench.tree() == {"all": [{"any": [KNOWN, ADULT, PRO]}]}
    bench.box.get_by_label("How these are joined").select_option("none")
    bench.row("1.1").get_by_role("button", name="not", exact=True).click()
    assert bench.tree() == {"all": [{"not": {"any": [{"not": KNOWN}, ADULT, PRO]}}]}


def test_a_part_that_cannot_be_drawn_stays_untouched_until_it_is_removed(bench):
    future = {"field": "contact.plan", "op": "is", "value": "pro", "ignoring": ["case"]}
    bench.open({"any": [PRO, {"not": future}, {"all": []}]})
    bench.row("1").get_by_label("Value", exact=True).fill("team")
    assert bench.sent() == {"any": [{**PRO, "value": "team"}, {"not": future}, {"all": []}]}
    bench.box.get_by_role("button", name="Remove condition 2", exact=True).click()
    assert bench.sent() == {"any": [{**PRO, "value": "team"}, {"all": []}]}


def test_what_cannot_be_read_at_all_is_begun_anew(bench):
    bench.open(data='{"all": [')
    expect(bench.box.get_by_role("alert")).to_have_text(re.compile("could not be read; add them again"))
    bench.add("contact.plan")
    bench.page.keyboard.type("pro")
    assert bench.tree() == {"all": [PRO]}


def test_numbers_stay_numbers(bench):
    age = leaf("is", 18, field="contact.years")
    huge = leaf(">", 12345678901234567890, field="contact.years")
    bench.open({"all": [age, huge, PRO]})
    bench.row("3").get_by_label("Value", exact=True).fill("free")
    assert bench.sent()["all"][:2] == [age, huge]
    bench.row("1").get_by_label("Value", exact=True).fill("19")
    assert bench.sent()["all"][0] == {**age, "value": 19, "type": "number"}


def test_what_was_typed_survives_the_comparisons_that_the_arrow_keys_pass(bench):
    bench.open({"all": [leaf("is not", 18, "number", field="contact.age"), PRO]})
    row = bench.row("1")
    row.get_by_label("Comparison").focus()
    for operator in ("any of", "none of", ">", "≥", "<", "≤", "between"):
        bench.page.keyboard.press("ArrowDown")
        expect(row.get_by_label("Comparison")).to_have_value(operator)
        if operator == ">":
            expect(row.get_by_label("Value", exact=True)).to_have_value("18")
        if operator == "between":
            expect(row.get_by_label("From")).to_have_value("18")


def test_a_fault_reddens_what_is_wrong_and_nothing_else(bench):
    bench.open(data=json.dumps({"all": [PRO, {**ADULT, "value": "a lot"}]}))
    colour = "element => getComputedStyle(element).borderColor"
    wrong, right = (bench.row(one).get_by_label("Value", exact=True) for one in "21")
    assert wrong.evaluate(colour) != right.evaluate(colour)


def test_it_works_in_cards_that_are_added_later_and_follows_the_trigger(bench, live_server):
    campaign = CampaignFactory(active=False)
    page = bench.page
    page.goto(f"{live_server.url}/campaigns/campaign/{campaign.pk}/change/")
    page.get_by_role("button", name="Add a step").click()
    card = page.locator("[data-step]").last
    card.locator("summary").first.click()
    card.get_by_role("button", name="Add a condition").click()
    expect(card.get_by_role("option", name="total", exact=False)).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("[name=trigger_event]").select_option("order.completed")
    page.wait_for_load_state("networkidle")
    card.get_by_role("button", name="Add a condition").focus()
    bench.choose("event.total")
    page.keyboard.type("5")
    assert json.loads(card.locator("[name$=-only_if]").input_value())["all"][0]["field"] == "event.total"


def test_it_fits_a_phone(bench):
    bench.page.set_viewport_size({"width": 360, "height": 740})
    long = leaf("any of", ["x" * 60], "text", field="contact.a_name_that_is_quite_long")
    bench.open({"all": [PRO, {"any": [KNOWN, {"all": [ADULT, long]}]}]})
    assert bench.page.evaluate("document.documentElement.scrollWidth") <= 360
