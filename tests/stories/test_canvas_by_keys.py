"""In a real browser: everything on the canvas without a mouse, and what is said, kept and asked on the way."""

import re

import pytest

from campaigns.models import Campaign
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import site
from tests.stories.test_browser import PASSWORD, chromium  # noqa: F401  a fixture
from tests.stories.test_canvas import Canvas, two_ways

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]


class Keyboard(Canvas):
    """A person at the canvas who has no mouse."""

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, words: str) -> None:
        self.page.locator(".dc-search[role=combobox]").wait_for()
        self.page.keyboard.type(words)
        self.press("Enter")

    def at(self, uid: str) -> bool:
        """Has the card of the step the focus?"""
        return self.page.evaluate("document.activeElement.dataset.openStep") == uid

    def until(self, uid: str) -> None:
        """The focus comes to the card, once the server has answered."""
        self.page.wait_for_function(f"document.activeElement.dataset.openStep === '{uid}'")

    def tab_to(self, script: str) -> None:
        for _ in range(60):
            if self.page.evaluate(script):
                return
            self.press("Tab")
        raise AssertionError(f"not reached by Tab: {script}")


def test_everything_is_done_by_keys_and_nothing_that_was_drawn_is_lost(live_server, chromium):  # noqa: F811
    site()
    campaign = two_ways()
    desk = Keyboard(chromium, live_server.url, person("Marketer"), viewport={"width": 1400, "height": 900})
    page, panel = desk.page, desk.page.locator("[data-panel]")
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")

    # from step to step, down and aside
    desk.press("f")
    assert desk.at("") and page.get_by_role("region", name="The flow").is_visible()
    flow = page.get_by_role("main").get_by_role("region", name="The flow").aria_snapshot()
    assert 'button "Add a step after “Send “One””"' in flow and "goes on with: Send “Three”" in flow
    assert page.get_by_role("link", name="Preview", exact=True).is_visible()
    desk.press("ArrowDown", "ArrowDown", "ArrowRight")
    assert desk.at("b")

    # a branch is copied with what stands on its ways; what is called alike is told apart
    desk.press("ArrowUp", "Home", "ArrowDown", "c")
    desk.choose("after Send Three")
    desk.settled("was copied: after “Send “Three””")
    assert desk.titles().count("Send “One”") == 2 and len(desk.titles()) == 8
    page.locator("[data-open-step=b]").focus()
    desk.press("m")
    offered = page.get_by_role("option").all_inner_texts()
    assert len(offered) == len(set(offered)) and any("that follows “Send “Three””" in one for one in offered)
    desk.choose("before Send Three")
    desk.settled("was moved: before “Send “Three””")
    desk.until("b")
    desk.press("Control+z")
    desk.settled("Undone")

    # deleting a branch asks what becomes of its ways
    page.locator("[data-open-step=way]").focus()
    desk.press("Shift+F10")
    assert page.evaluate("document.activeElement.role") == "menuitem"
    desk.press("Escape")
    assert desk.at("way")
    desk.press("Delete")
    dialog = page.get_by_role("dialog")
    assert "Keep the way “Big” (1 step), delete the others" in dialog.inner_text()
    desk.press("ArrowDown", "Tab", "Enter")
    desk.settled("was deleted")
    assert desk.titles()[1:3] == ["Send “Two”", "Send “Three”"]
    assert page.evaluate("document.activeElement.matches('[data-open-step]')")

    # a step is added, left incomplete, found again by its mark, and filled in
    desk.press("a")
    desk.choose("Tag")
    panel.locator("form[data-what=step]").wait_for()
    desk.press("Escape")
    new = page.evaluate("document.activeElement.dataset.openStep")
    assert desk.titles()[2] == "Tag" and panel.is_hidden()
    desk.press("Home", "n")
    assert desk.at(new), "the next step that is marked"
    desk.press("Enter")
    panel.locator("form[data-what=step]").wait_for()
    desk.tab_to("document.activeElement.name === 'set-add'")
    page.keyboard.type("customer")
    desk.press("Escape")
    desk.settled("What you typed is not kept yet")
    assert panel.get_by_text("What you typed is not kept yet").is_visible()
    desk.press("Enter")
    desk.settled("was changed")
    desk.until(new)
    desk.press("Control+z")
    desk.settled("Undone")
    desk.press("Control+Shift+z")
    desk.settled("Done again")
    desk.press("+")
    assert page.get_by_label("Size", exact=True).last.inner_text() == "120 %"
    desk.press("0", "?")
    assert page.get_by_role("dialog").get_by_text("the next step at which something is marked").is_visible()
    desk.press("Escape")
    assert desk.faults == []

    # what is in the way of saving is said, and nothing is lost by it
    page.context.set_offline(True)
    desk.press("Control+s")
    desk.settled("The site does not answer")
    page.context.set_offline(False)
    page.context.clear_cookies()
    desk.press("Control+s")
    desk.settled("You were logged out")
    tab = page.context.new_page()
    tab.goto("/login/")
    tab.fill("[name=username]", person("Marketer").username)
    tab.fill("[name=password]", PASSWORD)
    tab.press("[name=password]", "Enter")
    tab.wait_for_url(re.compile(r"/$"))
    desk.press("Control+s")
    desk.settled("Saved as a draft")
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert [step["kind"] for step in campaign.draft["steps"]][:3] == ["email", "tag", "email"]
    assert campaign.draft["steps"][1]["config"] == {"add": ["customer"]}
