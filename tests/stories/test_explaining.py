"""In a real browser: somebody's way through a campaign is drawn, told and replayed; and why they got it."""

from datetime import timedelta

import pytest

from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from campaigns.models import Campaign, FrequencyCap
from contacts.models import Contact
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from tests import engine
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import TemplateFactory, site
from tests.stories.test_browser import Desk, chromium  # noqa: F401  a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
HOUR = timedelta(hours=1)
HOSTILE = '<img src=x onerror="document.title=1">'
BIG = {"field": "event.total", "op": "≥", "value": 100}


def step(uid, kind, config, then):
    return StepDoc(uid=uid, kind=kind, config=config, next=then if isinstance(then, dict) else {"done": then})


def campaign_of(name: str, now, **more) -> Campaign:
    hello, thanks = TemplateFactory(name="Hello", subject="Hello"), TemplateFactory(name="Thanks", subject="Thanks")
    bought = {"uid": "bought", "event": "order.completed"}
    german = {"uid": "german", "name": "German", "condition": {"field": "contact.country", "op": "is", "value": "DE"}}
    steps = [
        step("hello", "email", {"template": hello.pk}, "which"),
        step("which", "branch", {"arms": [german]}, {"german": "wait", "else": "pause"}),
        step("wait", "wait_for", {"arms": [bought], "timeout": {"amount": 3, "unit": "days"}},
             {"bought": "thanks", "timeout": "pause"}),
        step("pause", "wait", {"amount": 2, "unit": "days"}, "thanks"),
        step("thanks", "email", {"template": thanks.pk}, "late"),
        step("late", "wait", {"amount": 5, "unit": "days"}, None),
    ]  # fmt: skip
    more.setdefault("triggers", [Trigger(event="users.signed_up")])
    document = Document(name=name, steps=steps, **more)
    return lifecycle.activate(lifecycle.create(document, None, now), None, now)


def ann_signs_up(now) -> Contact:
    source = Source.objects.create(name="Shop")
    traits = {"email": "ann@example.com", "country": "DE", "first_name": HOSTILE, "timezone": "Asia/Kathmandu"}

    def tell(at, event, **properties):
        recording.record(source, [Item(kind="track", user_id="ann", event=event, properties=properties)], at)
        engine.run(at)

    recording.record(source, [Item(kind="identify", user_id="ann", traits=traits)], now)
    tell(now, "users.signed_up", plan="<b>pro</b>")
    tell(now + HOUR, "order.completed", total=20)
    return Contact.objects.get(identities__value="ann")


def test_a_way_is_drawn_told_and_replayed(live_server, chromium, inbox):  # noqa: F811
    site()
    begun = clock.now() - 3 * HOUR
    campaign_of("Welcome", begun)
    ann_signs_up(begun)
    row = Enrollment.objects.get()
    assert row.step_uid == "late"
    wide = {"width": 1440, "height": 900}
    desk = Desk(chromium, live_server.url, person("Publisher"), viewport=wide, reduced_motion="reduce")
    page = desk.page
    page.goto(f"/automation/enrollment/{row.pk}/change/")
    told = page.locator(".pt-stops > li")
    assert [line.split(" \n")[0] for line in told.locator("strong").all_inner_texts() if line != "Here now."] == [
        "Entry", "Send e-mail", "Branch", "Wait for", "Send e-mail", "Wait",
    ]  # fmt: skip
    assert "Took the way “German”" in told.nth(2).inner_text() and "DE" in told.nth(2).inner_text()
    assert "Woken by: completed an order" in told.nth(3).inner_text()
    assert "{" not in page.locator(".pt-way").inner_text() and page.title() != "1"
    assert "Asia/Kathmandu" in page.locator(".cp-head").inner_text()
    assert "Not visited: “Wait 2 days”." in page.locator(".pt-left").inner_text()
    assert "here now" in str(page.locator("a.pt-here").text_content()) and page.locator("g.pt-pale rect").count() == 1
    desk.picture("way")

    page.get_by_role("link", name="Send “Thanks” (decision 4)").focus()
    page.keyboard.press("Enter")
    assert page.url.endswith("#decision-4")
    told.nth(3).get_by_role("link", name="show its step").click()
    assert page.locator("a.pt-card:target").get_attribute("data-numbers") == "3"

    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert page.locator(".pt-said").inner_text().startswith("1 of 6 · ")
    assert page.locator("a.pt-later").count() == 5
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="The next decision").click()
    assert told.nth(2).get_attribute("aria-current") == "step"
    assert "pt-now" in (page.locator("a.pt-card", has_text="Branch").get_attribute("class") or "")
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    desk.picture("way-replayed-dark")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.locator(".pt-stops > li:nth-child(4)[aria-current]").wait_for()
    page.get_by_role("button", name="Pause").click()

    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.picture("way-phone-dark")
    assert not desk.faults


def test_why_somebody_is_not_inside_is_told_rule_by_rule(live_server, chromium, inbox):  # noqa: F811
    begun = clock.now() - 3 * HOUR
    site(quiet_from="22:00", quiet_to="07:00", holdout=10)
    FrequencyCap.objects.create(most=3, amount=1, unit="weeks")
    campaign = campaign_of("Offers", begun, triggers=[Trigger(event="order.completed", filter=BIG)], holdout=5,
                           window={"from": "09:00", "to": "18:00", "days": ["mon"]})  # fmt: skip
    ann = ann_signs_up(begun)
    desk = Desk(chromium, live_server.url, person("Analyst"), viewport={"width": 1440, "height": 900})
    page = desk.page
    page.goto(f"/automation/enrollment/why/?contact={ann.pk}&campaign={campaign.pk}")
    told = page.locator(".cp-page").inner_text()
    assert "As things stand now: they would not enter" in told
    assert "but it does not fit the filter" in told and "it is: 20" in told
    assert "If they were inside" in told and "At most 3 mails in 7 days: 0 went out in that time" in told
    assert "Nothing is sent in the quiet hours" in told and page.title() != "1" and "{" not in told
    desk.picture("why")
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.picture("why-phone-dark")
    assert not desk.faults
