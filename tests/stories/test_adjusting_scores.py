"""In a real browser: a salesperson reads why somebody is warm, takes points by hand, and takes that back."""

import pytest

from contacts.models import Contact
from lib import clock
from tests import browsers, engine
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
from tests.scoring.building import made, on
from tests.scoring.test_settling import Shop
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


def test_points_are_taken_by_hand_and_that_is_taken_back(live_server, chromium):
    site()
    made(rules=[on("page.viewed", 60, at_most=1)])
    shop, now = Shop(), clock.now()
    shop.tells("ann", now=now, first_name="Ann")
    shop.does("ann", "page.viewed", at=now, now=now, title="Pricing")
    engine.run(now)
    ann = Contact.objects.get(identities__value="ann")
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page

    page.goto(f"/contacts/contact/{ann.pk}/change/")
    page.get_by_text("viewed a page: “Pricing”").wait_for()
    page.get_by_role("link", name="Adjust").click()
    page.get_by_label("Points", exact=True).wait_for()
    page.get_by_label("How many").wait_for(state="hidden")
    page.get_by_label("These points").select_option("half")
    page.get_by_label("How many").wait_for()
    page.get_by_label("Reset engagement to 0").check()
    page.get_by_label("Points", exact=True).wait_for(state="hidden")
    page.get_by_label("Add or take points").check()
    page.get_by_label("Points", exact=True).fill("-20")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Say in a few words why.").wait_for()
    page.get_by_label("Reason").fill("asked for a refund")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("Take 20 points from Ann?").wait_for()
    page.get_by_role("button", name="Adjust").click()
    page.get_by_text("Ann has 40 points now: Cold.").wait_for()
    page.get_by_text("by hand by marketer: “asked for a refund”").wait_for()

    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Take back").click()
    page.get_by_text("Ann has 60 points now: Warm.").wait_for()
    page.get_by_role("link", name="The ledger").click()
    page.get_by_text("does not count: taken back by hand").wait_for()
    page.get_by_role("link", name="Only what counts now").click()
    page.get_by_text("What counts now").wait_for()
    assert page.get_by_text("asked for a refund").count() == 0
