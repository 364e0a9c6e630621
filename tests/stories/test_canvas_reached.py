"""In a real browser: the canvas by touch, by its numbers, and for those who do not see well or use no mouse."""

from datetime import timedelta

import pytest

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from lib import clock
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import ContactFactory, site
from tests.stories.test_browser import chromium  # noqa: F401  a fixture
from tests.stories.test_canvas import Canvas, two_ways

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]

# What cannot be read or named: texts of too little contrast (WCAG AA), controls without a name.
UNREADABLE = """() => {
  const pad = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color, under) => {
    pad.globalAlpha = 1; pad.fillStyle = `rgb(${under})`; pad.fillRect(0, 0, 1, 1);
    pad.fillStyle = color; pad.fillRect(0, 0, 1, 1);
    return [...pad.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const white = [255, 255, 255];
  const ground = (element) =>
    element ? rgb(getComputedStyle(element).backgroundColor, ground(element.parentElement)) : white;
  const linear = (part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
  const light = (color) => color.map((part) => linear(part / 255))
    .reduce((sum, part, place) => sum + part * [.2126, .7152, .0722][place], 0);
  const aside = ":disabled, .cv-switch > span, script, .material-symbols-outlined, .cv-unseen, .cp-title span";
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const wrong = [];
  for (const element of document.querySelectorAll(".cv-page *, .cv-menu *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!seen(element) || !text || element.closest(aside)) continue;
    const under = ground(element);
    const both = [light(rgb(getComputedStyle(element).color, under)), light(under)].sort((a, b) => b - a);
    const contrast = (both[0] + .05) / (both[1] + .05);
    if (contrast < 4.5) wrong.push(`${contrast.toFixed(2)}: ${text.slice(0, 40)} (${element.className})`);
  }
  const controls = ".cv-page :is(button, a, input:not([type=hidden]), select, textarea)";
  for (const element of document.querySelectorAll(controls)) {
    const label = element.labels?.[0]?.textContent;
    const name = element.ariaLabel || label || element.innerText || element.title;
    if (seen(element) && !name?.trim()) wrong.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  return wrong;
}"""


def running():
    """Seven came to the branch; five took its way “Big”, and three of these got no mail."""
    site()
    campaign = lifecycle.activate(two_ways(), None, clock.now())
    for number in range(7):
        row = Enrollment.objects.create(
            campaign=campaign, contact=ContactFactory(), version=campaign.live, step_uid="c",
            due_at=clock.now() + timedelta(days=1),
        )  # fmt: skip
        big = number < 5
        taken = [("way", "branch", "big" if big else "else")] + [("a", "email", "capped")] * (number < 3)
        for uid, kind, arm in taken:
            Visit.objects.create(
                enrollment=row, version=campaign.live, step_uid=uid, kind=kind, arm=arm, explanation="So it was.",
                entered_at=clock.now(), left_at=clock.now(),
            )  # fmt: skip
    return campaign


def test_a_finger_lifts_a_step_by_resting_on_it(live_server, chromium):  # noqa: F811
    site()
    campaign = two_ways()
    tablet = {"viewport": {"width": 1100, "height": 1000}, "has_touch": True}
    desk = Canvas(chromium, live_server.url, person("Marketer"), **tablet)
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    card, plus = (
        desk.page.locator(name).bounding_box() for name in ("[data-card=a]", "[data-item=c] .cv-way .cv-plus")
    )
    finger = desk.page.context.new_cdp_session(desk.page)

    def touch(kind, box):
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else [point]})

    touch("touchStart", card)
    desk.page.locator(".cv-ghost").wait_for()
    touch("touchMove", {**plus, "y": plus["y"] - 30})
    touch("touchMove", plus)
    touch("touchEnd", plus)
    desk.settled("was moved: after “Send “Three””")
    assert desk.titles()[-1] == "Send “One”" and desk.faults == []


def test_every_number_leads_to_the_people_behind_it(live_server, chromium):  # noqa: F811
    campaign = running()
    desk = Canvas(chromium, live_server.url, person("Analyst"), viewport={"width": 1300, "height": 900})
    page = desk.page
    for link, count in (("7 went on", 7), ("5 took the way “Big”", 5), ("3 not sent or came back", 3)):
        desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
        page.get_by_role("link", name=link).click()
        page.wait_for_url("**/automation/visit/**")
        assert page.locator("#result_list tbody tr").count() == count
    assert page.get_by_text("Over a frequency limit").first.is_visible() and desk.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_named_and_reached_by_keys(live_server, chromium, scheme):  # noqa: F811
    campaign = running()
    look = {"viewport": {"width": 1300, "height": 900}, "color_scheme": scheme}
    desk = Canvas(chromium, live_server.url, person("Marketer"), **look)
    page = desk.page
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    page.get_by_text("5 took the way").wait_for(state="attached")
    assert page.evaluate(UNREADABLE) == []
    page.locator("[data-open-step='way']").focus()
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.ariaLabel || document.activeElement.innerText).trim()"))
    assert any("What to do with" in name for name in reached), "its menu"
    assert any("took the way “Big”" in name for name in reached), "the numbers of its ways"
    assert any("Add a step after" in name for name in reached), "and the places after it"
    page.locator("[data-menu='way']").press("Enter")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.role") == "menuitem" and page.evaluate(UNREADABLE) == []
    page.keyboard.press("Escape")
    for uid in ("way", "a"):
        page.locator(f"[data-open-step='{uid}']").press("Enter")
        page.locator(f"[data-panel] form[data-key='{uid}']").wait_for()
        page.locator("[data-panel] details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        assert page.evaluate(UNREADABLE) == [], uid
        page.keyboard.press("Escape")
    assert desk.faults == []


def test_copies_of_a_step_are_told_apart_where_one_chooses(live_server, chromium):  # noqa: F811
    site()
    campaign = two_ways()
    desk = Canvas(chromium, live_server.url, person("Marketer"), viewport={"width": 1300, "height": 900})
    page = desk.page
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    page.locator("[data-open-step=a]").focus()
    page.keyboard.press("c")
    page.keyboard.type("after Send Three")
    page.keyboard.press("Enter")
    desk.settled("was copied")
    page.locator("[data-open-step=b]").focus()
    page.keyboard.press("m")
    offered = page.get_by_role("option").all_inner_texts()
    assert len(offered) == len(set(offered))
    assert any("that follows “Send “Three””" in one for one in offered)
    assert desk.faults == []
