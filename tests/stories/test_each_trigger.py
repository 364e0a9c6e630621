"""What lets people in, each kind as a story: what happens in the shop, and who is written to."""

from datetime import timedelta

import pytest

from campaigns.document import Reentry, Trigger
from campaigns.trigger_kinds import TRIGGER_KINDS
from lib import clock
from ops.models import ApiKey
from segments import defining
from segments.models import Membership, Segment
from tests.automation.flows import mail, step
from tests.factories import UserFactory
from tests.stories.telling import Stories, begins, mails, monday  # noqa: F401  a fixture

pytestmark = pytest.mark.django_db
stories = Stories()
OFTEN = Reentry(mode="every_time")
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def welcome(kind, subject="Hello", config=None, **more):
    trigger = Trigger(kind=kind, config=config or {}, event=more.pop("event", ""), filter=more.pop("filter", None))
    return begins(mail("mail", subject), name=kind, triggers=[trigger], **more)


def segment(name, condition, shop):
    found = defining.save(Segment(name=name, condition=condition), UserFactory(), clock.now())
    shop.work()
    return found


def knows(shop, *people, **traits):
    for person in people:
        shop.identify(person, email=f"{person}@example.com", **traits)


@stories.of("event")
def _(shop, inbox):
    large = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}
    welcome("event", "Your cart", event="cart.abandoned", filter=large, audience=PRO)
    knows(shop, "ann", "bob")
    told = {"context": {"traits": {"plan": "pro"}}, "properties": {"total": 80}}
    shop.track("ann", "cart.abandoned", **told)  # what is told with the event is known when it is looked at
    shop.track("bob", "cart.abandoned", properties={"total": 80})
    shop.track("ann", "cart.abandoned", **told)  # once is once
    knows(shop, "cid", plan="pro")
    shop.track("cid", "cart.abandoned", properties={"total": 20})
    assert mails(inbox) == [("ann", "Your cart")]


@stories.of("segment_entered")
def _(shop, inbox):
    pro = segment("Pro", PRO, shop)
    knows(shop, "ann", plan="free")
    knows(shop, "bob", plan="pro")  # a member before
    welcome("segment_entered", "Welcome to pro", {"segment": pro.pk})
    shop.identify("ann", plan="pro")
    assert mails(inbox) == [("ann", "Welcome to pro")]


@stories.of("segment_left")
def _(shop, inbox):
    lately = {"field": "contact.last_seen_at", "op": "in the last", "value": {"amount": 30, "unit": "days"}}
    active = segment("Active", lately, shop)
    knows(shop, "ann", "bob")
    welcome("segment_left", "We miss you", {"segment": active.pk})
    shop.pass_time(days=29)
    shop.track("bob", "page.viewed")
    assert mails(inbox) == []
    shop.pass_time(days=2)  # nobody does anything: time alone
    assert mails(inbox) == [("ann", "We miss you")]


@stories.of("attribute")
def _(shop, inbox):
    welcome("attribute", "{{ event.from }} to {{ event.to }}", {"attribute": "plan", "before": "free", "after": "pro"})
    knows(shop, "ann", plan="free")
    knows(shop, "bob", plan="basic")
    for plan in ("pro", "pro"):
        shop.identify("ann", plan=plan)
        shop.identify("bob", plan=plan)
    assert mails(inbox) == [("ann", "free to pro")]


@stories.of("date")
def _(shop, inbox):
    welcome("date", "Two days left", {"field": "contact.trial_ends", "offset": -2, "at": "09:00"})
    yearly = {"field": "contact.birthday", "at": "09:00", "anniversary": True}
    welcome("date", "Happy birthday", yearly, reentry=OFTEN)
    knows(shop, "ann", trial_ends="2026-03-05", birthday="1990-03-03", timezone="America/New_York")
    shop.pass_time(days=1, hours=4, minutes=58)  # Tuesday, 8:58 in New York
    assert mails(inbox) == []
    shop.pass_time(minutes=3)
    assert sorted(mails(inbox)) == [("ann", "Happy birthday"), ("ann", "Two days left")]
    shop.pass_time(days=365)
    assert mails(inbox)[2:] == [("ann", "Happy birthday")]


@stories.of("schedule")
def _(shop, inbox):
    pro = segment("Pro", PRO, shop)
    knows(shop, "ann", plan="pro")
    knows(shop, "bob", plan="free")
    weekly = {"every": "week", "days": ["tue"], "at": "09:00", "zone": "Europe/Berlin", "segment": pro.pk}
    welcome("schedule", "This week", weekly, reentry=OFTEN)
    shop.pass_time(days=1)  # Tuesday, ten o'clock in Berlin
    assert mails(inbox) == [("ann", "This week")]
    shop.identify("bob", plan="pro")
    shop.pass_time(days=7)
    assert sorted(mails(inbox)[1:]) == [("ann", "This week"), ("bob", "This week")]


@stories.of("broadcast")
def _(shop, inbox):
    pro = segment("Pro", PRO, shop)
    knows(shop, "ann", plan="pro")
    knows(shop, "bob", plan="free")
    welcome("broadcast", "News", {"segment": pro.pk})
    welcome("broadcast", "Tomorrow", {"segment": pro.pk, "at": "2026-03-03T08:00", "zone": "Europe/Berlin"})
    shop.work()
    assert mails(inbox) == [("ann", "News")]
    shop.pass_time(days=1)
    assert mails(inbox)[1:] == [("ann", "Tomorrow")]


@stories.of("api")
def _(shop, inbox):
    made = welcome("api", "Your invoice {{ event.number }}", reentry=OFTEN)
    knows(shop, "ann")
    _, key = ApiKey.objects.create_key("server", shop.source)
    for _ in range(2):  # sent again, it is the same entry
        answer = shop.client.post(
            f"/api/campaigns/{made.pk}/entries/",
            {"contact": "user:ann", "data": {"number": "R-7"}, "id": "invoice-7"},
            content_type="application/json",
            headers={"authorization": f"Bearer {key}"},
        )
        assert answer.status_code in (200, 201), answer.content
        shop.work()
    assert mails(inbox) == [("ann", "Your invoice R-7")]


@stories.of("campaign")
def _(shop, inbox):
    other = welcome("campaign", "From the other one, {{ event.plan }}")
    begins(step("start", "start", {"campaign": other.pk}))
    knows(shop, "ann")
    shop.track("ann", "users.signed_up", properties={"plan": "pro"})
    assert mails(inbox) == [("ann", "From the other one, pro")]


@pytest.mark.parametrize("kind", sorted(stories))
def test_it_lets_people_in(kind, monday, inbox):  # noqa: F811
    stories[kind](monday, inbox)


def test_each_kind_has_a_story():
    assert set(stories) == {kind.key for kind in TRIGGER_KINDS}


def test_imports_let_nobody_in_and_old_news_do_not_either(monday, inbox):  # noqa: F811
    pro = segment("Pro", PRO, monday)
    for kind, config, event in (("segment_entered", {"segment": pro.pk}, ""), ("event", {}, "order.completed"),
                                ("attribute", {"attribute": "plan"}, "")):  # fmt: skip
        welcome(kind, kind, config, event=event)
    traits = {"type": "identify", "userId": "ann", "traits": {"email": "ann@example.com", "plan": "pro"}}
    ordered = {"type": "track", "userId": "ann", "event": "order.completed"}
    answer = monday.client.post(
        "/v1/import", {"batch": [traits, ordered]}, content_type="application/json",
        headers={"authorization": f"Bearer {monday.key}"},
    )  # fmt: skip
    assert answer.status_code == 200 and Membership.objects.exists() is False
    monday.work()
    assert Membership.objects.get().segment == pro
    old = clock.now() - timedelta(hours=73)
    monday.send({**ordered, "timestamp": old.isoformat()})
    assert mails(inbox) == []
    monday.send({**ordered, "timestamp": (old + timedelta(hours=2)).isoformat()})
    assert mails(inbox) == [("ann", "event")]
