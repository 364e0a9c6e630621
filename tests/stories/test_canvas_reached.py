"""In a real browser: the canvas by touch, by its numbers, and for those who do not see well or use no mouse."""

from datetime import timedelta

import pytest

from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.models import Message
from lib import clock
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import browser, person
from tests.factories import ContactFactory, MessageFactory, site
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
  const aside = ":disabled, script, .material-symbols-outlined, .cv-unseen, .cp-title span";
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
    """Seven came to the branch, five took its way “Big”; of what came of the mail on it there is some of everything."""
    site()
    campaign = lifecycle.activate(two_ways(), None, clock.now())
    robot = ContactFactory(is_test=True)
    rows = [inside(campaign, contact) for contact in [*ContactFactory.create_batch(7), robot]]
    for place, row in enumerate(rows):
        took(row, "way", "branch", "big" if place < 5 else "else")
        took(row, "b", "email", "moved" if place == 6 else "skipped")
    opened, clicked = ({f"{seen}_by_human_at": clock.now()} for seen in ("opened", "clicked"))
    for occurrence in (1, 2, 3):  # the same person got it three times, and saw each
        took(rows[0], "a", "email", "sent", occurrence, mailed(rows[0], **(clicked if occurrence == 3 else opened)))
    took(rows[1], "a", "email", "bounced", 1, mailed(rows[1], outcome="bounced"))
    for row, outcome in zip(rows[2:4], ("unsubscribed", "render_failed"), strict=True):
        took(row, "a", "email", outcome, 1, mailed(row, state="not_sent", outcome=outcome, sent_at=None))
    for occurrence, arm in ((2, "capped"), (3, "capped"), (4, "outside_window"), (5, "exit")):
        took(rows[4], "a", "email", arm, occurrence)
    took(rows[4], "a", "email", "", 6, mailed(rows[4], state="parked", outcome="", sent_at=None, settled_at=None))
    took(rows[7], "a", "email", "sent", 1, mailed(rows[7], **opened))
    took(rows[7], "a", "email", "capped", 2)
    return campaign


def inside(campaign, contact):
    return Enrollment.objects.create(
        campaign=campaign, contact=contact, version=campaign.live, step_uid="c", due_at=clock.now() + timedelta(days=1)
    )


def took(row, uid, kind, arm, occurrence=1, message=None):
    now = clock.now()
    Visit.objects.create(
        enrollment=row, version=row.version, step_uid=uid, kind=kind, arm=arm, occurrence=occurrence, message=message,
        explanation="So it was.", entered_at=now, left_at=now if arm else None,
    )  # fmt: skip


def mailed(row, **fields):
    key = f"visit:{row.pk}:{Message.objects.count()}"
    made = MessageFactory(key=key, contact=row.contact, campaign=row.campaign, step_uid="a")
    sent = {"state": "sent", "outcome": "sent", "due_at": None, "sent_at": clock.now(), "settled_at": clock.now()}
    Message.objects.filter(pk=made.pk).update(**sent | fields)
    return made


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


def test_every_number_leads_to_as_many_as_it_says(live_server, chromium):  # noqa: F811
    campaign = running()
    desk = Canvas(chromium, live_server.url, person("Analyst"), viewport={"width": 1300, "height": 900})
    page = desk.page
    desk.goto(f"/campaigns/campaign/{campaign.pk}/canvas/")
    page.locator("[data-open-step=a]").click()
    page.get_by_role("link", name="2 Over a frequency limit").wait_for()
    links = page.locator("a.cv-number, a.cv-in-words")
    words = "(one.querySelector('.cv-unseen') ?? one).textContent.trim()"
    told = links.evaluate_all(f"all => all.map((one) => [{words}, one.getAttribute('href')])")
    lists = browser("Analyst")
    rows = {href: lists.get(href).context["cl"].result_count for href in {href for _, href in told}}
    found = {said: rows[href] for said, href in told}
    assert found == {words: int(words.split()[0]) for words in found}, "the list has as many rows as the number says"
    said = " · ".join(found)
    for one in (
        "7 waiting here", "7 went on", "5 took the way “Big”", "4 sent", "3 opened (75 %)", "1 clicked (25 %)",
        "7 not sent or came back", "2 Over a frequency limit", "1 Outside of the send window", "1 Bounced",
        "1 Unsubscribed", "1 Could not be written", "1 Parked", "2 took the way “Everybody else”",
    ):  # fmt: skip
        assert one in said
    page.get_by_role("link", name="2 Over a frequency limit").click()
    page.wait_for_url("**/automation/visit/**")
    assert page.locator("#result_list tbody tr").count() == 2 and desk.faults == []
    page.go_back()
    desk.ready()
    assert page.evaluate("document.activeElement.dataset.openStep") == "a", "and back to where one was"


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
    page.locator("[data-open-step='way']").press("a")
    page.locator(".dc-option[aria-selected]").wait_for()
    assert page.evaluate(UNREADABLE) == []
    page.keyboard.press("Escape")
    for uid in ("way", "a"):
        page.locator(f"[data-open-step='{uid}']").press("Enter")
        page.locator(f"[data-panel] form[data-key='{uid}']").wait_for()
        page.locator("[data-panel] details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
        assert page.evaluate(UNREADABLE) == [], uid
        page.keyboard.press("Escape")
    assert desk.faults == []
