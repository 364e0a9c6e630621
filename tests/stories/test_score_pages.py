"""In a real browser: a score model is turned on, the page follows its working out, and leads to those who are hot."""

import pytest

from contacts.models import Contact
from lib import clock
from scoring import defining
from scoring.document import Document
from scoring.models import ScoreModel
from tests import browsers, engine
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
from tests.scoring.building import on, whose
from tests.scoring.test_settling import Shop
from tests.stories.test_browser import Desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}
# How much of a drawn chart is not empty.
INK = """chart => {
  const ink = chart.getContext("2d").getImageData(0, 0, chart.width, chart.height).data;
  return ink.filter((value, place) => place % 4 === 3 && value > 0).length;
}"""


@pytest.fixture
def chromium(monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in this thread
    with browsers.chromium() as browser:
        yield browser


def off() -> ScoreModel:
    rules = [on("button.clicked", 25, name="Clicks a button"), whose(CEO, 20)]
    return defining.create("sales", Document(name="Sales", rules=rules), None, clock.now())


def test_turned_on_a_model_fills_its_page_and_leads_to_those_who_are_hot(live_server, chromium):
    site()
    shop, now = Shop(), clock.now()
    shop.tells("ann", now=now, first_name="Ann", title="CEO")
    shop.tells("ben", now=now, first_name="Ben")
    for user, times in (("ann", 4), ("ben", 3)):
        for _ in range(times):
            shop.does(user, "button.clicked", at=now, now=now)
    model = off()
    engine.run(clock.now())
    desk = Desk(chromium, live_server.url, person("Publisher"))
    page = desk.page

    page.goto(model.get_absolute_url())
    page.get_by_text("Nobody gets points from this model").wait_for()
    page.locator(".sm-empty").get_by_role("link", name="Turn on").click()
    desk.click("Turn on")
    page.goto(model.get_absolute_url())
    page.get_by_text("being worked out").first.wait_for()
    engine.run(clock.now())
    page.get_by_text("Up to date").wait_for()  # the page renews itself

    for chart in page.locator("canvas.chart").all():
        assert chart.evaluate(INK) > 1_000
    ahead = page.locator("section", has_text="About to become hot")
    assert "Ben" in ahead.inner_text() and "75 points, 5 to go" in ahead.inner_text()
    desk.picture("score-model")
    page.locator("section", has_text="Bands now").get_by_role("link", name="1").first.click()
    page.get_by_text("1 contact").first.wait_for()
    page.get_by_role("link", name="Ann").first.click()
    page.wait_for_url(f"**/{Contact.objects.get(name='Ann').pk}/change/*")
    assert "120" in page.content()
    assert not desk.faults
