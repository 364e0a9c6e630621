"""In a real browser: a card that changes a score shows the fields of what was chosen, and no others."""

import re

import pytest

from campaigns.document import parse
from campaigns.models import Campaign
from scoring.document import Stage
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
from tests.scoring.building import made
from tests.stories.test_browser import Desk, chromium  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]


def test_a_marketer_lets_a_sequence_change_scores(live_server, chromium):  # noqa: F811
    site()
    made("lead", stages=[Stage(name="Lead", points=50), Stage(name="Customer")])
    made("support", stages=[Stage(name="Calm")])
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page
    page.goto("/campaigns/campaign/add/")
    page.get_by_label("Name", exact=True).fill("Bought")
    page.get_by_label("When somebody").select_option("order.completed")
    first = page.locator("[data-step]").nth(0)

    def seen(card):
        fields = card.locator("[name*=score_], [name$=-template], [name$=-lateness_hours]")
        names = [one.get_attribute("name").split("-")[-1] for one in fields.all() if one.is_visible()]
        return {name.removeprefix("score_") for name in names}

    assert seen(first) == {"template"}
    first.locator("[name$=-action]").select_option("score")
    assert seen(first) == {"model", "effect", "points"}
    first.locator("summary").click()
    assert seen(first) == {"model", "effect", "points", "fades", "reason"}
    first.locator("[name$=-score_fades]").select_option("half")
    assert seen(first) == {"model", "effect", "points", "fades", "fade_amount", "fade_unit", "reason"}
    first.locator("[name$=-score_model]").select_option("lead")
    first.locator("[name$=-score_points]").fill("25")
    desk.picture("score_points")

    desk.click("Add a step")
    second = page.locator("[data-step]").nth(1)
    second.locator("[name$=-action]").select_option("score")
    second.locator("[name$=-score_effect]").select_option("stage")
    second.locator("summary").click()
    assert seen(second) == {"model", "effect", "stage", "force"}
    second.locator("[name$=-score_model]").select_option("support")
    stages = second.locator("[name$=-score_stage] option:not(:disabled)").all_inner_texts()
    assert stages == ["Choose a stage…", "Calm"]
    second.locator("[name$=-score_stage]").select_option("support|Calm")
    second.locator("[name$=-score_model]").select_option("lead")
    assert second.locator("[name$=-score_stage]").input_value() == ""
    second.locator("[name$=-score_stage]").select_option("lead|Customer")
    second.locator("[name$=-score_force]").check()
    desk.picture("score_stage")
    desk.click("Save")
    page.wait_for_url(re.compile(r"/change/$"))

    steps = parse(Campaign.objects.get(name="Bought").draft).steps
    fading = {"how": "half", "amount": 30, "unit": "days"}
    assert [step.config for step in steps] == [
        {"model": "lead", "effect": "add", "points": 25, "fading": fading},
        {"amount": 1, "unit": "days"},
        {"model": "lead", "effect": "stage", "stage": "Customer", "force": True},
    ]
    assert page.locator("[data-step]").nth(0).locator("[name$=-score_points]").input_value() == "25"
    assert desk.faults == []
