"""In a real browser: people wait in a step that is removed, a publisher decides; later she resumes after a pause."""

from datetime import timedelta

import pytest

from automation.models import Enrollment, Refusal, Visit
from campaigns import lifecycle
from campaigns.document import parse
from campaigns.linear import Row, from_rows
from contacts.models import Contact
from lib import clock
from tests.browsers import CHROMIUM
from tests.campaigns.typing_in import person
from tests.factories import CampaignFactory, TemplateFactory, UserFactory
from tests.stories.test_browser import Desk, chromium  # noqa: F401  the fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="No Chromium was found; install Debian's package chromium."),
]
DAY = timedelta(days=1)


@pytest.fixture
def welcome():
    """Forty wait in a step that the draft has no more, twelve in one that it has changed."""
    hello, tips, offer = (TemplateFactory(name=name).pk for name in ("Hello", "Tips for beginners", "An offer"))
    rows = [
        Row(uid="hello", template=hello),
        Row(uid="tips", wait_uid="w1", wait_amount=2, template=tips),
        Row(uid="offer", wait_uid="w2", wait_amount=5, template=offer),
    ]
    campaign = CampaignFactory(name="Welcome", rows=rows, now=clock.now() - 9 * DAY)
    for uid, count in (("w1", 40), ("w2", 12)):
        people = Contact.objects.bulk_create(Contact() for _ in range(count))
        waiting = Enrollment.objects.bulk_create(
            Enrollment(
                campaign=campaign,
                contact=contact,
                version=campaign.live,
                step_uid=uid,
                due_at=clock.now() + (place + 2) * DAY / 20,
                scheduled_at=clock.now() + (place + 2) * DAY / 20,
            )
            for place, contact in enumerate(people)
        )
        begun = {"version": campaign.live, "step_uid": uid, "kind": "wait", "entered_at": clock.now() - 4 * DAY}
        Visit.objects.bulk_create(Visit(enrollment=row, **begun) for row in waiting)
    document = parse(campaign.draft)
    rows[2].wait_amount = 3
    new = Row(uid="new", wait_uid="w3", wait_amount=1, template=TemplateFactory(name="A survey").pk)
    document.steps = from_rows([rows[0], rows[2], new])
    return lifecycle.save_draft(campaign, document, campaign.revision, person("Marketer"), clock.now())


def pictures(desk, name: str, server, chromium) -> None:  # noqa: F811
    desk.picture(f"{name}-light")
    for look, options in (
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"viewport": {"width": 390, "height": 844}}),
    ):
        other = Desk(chromium, server, UserFactory(), **options)  # a log-in of its own
        other.page.goto(desk.page.url)
        other.picture(f"{name}-{look}")
        wide = other.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} pixels wider than a {look} screen"
        assert not other.faults


def test_a_publisher_decides_what_becomes_of_those_inside(live_server, chromium, welcome):  # noqa: F811
    paula = person("Publisher", first_name="Paula", last_name="Green")
    desk = Desk(chromium, live_server.url, paula)
    page = desk.page
    page.goto(f"/campaigns/campaign/{welcome.pk}/publish/")
    assert page.get_by_text("40 wait here").is_visible()
    pictures(desk, "publish", live_server.url, chromium)

    desk.click("Publish changes")
    page.get_by_text("40 people wait in the step “wait 2 days”, which is removed").wait_for()
    question = page.get_by_label("What becomes of those in “wait 2 days”")
    page.get_by_label("Finish on the version that they are on").check()
    assert not question.is_visible(), "who finishes on the old version keeps its steps"
    page.get_by_label("Follow the new version").check()
    question.select_option("due:offer")
    assert page.get_by_text("Worked out anew, 12 are due").is_visible()
    page.get_by_label("Those who wait in “wait 5 days”").select_option("recompute")
    desk.click("Publish changes")
    page.wait_for_url(f"**/{welcome.pk}/change/")
    assert set(Enrollment.objects.values_list("version__number", flat=True)) == {2}
    assert Enrollment.objects.filter(step_uid="offer").count() == 40

    page.goto(f"/campaigns/campaign/{welcome.pk}/versions/")
    assert page.get_by_text("they go on with “send “An offer”” when they are due").is_visible()
    pictures(desk, "versions", live_server.url, chromium)
    page.set_viewport_size({"width": 1280, "height": 400})
    page.reload()
    before = page.locator(".cp-diff .cp-svg-frame").first
    place = before.evaluate(
        "it => it.querySelector('.cp-svg-mark').getBoundingClientRect().top - it.getBoundingClientRect().top"
    )
    assert 0 < place < 300 and before.evaluate("it => it.scrollTop"), "what differs is in sight"
    assert not desk.faults


def test_a_publisher_resumes_after_a_pause(live_server, chromium, welcome):  # noqa: F811
    now = clock.now()
    lifecycle.pause(welcome, None, now - 3 * DAY, "The mail server refuses us as a sender.")
    Enrollment.objects.filter(step_uid="w1").update(due_at=now - 2 * DAY, scheduled_at=now - 2 * DAY)
    for contact in Contact.objects.bulk_create(Contact() for _ in range(7)):
        Refusal.objects.create(campaign=welcome, contact=contact, at=now - DAY, reason="paused", explanation="Paused.",
                               event_id=f"00000000-0000-0000-0000-{contact.pk:012d}")  # fmt: skip
    paula = person("Publisher", first_name="Paula", last_name="Green")
    desk = Desk(chromium, live_server.url, paula)
    page = desk.page
    page.goto(f"/campaigns/campaign/{welcome.pk}/resume/")
    assert page.get_by_text("7 people did meanwhile what lets people in").is_visible()
    pictures(desk, "resume", live_server.url, chromium)
    page.get_by_label("Leave the campaign").check()
    assert not page.get_by_label("Spread those who go on now").is_visible()
    page.get_by_label("Everything happens later").check()
    desk.click("Resume")
    page.wait_for_url(f"**/{welcome.pk}/change/")
    assert not Enrollment.objects.filter(due_at__lte=now).exists()
    assert not desk.faults
