"""In a real browser: a campaign that branches is built on the canvas, and people run through."""

import re

import pytest
from django.urls import reverse

from campaigns import lifecycle
from campaigns.document import parse
from campaigns.models import Campaign, EmailTemplate
from lib import clock
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import browser, person
from tests.factories import TemplateFactory, site
from tests.stories.test_browser import Desk, chromium  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]


class Canvas(Desk):
    """A person at the canvas."""

    def goto(self, path: str) -> None:
        self.page.goto(path)
        self.ready()

    def ready(self) -> None:
        self.page.locator(".cv-page[data-ready]").wait_for()

    def titles(self) -> list[str]:
        return self.page.locator(".cv-item .cv-title").all_inner_texts()

    def add(self, place: str, kind: str) -> None:
        self.page.get_by_role("button", name=place, exact=True).click()
        self.page.locator(".dc-search[role=combobox]").fill(kind)
        self.page.keyboard.press("Enter")
        self.page.locator("[data-panel] form[data-what=step]").wait_for()

    def done(self) -> None:
        self.page.locator("[data-panel]").get_by_role("button", name="Done").click()

    def settled(self, words: str) -> None:
        self.page.locator("[data-said]", has_text=words).wait_for(state="attached")

    def send(self, place: str, mail: str) -> None:
        self.add(place, "send e")
        if not EmailTemplate.objects.filter(name=mail):
            TemplateFactory(name=mail, subject=mail)  # written in another tab meanwhile
            self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            self.page.locator("option", has_text=mail).wait_for(state="attached")
        self.page.get_by_label("Mail", exact=True).select_option(label=mail)
        self.done()
        self.page.locator(".cv-card", has_text=mail).first.wait_for()


def test_a_campaign_is_drawn_by_mouse_and_run(live_server, chromium, shop, inbox):  # noqa: F811
    for subject in ("Hello", "For regulars"):
        TemplateFactory(name=subject, subject=subject)
    desk = Canvas(chromium, live_server.url, person("Marketer"), viewport={"width": 1400, "height": 900})
    page = desk.page

    # by mouse: event → wait → branch → two mails
    desk.goto("/campaigns/campaign/canvas/add/")
    panel, wrong = page.locator("[data-panel]"), page.locator("[data-notes]")
    assert not wrong.is_visible() and not page.locator(".cv-wrong").count(), "nothing is wrong before anything is done"
    panel.get_by_label("Name", exact=True).fill("Two ways")
    panel.locator("[data-key='new:event']").click()
    panel.get_by_label("When somebody").select_option("users.signed_up")
    desk.done()
    desk.settled("What lets people in was changed.")
    panel.locator("form[data-what=entry]").wait_for()
    assert panel.get_by_label("Name", exact=True).input_value() == "Two ways"
    assert wrong.inner_text() == "Add at least one step."
    desk.done()
    desk.add("Add a step after “the entry”", "Wait")
    panel.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Undo").click()
    desk.settled("Undone")
    desk.send("Add a step after “the entry”", "Hello")
    desk.add("Add a step after “Send “Hello””", "Wait")
    panel.locator("input[name$=amount]").first.fill("2")
    panel.get_by_text("If someone gets here now, they go on").wait_for()
    desk.done()
    desk.settled("was changed")
    desk.add("Add a step after “Wait 2 days”", "Branch")
    panel.get_by_label("Name", exact=True).first.fill("Regulars")
    panel.locator("[data-row]").first.get_by_role("button", name="Add a condition").click()
    page.keyboard.type("seats")
    page.get_by_role("option", name="“event.seats”").wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.type("contact.plan")
    page.keyboard.press("Enter")
    panel.get_by_label("Comparison").select_option("is")
    panel.locator("[data-row]").first.locator(".dc-value").first.fill("pro")
    desk.done()
    desk.settled("was changed")
    page.locator(".cv-words", has_text="Regulars").wait_for()
    desk.picture("canvas-branch")
    title = page.locator(".cv-card", has_text="Branch").locator(".cv-title").inner_text()
    desk.send(f"Add a step after “{title}”, way “Regulars”", "For regulars")
    rest = page.get_by_role("button", name=re.compile(r"^Add a step after .*, way “(?!Regulars)")).first
    desk.send(rest.get_attribute("aria-label"), "For the rest")
    assert sorted(desk.titles()[1:]) == sorted(
        ["Send “Hello”", "Wait 2 days", title, "Send “For regulars”", "Send “For the rest”"]
    )
    desk.click("Save")
    page.wait_for_url(re.compile(r"/campaign/\d+/canvas/$"))
    desk.ready()
    campaign = Campaign.objects.get(name="Two ways")
    assert [step["kind"] for step in campaign.draft["steps"]] == [
        "email", "wait", "branch", "email", "email",
    ]  # fmt: skip

    before = desk.titles()
    desk.goto(page.url)
    assert desk.titles() == before
    desk.picture("canvas-built")
    assert desk.faults == []

    activate = reverse("admin:campaigns_campaign_activate", args=[campaign.pk])
    assert browser("Publisher").post(activate).status_code == 302
    shop.identify("ann", email="ann@example.com", plan="pro")
    shop.track("ann", "users.signed_up")
    shop.identify("ben", email="ben@example.com")
    shop.track("ben", "users.signed_up")
    page.locator("a.cv-waiting", has_text="2").wait_for()
    shop.pass_time(days=2, minutes=1)
    got = {user: [] for user in ("ann@example.com", "ben@example.com")}
    for mail in inbox.accepted:
        got[mail.recipient].append(mail.message["Subject"])
    assert got == {"ann@example.com": ["Hello", "For regulars"], "ben@example.com": ["Hello", "For the rest"]}


def test_a_step_is_dragged_to_another_way(live_server, chromium):  # noqa: F811
    site()
    one, two, three = (TemplateFactory(name=name) for name in ("One", "Two", "Three"))
    campaign = drawn(
        {"uid": "a", "kind": "email", "config": {"template": one.pk}, "next": {"done": "b"}},
        {"uid": "b", "kind": "email", "config": {"template": two.pk}, "next": {"done": "c"}},
        {"uid": "c", "kind": "email", "config": {"template": three.pk}, "next": {"done": None}},
    )
    desk = Canvas(chromium, live_server.url, person("Marketer"), viewport={"width": 1400, "height": 1000})
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    card, plus = desk.page.locator("[data-card=a]"), desk.page.locator("[data-item=c] .cv-plus")
    desk.page.mouse.move(*middle(card))
    desk.page.mouse.down()
    desk.page.mouse.move(*middle(card, 30))
    desk.page.mouse.move(*middle(plus))
    desk.page.mouse.up()
    desk.settled("was moved: after “Send “Three””")
    assert desk.titles()[1:] == ["Send “Two”", "Send “Three”", "Send “One”"]
    assert desk.page.locator("[data-panel]").is_hidden()
    desk.page.keyboard.press("Control+z")
    desk.settled("Undone")
    assert desk.titles()[1:] == ["Send “One”", "Send “Two”", "Send “Three”"]
    assert desk.faults == []


def mail(uid: str, template, follower: str | None) -> dict:
    return {"uid": uid, "kind": "email", "config": {"template": template.pk}, "next": {"done": follower}}


def two_ways(**more) -> Campaign:
    """A branch with a mail on each way, which meet in a third."""
    one, two, three = (TemplateFactory(name=name) for name in ("One", "Two", "Three"))
    arms = [{"uid": "big", "name": "Big", "condition": {"field": "contact.plan", "op": "is", "value": "pro"}}]
    ways = {"uid": "way", "kind": "branch", "config": {"arms": arms}, "next": {"big": "a", "else": "b"}}
    return drawn(ways, mail("a", one, "c"), mail("b", two, "c"), mail("c", three, None), **more)


def test_two_people_draw_at_once_and_nobody_loses_what_they_did(live_server, chromium):  # noqa: F811
    site()
    campaign = two_ways()
    desk = Canvas(chromium, live_server.url, person("Marketer"), viewport={"width": 1400, "height": 900})
    page = desk.page
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    theirs = parse(campaign.draft)
    theirs.name = "Theirs"
    lifecycle.save_draft(campaign, theirs, campaign.revision, person("Publisher", first_name="Paula"), clock.now())
    page.locator("[data-open-step=a]").focus()
    page.keyboard.press("Delete")
    desk.settled("was deleted")
    desk.click("Save")
    dialog = page.get_by_role("dialog")
    assert "Paula saved it" in dialog.inner_text()
    dialog.get_by_role("button", name="Go on").click()
    desk.settled("Paula’s version")
    assert "Send “One”" in desk.titles()
    page.keyboard.press("Control+z")
    desk.settled("Undone")
    assert "Send “One”" not in desk.titles()
    desk.click("Save")
    desk.settled("Saved as a draft")
    campaign.refresh_from_db()
    assert campaign.name == "Drawn" and len(campaign.draft["steps"]) == 3


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_the_canvas_fits_light_dark_and_a_phone(live_server, chromium, look):  # noqa: F811
    site()
    campaign = two_ways()
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 900}
    scheme = "dark" if look == "dark" else "light"
    desk = Canvas(chromium, live_server.url, person("Analyst"), viewport=size, color_scheme=scheme)
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert desk.page.evaluate(wider) <= 0
    cards = [card.bounding_box() for card in desk.page.locator("[data-card]").all()]
    assert len(cards) == 5 and len({(card["x"], card["y"]) for card in cards}) == 5
    if look == "phone":
        assert [card["y"] for card in cards] == sorted(card["y"] for card in cards), "below each other"
        assert all(card["x"] >= 0 and card["x"] + card["width"] <= 390 for card in cards)
        assert "goes on with: Send “Two”" in desk.page.locator(".cv-list").inner_text()
    assert not desk.page.locator(".cv-plus, [data-menu], [data-do=save]").count(), "an analyst only looks"
    desk.page.locator("[data-open-step=way]").click()
    assert "“Big”: on to Send “One”." in desk.page.locator("[data-panel]").inner_text()
    desk.picture(f"canvas-{look}")
    desk.page.goto(f"{live_server.url}/campaigns/campaign/")
    frame = desk.page.locator(".simplebar-content-wrapper", has=desk.page.locator("#result_list"))
    assert frame.evaluate("it => it.scrollWidth - it.clientWidth") <= 0, "the list fits, too"
    assert desk.faults == []


def middle(locator, aside: int = 0) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2 + aside, box["y"] + box["height"] / 2 + aside


def drawn(*steps: dict, **more) -> Campaign:
    document = {"name": "Drawn", "triggers": [{"event": "users.signed_up"}], "steps": list(steps), **more}
    return lifecycle.create(parse(document), None, clock.now())
