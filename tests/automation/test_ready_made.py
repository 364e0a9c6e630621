"""The stories of ready-made campaigns: from the event to the mails in order, and what stops them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.models import Campaign, EmailTemplate
from campaigns.starters.install import use
from campaigns.starters.shelf import starters
from tests import engine
from tests.factories import NOW, UserFactory, site

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _without_campaigns(db):
    """The tests' site begins with the Welcome sequence."""
    Campaign.objects.all().delete()
    EmailTemplate.objects.all().delete()


@dataclass
class Story:
    """What somebody does, the subjects that they get when they do nothing more, and what stops it after the first."""

    does: str
    subjects: list[str]
    stop: str = ""
    stopped_with: dict = field(default_factory=dict)
    first: dict = field(default_factory=dict)


STAGE = "stage.activated"
STORIES = {
    "welcome": Story(
        "users.signed_up",
        ["Welcome, Ann", "Getting started: the first five minutes", "What others do here", "Ann, any questions?"],
    ),
    "onboarding": Story(
        "users.signed_up",
        ["Your first step, Ann", "Need a hand with the first step?", "Three things that people wish they had known"],
    ),
    "abandoned_checkout": Story(
        "checkout.started",
        ["You left something behind", "Can we help with your order?", "Your cart, one last time"],
        "order.completed",
    ),
    "abandoned_trial_form": Story(
        "trial.form_started",
        ["Your trial is one step away", "Did something hold you back?"],
        "trial.started",
    ),
    "stage_create": Story(
        STAGE,
        ["Your first project is there", "What comes first, and what can wait?", "Stuck at the beginning?"],
        STAGE, {"stage": "plan"}, {"stage": "create"},
    ),
    "stage_plan": Story(
        STAGE,
        [
            "You have a plan. Now keep it small",
            "Find mistakes while they are cheap",
            "You need not write checks yourself",
        ],
        STAGE, {"stage": "verify"}, {"stage": "plan"},
    ),
    "stage_verify": Story(
        STAGE,
        ["Your work is checked now", "It is ready. Let others see it", "A calm first release, step by step"],
        STAGE, {"stage": "release"}, {"stage": "verify"},
    ),
    "stage_release": Story(
        STAGE, ["It is out. Congratulations!", "After the first release"], first={"stage": "release"}
    ),
    "teammate_invited": Story(
        "teammate.invited", ["Your invitation is on its way", "Three habits of teams that work well here"]
    ),
    "post_purchase": Story(
        "order.completed",
        ["Thank you, Ann", "Get the most out of what you bought", "How do you like it?"],
        "order.refunded",
    ),
    "lead_nurturing": Story(
        "form.submitted",
        [
            "Here is what you asked for",
            "How others solved the same thing",
            "Five questions before you decide",
            "Would you like to try it, Ann?",
        ],
        "trial.started",
    ),
    "recommendations": Story(
        "product.viewed",
        ["Still thinking about Lamp?", "Picked for you: lights"],
        "order.completed", first={"name": "Lamp", "category": "lights"},
    ),
    "cross_sell": Story(
        "order.completed", ["What goes well with your order", "What others added to theirs"], "order.completed"
    ),
    "upsell": Story(
        "subscription.started",
        ["What the next plan would give you", "Is it getting tight?"],
        "subscription.upgraded", first={"plan": "Basic"},
    ),
}  # fmt: skip
APART = {"re_engagement", "birthday", "trial_sign_up"}


def activated(key: str) -> Campaign:
    site()
    return lifecycle.activate(use(starters()[key], 1, UserFactory(), NOW), UserFactory(), NOW)


def next_due() -> datetime | None:
    rows = Enrollment.objects.exclude(due_at=None).order_by("due_at")
    return rows.values_list("due_at", flat=True).first()


def pass_time(start: datetime, most: timedelta) -> datetime:
    """From one due time to the next, until nobody is inside or the time is over."""
    now = start
    while now < start + most:
        engine.run(now)
        if (due := next_due()) is None:
            return now
        now = max(due, now + timedelta(seconds=1))
    return now


def subjects(inbox, user: str = "ann") -> list[str]:
    return [mail.message["Subject"] for mail in inbox.accepted if mail.recipient == f"{user}@example.com"]


def begins(track, story: Story, now: datetime = NOW, user: str = "ann", **more) -> None:
    traits = {"email": f"{user}@example.com", "first_name": user.capitalize()}
    track(now, user, story.does, traits=traits, **{**story.first, **more})


def test_every_ready_made_campaign_has_a_story():
    assert set(STORIES) | APART == set(starters())


@pytest.mark.parametrize("key", STORIES)
def test_who_does_nothing_more_gets_every_mail_and_who_does_what_it_is_for_no_more(key, inbox, track):
    story, now = STORIES[key], NOW
    activated(key)
    begins(track, story)
    if story.stop:
        begins(track, story, user="ben")
        while not subjects(inbox, "ben"):
            now = next_due() or now
            engine.run(now)
        track(now + HOUR, "ben", story.stop, **story.stopped_with)
    pass_time(now + HOUR, 100 * DAY)
    assert subjects(inbox) == story.subjects
    assert subjects(inbox, "ben") == ([story.subjects[0].replace("Ann", "Ben")] if story.stop else [])
    assert not Enrollment.objects.filter(state__in=Enrollment.INSIDE).exists()
    for mail in inbox.accepted:
        text = mail.message.get_body(("plain",)).get_content()
        assert "{{" not in text and "{%" not in text and "Hello ," not in text


def test_a_checkout_that_is_begun_again_is_waited_for_anew(inbox, track):
    activated("abandoned_checkout")
    begins(track, STORIES["abandoned_checkout"], products=[{"name": "Lamp"}])
    begins(track, STORIES["abandoned_checkout"], NOW + HOUR / 2, products=[{"name": "Lamp"}, {"name": "Shelf"}])
    engine.run(NOW + HOUR)
    assert subjects(inbox) == []
    engine.run(NOW + HOUR + HOUR / 2)
    text = inbox.accepted[0].message.get_body(("plain",)).get_content()
    assert "in your cart: Lamp, Shelf." in " ".join(text.split())


def test_who_reaches_the_first_result_is_praised_instead_of_helped(inbox, track):
    activated("onboarding")
    begins(track, STORIES["onboarding"])
    track(NOW + DAY, "ann", STAGE, stage="create")
    pass_time(NOW + DAY, 10 * DAY)
    assert subjects(inbox)[1:] == [
        "Well done, that was the hardest part",
        "Three things that people wish they had known",
    ]


def test_who_was_not_seen_for_90_days_is_written_to_until_they_come_back(inbox, track):
    activated("re_engagement")
    for user in ("ann", "ben"):
        track(NOW, user, "page.viewed", traits={"email": f"{user}@example.com", "first_name": user.title()})
    away = NOW + 90 * DAY + HOUR
    engine.run(away)
    assert subjects(inbox) == ["It has been a while, Ann"]
    assert subjects(inbox, "ben") == ["It has been a while, Ben"]
    track(away + DAY, "ben", "page.viewed")
    pass_time(away + DAY, 30 * DAY)
    assert subjects(inbox)[1:] == ["What has changed since you were here", "Shall we stop writing?"]
    assert len(subjects(inbox, "ben")) == 1
    assert Enrollment.objects.get(contact__attributes__first_name="Ben").explanation.endswith("“They came back”.")


def test_a_birthday_is_congratulated_every_year_in_the_morning(inbox, track):
    activated("birthday")
    track(NOW, "ann", "page.viewed", traits={"email": "ann@example.com", "first_name": "Ann", "birthday": "1990-03-05"})
    for year in (2026, 2027):
        engine.run(datetime(year, 3, 5, 8, 59, tzinfo=UTC))
        assert len(subjects(inbox)) == year - 2026
        engine.run(datetime(year, 3, 5, 9, tzinfo=UTC))
        assert subjects(inbox) == ["Happy birthday, Ann!"] * (year - 2025)
