"""In a real browser: a marketer builds a sequence, a publisher activates it. No console error, no foreign request."""

import os
import re
from pathlib import Path

import pytest

from campaigns.linear import Row
from campaigns.models import Campaign
from tests import browsers
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import CampaignFactory, ContactFactory, TemplateFactory, site

PICTURES = os.environ.get("PICTURES")  # a folder: screenshots of the way are kept there
PASSWORD = "correct horse battery"

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


class Desk:
    """One person at one browser, who notes everything that goes wrong in it."""

    def __init__(self, chromium, server: str, user, **options):
        self.page = chromium.new_context(base_url=server, **options).new_page()
        self.faults: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on(
            "request", lambda sent: sent.url.startswith((server, "data:", "about:")) or self.faults.append(sent.url)
        )
        user.set_password(PASSWORD)
        user.save()
        self.page.goto("/login/")
        self.page.fill("[name=username]", user.username)
        self.page.fill("[name=password]", PASSWORD)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_url(re.compile(r"/$"))

    def click(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=re.compile(rf"\b{name}$")).first.click()

    def picture(self, name: str) -> None:
        if PICTURES:
            self.page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def test_a_marketer_builds_a_sequence_and_a_publisher_activates_it(live_server, chromium):
    site()
    hello, tips = TemplateFactory(name="Hello"), TemplateFactory(name="Tips")
    ann = ContactFactory(attributes={"first_name": "Ann"})
    paula = person("Publisher", first_name="Paula", last_name="Green")
    marketer = Desk(chromium, live_server.url, person("Marketer"))
    page = marketer.page

    page.goto("/campaigns/campaign/")
    page.get_by_role("link", name="New campaign").last.click()
    page.get_by_role("link", name="Sequence").click()
    page.get_by_label("Name").fill("First steps")
    page.get_by_label("When somebody").select_option("users.signed_up")
    card = page.locator("[data-step]")
    card.nth(0).locator("[name$=-template]").select_option(str(hello.pk))
    marketer.click("Add a step")
    assert card.nth(1).locator("[name$=-wait_amount]").evaluate("input => input === document.activeElement")
    page.keyboard.type("3")
    assert "about 3 days after entering" in card.nth(1).inner_text()
    card.nth(1).locator("summary").click()
    card.nth(1).get_by_role("button", name="Add a condition").click()
    page.keyboard.type("contact.first_name")
    page.keyboard.press("Enter")
    card.nth(1).get_by_label("Comparison").select_option("is set")
    marketer.click("Save")

    assert "This is not saved yet." in page.inner_text("[role=alert]")
    assert "Choose the mail to send." in card.nth(1).inner_text()
    assert page.get_by_label("Name", exact=True).input_value() == "First steps"
    assert card.nth(1).locator("[name$=-wait_amount]").input_value() == "3"
    marketer.picture("refused")
    card.nth(1).locator("[name$=-template]").select_option(str(tips.pk))
    card.nth(1).get_by_label("Move up").click()
    assert "about 3 days after entering" in card.nth(0).inner_text()
    card.nth(0).get_by_label("Move down").press("Enter")
    marketer.click("Save and preview")

    page.wait_for_url(re.compile(r"/preview/$"))
    page.goto(page.url + f"?contact={ann.pk}")
    page.frame_locator("iframe").first.get_by_text("Hello Ann").wait_for()
    marketer.picture("preview")
    campaign = Campaign.objects.get(name="First steps")
    steps = campaign.draft["steps"]
    assert [step["kind"] for step in steps] == ["email", "wait", "email"]
    assert steps[1]["config"] == {"amount": 3.0, "unit": "days"} and steps[2]["only_if"]

    marketer.click("Back to the campaign", "link")
    marketer.picture("form")
    marketer.click("see who has it", "link")
    assert "Paula Green" in page.inner_text("main, #content") and marketer.faults[:1] == FORBIDDEN
    assert Campaign.objects.get(pk=campaign.pk).state == "draft"

    publisher = Desk(chromium, live_server.url, paula)
    publisher.page.goto(f"/campaigns/campaign/{campaign.pk}/change/")
    publisher.click("Activate", "link")
    publisher.picture("activate")
    publisher.click("Activate")
    publisher.page.get_by_text("is active: people enter from now on").wait_for()
    assert Campaign.objects.get(pk=campaign.pk).state == "active"
    assert publisher.faults == []


FORBIDDEN = ["Failed to load resource: the server responded with a status of 403 (Forbidden)"]


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_the_form_fits_light_dark_and_a_phone(live_server, chromium, look):
    site()
    TemplateFactory(name="A template with a rather long name, as they come")
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 900}
    scheme = "dark" if look == "dark" else "light"
    desk = Desk(chromium, live_server.url, person("Marketer"), viewport=size, color_scheme=scheme)
    for name in ("campaigns/campaign/", "campaigns/campaign/add/", "campaigns/emailtemplate/add/"):
        desk.page.goto(f"/{name}")
        desk.page.wait_for_load_state("networkidle")
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert desk.page.evaluate(wider) <= 0, f"{name} is wider than the window"
        desk.picture(f"{look}-{name.strip('/').replace('/', '-')}")
    assert desk.faults == []


def test_the_preview_of_a_template_follows_what_is_typed(live_server, chromium):
    site()
    template, ann = TemplateFactory(), ContactFactory(attributes={"first_name": "Ann"})
    desk = Desk(chromium, live_server.url, person("Marketer"))
    desk.page.goto(f"/campaigns/emailtemplate/{template.pk}/change/")
    frame = desk.page.frame_locator("iframe[name=template-preview]")
    frame.get_by_text(f"Hello {ann.attributes['first_name']}").wait_for()
    desk.page.fill("[name=html]", "<p>Dear {{ contact.first_name }}</p>")
    frame.get_by_text("Dear Ann").wait_for()
    desk.page.fill("[name=html]", "<p>One</p>\n<p>{{ contact.shoe_size }}</p>")
    desk.page.get_by_text("`contact.shoe_size` has no value for this contact").wait_for()
    assert desk.faults == []


def test_a_card_is_moved_by_dragging_and_removed_cards_stay_away(live_server, chromium):
    site()
    first, second = TemplateFactory(), TemplateFactory()
    rows = [Row(template=first.pk), Row(wait_amount=2, template=second.pk), Row(action="leave")]
    campaign = CampaignFactory(active=False, rows=rows)
    desk = Desk(chromium, live_server.url, person("Marketer"))
    desk.page.goto(f"/campaigns/campaign/{campaign.pk}/change/")
    desk.page.wait_for_function("!document.querySelector('[data-conditions]:not([data-ready])')")
    card = desk.page.locator("[data-step]:visible")
    card.nth(1).locator("[data-grip]").drag_to(card.nth(0), target_position={"x": 200, "y": 5})
    assert card.nth(0).locator("[name$=-template]").input_value() == str(second.pk)
    card.nth(2).get_by_label("Remove this step").click()
    assert card.count() == 2
    desk.click("Save")
    desk.page.get_by_text("Saved as a draft").wait_for()
    campaign.refresh_from_db()
    kinds = [(step["kind"], step["config"].get("template")) for step in campaign.draft["steps"]]
    assert kinds == [("wait", None), ("email", second.pk), ("email", first.pk)]
    assert desk.faults == []
