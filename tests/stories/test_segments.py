"""In a real browser: a marketer makes segments, sees who is in them and why, fills a list, moves and compares."""

import re
from datetime import timedelta

import pytest

from contacts import writing
from lib import clock
from segments import members
from segments.models import Segment
from tests import browsers, engine
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


def known(user_id, name, **attributes):
    now = clock.now()
    pk, _ = writing.contact_for_user(user_id, now)
    given = writing.Upsert(attributes={"name": name, **attributes}, email=f"{user_id}@example.com")
    writing.upsert(pk, given, now)
    return pk


def people():
    """Three who were seen, one of them long ago."""
    found = {name: known(f"user-{number}", name) for number, name in enumerate(["Ann", "Bea", "Cia"])}
    moments = {"Ann": 1, "Bea": 3, "Cia": 200}
    for name, days in moments.items():
        seen = clock.now() - timedelta(days=days)
        writing.Contact.objects.filter(pk=found[name]).update(last_seen_at=seen)
    engine.run(clock.now())
    return found


def test_a_marketer_makes_a_segment_and_sees_who_is_in_it_and_why(live_server, chromium):
    site()
    found = people()
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page

    page.goto("/segments/segment/")
    card = page.locator(".sg-card", has_text="Seen in the last 30 days")
    card.get_by_text("2 people now").wait_for()
    desk.picture("segments-empty")
    card.click()
    page.get_by_text("2 of 3 contacts match now").wait_for()
    page.get_by_label("Name").fill("Seen lately")
    desk.picture("segment-form")
    desk.click("Save")

    page.get_by_text("2 people match now").wait_for()
    page.get_by_text("being worked out").wait_for()
    engine.run(clock.now())
    page.get_by_text("Up to date").wait_for()  # the page renews itself
    page.locator("#members").get_by_text("Bea").wait_for()
    assert "Cia" not in page.locator("#members").inner_text()
    page.locator("canvas.chart").first.wait_for()
    desk.picture("segment")

    page.get_by_label("Whom to ask about").fill("cia")
    desk.click("Ask")
    desk.click("Cia", "link")
    page.get_by_text("is not in it").wait_for()
    desk.picture("segment-why")
    page.goto(f"/contacts/contact/{found['Ann']}/change/")
    page.get_by_role("link", name="Seen lately", exact=True).wait_for()
    assert desk.faults == []


def test_a_marketer_fills_a_list_moves_people_takes_it_back_and_compares(live_server, chromium):
    site()
    found = people()
    vips = Segment.objects.create(name="VIPs", kind="static")
    desk = Desk(chromium, live_server.url, person("Marketer"))
    page = desk.page

    page.goto("/segments/segment/add/")
    page.get_by_role("link", name="A fixed list").click()
    page.get_by_label("Name").fill("Guests")
    desk.click("Save")
    desk.click("Add people", "link")
    page.get_by_label("Ids or e-mail addresses").fill("user-0\nuser-1@example.com, user-2\nsomebody@else.example")
    desk.click("Add to the list")
    page.get_by_text("3 people were put in").wait_for()
    assert "somebody@else.example" in page.locator(".sg-missing").inner_text()
    desk.picture("segment-put")

    desk.click("See the members", "link")
    page.get_by_text("Nobody is chosen").wait_for()
    move = page.get_by_role("button", name="Move to another list")
    assert move.is_disabled()
    page.get_by_label("Choose Ann").check()
    page.get_by_label("Choose Bea").check()
    page.get_by_text("2 chosen").wait_for()
    desk.picture("segment-members")
    move.click()
    page.get_by_text("Move 2 people to another list?").first.wait_for()
    page.get_by_label("To which list").select_option("VIPs")
    desk.click("Move")
    page.get_by_text("2 people were moved to “VIPs”.").wait_for()
    guests = Segment.objects.get(name="Guests")
    assert set(members.ids(vips)) == {found["Ann"], found["Bea"]}
    page.get_by_role("link", name="Undo").click()
    page.get_by_text("2 people would be put back.").wait_for()
    desk.click("Undo")
    page.get_by_text("as it was before").wait_for()
    assert set(members.ids(guests)) == set(found.values()) and not members.ids(vips)

    members.add(vips, [found["Ann"]], clock.now(), "hand")
    page.goto(f"/segments/segment/{guests.pk}/overlap/")
    page.get_by_label("The other segment").select_option("VIPs")
    desk.click("Compare")
    page.get_by_role("img", name=re.compile("1 people are in both, 2 only in Guests, 0 only in VIPs")).wait_for()
    desk.picture("segment-overlap")
    page.get_by_role("link", name="Make a segment").first.click()
    page.get_by_label("Name").wait_for()
    assert page.get_by_label("Name").input_value() == "Guests and VIPs"
    desk.click("Save")
    page.get_by_text("1 person matches now").wait_for()
    page.goto(f"/segments/segment/{vips.pk}/delete/")
    page.get_by_text("is used, so it stays").first.wait_for()
    assert desk.faults == []


@pytest.mark.parametrize("look", ["dark", "phone"])
def test_the_pages_fit(live_server, chromium, look):
    site()
    found = people()
    guests = Segment.objects.create(name="Guests of the dinner in spring, with a long name", kind="static")
    members.add(guests, list(found.values()), clock.now(), "hand")
    size = {"width": 390, "height": 844} if look == "phone" else {"width": 1280, "height": 900}
    scheme = "dark" if look == "dark" else "light"
    desk = Desk(chromium, live_server.url, person("Publisher"), viewport=size, color_scheme=scheme)
    own = [
        f"{guests.pk}/{name}/" for name in ("change", "members", "put", "overlap", "why", "export", "delete", "edit")
    ]
    for name in ["", "add/", "rfm/", "add/?kind=dynamic", *own]:
        desk.page.goto(f"/segments/segment/{name}")
        desk.page.wait_for_load_state("networkidle")
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert desk.page.evaluate(wider) <= 0, f"{name} is wider than the window"
        desk.picture(f"{look}-segments-{re.sub('[^a-z]+', '-', name)}")
    assert desk.faults == []
