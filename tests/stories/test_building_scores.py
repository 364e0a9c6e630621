"""In a real browser: a marketer builds a score model and sees what it would do; a publisher puts it in force."""

import pytest

from lib import clock
from scoring.models import Score, ScoreModel
from tests import browsers, engine
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
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


@pytest.fixture
def people():
    """Ann submits a form twice, Ben once; Cia looks on."""
    site()
    shop, now = Shop(), clock.now()
    for user in ("ann", "ben", "cia"):
        shop.tells(user, now=now, first_name=user.capitalize(), title="CEO" if user == "ann" else "Clerk")
    for user in ("ann", "ann", "ben"):
        shop.does(user, "form.submitted", at=now, now=now, form="Ask for an offer")
    engine.run(now)


def bands() -> dict[str, int]:
    return dict(Score.objects.values_list("contact__name", "band"))


def a_marketer_builds(desk, name):
    page = desk.page
    page.goto("/scoring/scoremodel/add/")
    desk.picture("scores-add")
    page.get_by_text("Empty").first.click()
    page.get_by_label("Name").first.fill(name)
    desk.picture("scores-new")
    page.locator("form[method=post] button[type=submit]").last.click()
    page.get_by_role("link", name="Add a rule about what they do").click()
    page.get_by_label("When somebody").select_option("form.submitted")
    page.get_by_label("Points", exact=False).first.fill("45")
    page.get_by_label("At most so many times").fill("3")
    page.get_by_label("What becomes of the points").select_option("half")
    desk.picture("scores-rule")
    desk.click("Save in the draft")
    page.get_by_text("45 points when somebody submits a form, at most 3 times; fades by half every 30 days").wait_for()
    desk.picture("scores-draft")
    page.get_by_text("A publisher puts it in force").wait_for()


def preview(desk, button="Make the preview"):
    page = desk.page
    desk.click("Preview", "link")
    desk.click(button)
    page.get_by_text("The preview is being made").wait_for()
    engine.run(clock.now())
    page.get_by_role("heading", name="Examples").wait_for()  # the page renews itself
    page.locator("canvas.chart").first.wait_for()


def test_a_score_model_is_built_tried_put_in_force_edited_and_undone(live_server, chromium, people):
    marketer = Desk(chromium, live_server.url, person("Marketer"))
    a_marketer_builds(marketer, "Sales interest")
    preview(marketer)
    assert "Ann" in marketer.page.content() and "Hot" in marketer.page.content()
    marketer.picture("scores-preview")
    assert marketer.page.get_by_role("link", name="Put in force").count() == 0

    publisher = Desk(chromium, live_server.url, person("Publisher"))
    model = ScoreModel.objects.get(name="Sales interest")
    page = publisher.page
    page.goto(f"/scoring/scoremodel/{model.pk}/edit/")
    publisher.click("Put in force", "link")
    page.get_by_text("Turn the model on, too").click()
    publisher.picture("scores-force")
    publisher.click("Put in force")
    page.get_by_text("The draft is in force").wait_for()
    engine.run(clock.now())
    assert bands() == {"Ann": 2, "Ben": 0}

    page.goto(f"/scoring/scoremodel/{model.pk}/edit/")
    page.get_by_role("link", name="Submits a form").click()
    page.get_by_label("Points", exact=False).first.fill("60")
    publisher.click("Save in the draft")
    page.get_by_text("60 points instead of 45").wait_for()
    preview(publisher, "Make it anew")
    page.get_by_text("Change band").wait_for()
    publisher.picture("scores-preview-edit")
    publisher.click("Put in force", "link")
    page.get_by_text("1 person").first.wait_for()
    publisher.click("Put in force")
    engine.run(clock.now())
    assert bands() == {"Ann": 2, "Ben": 1}

    publisher.click("Undo", "link")
    publisher.picture("scores-undo")
    publisher.click("Go back")
    page.get_by_text("is in force again").wait_for()
    engine.run(clock.now())
    assert bands() == {"Ann": 2, "Ben": 0}
    assert not marketer.faults and not publisher.faults
