"""Activating a campaign: from now on only, or also those who match by now, counted before and each once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from automation import backfilling, letting_in
from automation.models import Enrollment
from campaigns import lifecycle
from campaigns.document import Reentry, Trigger
from campaigns.linear import Row
from lib import clock
from ops import jobs
from ops.models import Job
from segments import defining
from segments.models import Segment
from tests import engine
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}


def draft(*triggers, **more):
    return CampaignFactory(triggers=list(triggers), active=False, **more)


def counted(campaign, now=NOW):
    document = lifecycle.parse(campaign.draft)
    return {days: backfilling.count(document, days, now) for days in backfilling.windows(document)}


def readers(inbox):
    return sorted(mail.recipient for mail in inbox.accepted)


@pytest.fixture
def shoppers(inbox, track):
    """Ann bought twice, the last time yesterday; Bob bought ten days ago; Cid only logged in."""
    for name, days in (("ann", 20), ("bob", 10), ("ann", 1)):
        now = NOW - days * DAY
        track(
            now, name, "order.completed", traits={"email": f"{name}@example.com"}, order_id=f"{name}{days}", total=days
        )
    track(NOW - DAY, "cid", "users.logged_in", traits={"email": "cid@example.com"})


def test_from_now_on_only_is_what_happens_unless_somebody_asks_for_more(shoppers, inbox, track):
    lifecycle.activate(draft(Trigger(event="order.completed")), UserFactory(), NOW)
    engine.run(NOW)
    assert readers(inbox) == []
    track(NOW, "cid", "order.completed")
    assert readers(inbox) == ["cid@example.com"]


def test_those_whose_event_lies_in_the_last_days_come_in_with_the_newest_one(shoppers, inbox):
    campaign = draft(Trigger(event="order.completed"))
    assert counted(campaign) == {1: 1, 7: 1, 30: 2, 90: 2}
    lifecycle.activate(campaign, UserFactory(), NOW, also=30)
    engine.run(NOW)
    assert readers(inbox) == ["ann@example.com", "bob@example.com"]
    assert {row.data["order_id"] for row in Enrollment.objects.all()} == {"ann1", "bob10"}
    assert Job.objects.get(kind=letting_in.KIND).result == "2 people entered."


def test_the_filters_count(shoppers, inbox):
    only = {"field": "event.total", "op": "≥", "value": 10}
    campaign = draft(Trigger(event="order.completed", filter=only))
    assert counted(campaign)[30] == 2
    narrow = draft(
        Trigger(event="order.completed", filter=only),
        audience={"field": "contact.email", "op": "contains", "value": "bob"},
    )
    assert counted(narrow)[30] == 1
    lifecycle.activate(narrow, UserFactory(), NOW, also=30)
    engine.run(NOW)
    assert readers(inbox) == ["bob@example.com"]


def test_who_is_in_the_segment_or_has_the_value_now_comes_in(inbox):
    for name, plan in (("ann", "pro"), ("bob", "free"), ("cid", "pro")):
        ContactFactory(email=f"{name}@example.com", attributes={"plan": plan})
    segment = defining.save(Segment(name="Pros", condition=PRO), UserFactory(), NOW)
    engine.run(NOW)
    ann = {"field": "contact.email", "op": "contains", "value": "ann"}
    by_segment = draft(Trigger(kind="segment_entered", config={"segment": segment.pk}, filter=ann))
    by_value = draft(Trigger(kind="attribute", config={"attribute": "plan", "after": "pro"}))
    assert counted(by_segment) == {0: 1} and counted(by_value) == {0: 2}
    for campaign in (by_segment, by_value):
        lifecycle.activate(campaign, UserFactory(), NOW, also=0)
    engine.run(NOW)
    assert readers(inbox) == ["ann@example.com", "ann@example.com", "cid@example.com"]


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger(kind="api"),
        Trigger(kind="campaign"),
        Trigger(kind="schedule"),
        Trigger(kind="broadcast"),
        Trigger(kind="attribute", config={"attribute": "plan"}),
    ],
    ids=lambda trigger: trigger.kind,
)
def test_what_is_about_a_moment_has_nobody_to_look_back_at(trigger):
    assert counted(draft(trigger)) == {}


def test_a_worker_killed_in_the_middle_goes_on_where_it_was_and_nobody_enters_twice(shoppers, monkeypatch, inbox):
    monkeypatch.setattr(letting_in, "AT_ONCE", 1)
    ways = [Row(wait_amount=1, template=TemplateFactory().pk)]
    campaign = draft(Trigger(event="order.completed"), rows=ways, reentry=Reentry(mode="every_time"))
    lifecycle.activate(campaign, UserFactory(), NOW, also=30)
    assert jobs._run_one(NOW)
    before = Job.objects.get(kind=letting_in.KIND)
    step = jobs.kinds[letting_in.KIND].step

    class Killed(BaseException):
        pass

    def dies(job, now):
        step(job, now)
        raise Killed

    monkeypatch.setitem(jobs.kinds._items, letting_in.KIND, jobs.Kind(letting_in.KIND, "", dies))
    with pytest.raises(Killed):
        jobs._run_one(NOW)
    monkeypatch.setitem(jobs.kinds._items, letting_in.KIND, jobs.Kind(letting_in.KIND, "", step))
    assert Job.objects.get(pk=before.pk).done == before.done == 1
    engine.run(NOW)
    assert sorted(Enrollment.objects.values_list("contact__address__email", flat=True)) == [
        "ann@example.com", "bob@example.com",
    ]  # fmt: skip


def test_who_enters_by_themselves_meanwhile_is_not_let_in_again_by_the_same_event(shoppers, inbox, track):
    campaign = draft(Trigger(event="order.completed"), reentry=Reentry(mode="every_time"))
    track(NOW, "cid", "order.completed", order_id="c", run=False)  # read by the pipeline only after activation
    lifecycle.activate(campaign, UserFactory(), NOW, also=30)
    engine.run(NOW)
    assert readers(inbox) == ["ann@example.com", "bob@example.com", "cid@example.com"]


def test_two_hundred_take_as_many_queries_as_one_under_segments(inbox):
    for number in range(20):
        defining.save(Segment(name=f"Segment {number}", condition=PRO), None, NOW)
    ContactFactory.create_batch(201, attributes={"plan": "pro"})
    engine.run(NOW)
    campaign = draft(Trigger(kind="attribute", config={"attribute": "plan", "after": "pro"}), holdout=10)
    CampaignFactory.create_batch(9)
    campaign = lifecycle.activate(campaign, UserFactory(), NOW)
    everybody = list(letting_in.people(None).order_by("pk").values_list("pk", flat=True))
    counts = []
    for ids in (everybody[:1], everybody[1:2], everybody[2:]):
        with CaptureQueriesContext(connection) as captured:
            told = backfilling.let_in(campaign, ids, 0, NOW, NOW, timedelta())
        assert told and len(told.entered) == len(ids)
        counts.append(len(captured))
    assert counts[1] == counts[2] <= 16


def test_the_page_counts_before_it_asks_and_refuses_what_it_did_not_offer(client, shoppers, inbox, settings):
    settings.CLOCK_OFFSET = str((NOW - clock.now()).total_seconds() + clock.offset().total_seconds())
    client.force_login(UserFactory(username="paula"))
    campaign = draft(Trigger(event="order.completed"))
    url = reverse("admin:campaigns_campaign_activate", args=[campaign.pk])
    page = client.get(url).content.decode()
    assert "Also the 1 person who did so in the last 7 days" in page
    assert "Also the 2 people who did so in the last 30 days" in page
    assert "Nobody: only whoever does so from now on" in page
    wrong = client.post(url, {"revision": campaign.revision, "people": "4000"})
    assert "Choose again who comes in" in wrong.content.decode()
    assert client.post(url, {"revision": campaign.revision, "people": "30"}).status_code == 302
    engine.run(clock.now())
    assert readers(inbox) == ["ann@example.com", "bob@example.com"]


def test_the_page_says_to_how_many_a_broadcast_goes_and_when(client, inbox):
    client.force_login(UserFactory())
    ContactFactory.create_batch(3, attributes={"plan": "pro"})
    ContactFactory()
    for config, words in (
        ({}, "The broadcast goes to 3 people, at once."),
        ({"at": "2099-12-24T18:00", "zone": "Europe/Paris"},
         "The broadcast goes to 3 people, on Thu 24 Dec 2099, 18:00 (Europe/Paris)."),
    ):  # fmt: skip
        campaign = draft(Trigger(kind="broadcast", config=config, filter=PRO))
        page = client.get(reverse("admin:campaigns_campaign_activate", args=[campaign.pk])).content.decode()
        assert words in page and "Nobody comes in for what they did before" not in page
