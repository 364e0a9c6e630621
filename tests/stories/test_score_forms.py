"""In a real browser: the forms of a rule and of bands show what is needed, and offer only what can be asked there."""

import re

import pytest

from lib import clock
from scoring import defining, starters
from scoring.models import ScoreModel
from tests import browsers
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
from tests.stories.test_browser import Desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]


@pytest.fixture
def chromium(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in this thread
    with browsers.chromium() as browser:
        yield browser


def test_a_filter_asks_about_the_event_alone_and_bands_are_rows(live_server, chromium):
    site()
    model = starters.install(clock.now())
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page
    page.goto(f"/scoring/scoremodel/{model.pk}/edit/rule/?kind=behavioural")
    page.get_by_label("When somebody").select_option("page.viewed")  # before the list of what to ask has arrived
    page.get_by_role("button", name="Add a condition").click()
    offered = page.locator(".dc-option")
    offered.filter(has_text=re.compile("^title")).wait_for()
    assert not offered.filter(has_text=re.compile("plan|segment|tags")).count()
    page.keyboard.type("title")
    page.keyboard.press("Enter")
    page.keyboard.type("Pricing")
    page.get_by_label("How many").wait_for(state="hidden")
    page.get_by_label("What becomes of the points").select_option("half")
    page.get_by_label("How many").fill("60")
    desk.click("Save in the draft")
    page.get_by_text("Write how many points the rule gives").wait_for()
    page.get_by_label("Points", exact=True).fill("30")
    desk.click("Save in the draft")
    page.get_by_text("“Views a page where the event’s title is “Pricing”” is added in the draft.").wait_for()

    page.locator("#bands").get_by_role("link", name="Edit").click()
    page.locator("[data-row]").nth(1).get_by_text("Remove").click()
    desk.click("Add a band")
    page.keyboard.type("Boiling")
    page.keyboard.press("Tab")
    page.keyboard.type("120")
    desk.click("Save in the draft")
    page.get_by_text("Bands: saved in the draft.").wait_for()

    document = defining.opened(ScoreModel.objects.get())
    assert [(band.name, band.points) for band in document.bands] == [("Cold", 0), ("Hot", 80), ("Boiling", 120)]
    rule = document.rules[-1]
    assert (rule.points, rule.fading.how, rule.fading.amount) == (30, "half", 60)
    assert rule.where == {"all": [{"type": "text", "field": "event.title", "op": "is", "value": "Pricing"}]}
    assert desk.faults == []
