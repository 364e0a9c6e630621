"""Schedules and broadcasts: each run once, made up for after an outage, over a segment or everybody who fits."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse

from automation import entering, letting_in, timing
from automation.enrolling import Start
from automation.models import Enrollment, Refusal, Timer
from automation.timing import begun_by_resuming
from campaigns import lifecycle
from campaigns.document import Reentry, Trigger
from campaigns.linear import Row
from campaigns.resuming import Resumption
from ops import jobs
from ops.models import Job
from segments import defining
from segments.models import Segment
from tests import engine
from tests.campaigns.typing_in import browser
from tests.factories import NOW, CampaignFactory, ContactFactory, TemplateFactory, UserFactory, site

pytestmark = pytest.mark.django_db
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DAILY = {"every": "day", "at": "10:00", "zone": "Europe/Berlin"}
PRO = {"field": "contact.plan", "op": "is", "value": "pro"}
AGAIN = Reentry(mode="every_time")


def at(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def campaign(kind, config, **more):
    trigger = Trigger(kind=kind, config=config, filter=more.pop("filter", None))
    made = CampaignFactory(triggers=[trigger], **more)
    engine.run(NOW)
    return made


def readers(inbox):
    return sorted(mail.recipient for mail in inbox.accepted)


def pros():
    made = defining.save(Segment(name="Pros", condition=PRO), UserFactory(), NOW)
    engine.run(NOW)
    return made


def test_every_few_hours_it_runs_and_says_once_a_day_why_somebody_is_not_taken_in_again(inbox):
    ContactFactory(email="ann@example.com")
    campaign("schedule", {"every": "hours", "hours": 3, "at": "10:00"})
    for hour in (10, 13, 16, 19):
        engine.run(at(2026, 3, 2, hour))
    assert readers(inbox) == ["ann@example.com"]
    assert Job.objects.filter(kind=letting_in.KIND).count() == 4
    assert [row.reason for row in Refusal.objects.all()] == ["once"]
    engine.run(at(2026, 3, 3, 1))
    assert Refusal.objects.count() == 2


def test_who_comes_by_a_run_just_as_it_is_paused_is_let_in_by_resuming_and_never_again_by_that_run(inbox):
    ann = ContactFactory(email="ann@example.com")
    made = lifecycle.pause(campaign("schedule", DAILY, reentry=AGAIN), None, NOW)
    run = at(2026, 3, 3, 9)
    by_run = [Start(ann.pk, run, uuid4(), told_as=uuid4())]
    entering.enter_starts(made.pk, by_run, run, lambda document: document.triggers)
    lifecycle.resume(made, None, run, Resumption(enter=True))
    for _ in range(2):
        engine.run(run + MINUTE)
        entering.enter_starts(made.pk, by_run, run + MINUTE, lambda document: document.triggers)
    assert readers(inbox) == ["ann@example.com"] and Enrollment.objects.count() == 1


def test_every_day_the_members_of_a_segment_come_in(inbox):
    for name, plan in (("ann", "pro"), ("bob", "free")):
        ContactFactory(email=f"{name}@example.com", attributes={"plan": plan})
    campaign("schedule", {**DAILY, "segment": pros().pk}, reentry=AGAIN)
    engine.run(at(2026, 3, 3, 8, 59))
    assert readers(inbox) == []
    for day in (3, 4):
        engine.run(at(2026, 3, day, 9))
    assert readers(inbox) == ["ann@example.com"] * 2
    assert set(Job.objects.filter(kind=letting_in.KIND).values_list("result", flat=True)) == {"1 person entered."}


def test_over_everybody_whom_the_filters_let_in_and_nothing_is_noted_about_the_rest(inbox):
    for plan, country in (("pro", "fr"), ("free", "fr"), ("pro", "de")):
        ContactFactory(email=f"{plan}-{country}@example.com", attributes={"plan": plan, "country": country})
    campaign("schedule", DAILY, filter=PRO, audience={"field": "contact.country", "op": "is", "value": "fr"})
    engine.run(at(2026, 3, 3, 9))
    assert readers(inbox) == ["pro-fr@example.com"] and not Refusal.objects.exists()
    engine.run(at(2026, 3, 4, 9))
    assert Refusal.objects.get().reason == "once" and len(inbox.accepted) == 1


@pytest.mark.parametrize("down, entered", [(timedelta(hours=23), 1), (timedelta(days=4, hours=5), 1)])
def test_runs_missed_in_an_outage_are_made_up_for_once(inbox, down, entered):
    ContactFactory(email="ann@example.com")
    campaign("schedule", DAILY, reentry=AGAIN)
    engine.run(at(2026, 3, 3, 9) + down)
    assert Enrollment.objects.count() == entered
    assert Timer.objects.get().due_at > at(2026, 3, 3, 9) + down


def test_a_run_older_than_a_day_is_not_made_up_for(inbox):
    ContactFactory(email="ann@example.com")
    campaign("schedule", {"every": "month", "day": 3, "at": "09:00"}, reentry=AGAIN)
    engine.run(at(2026, 3, 4, 9, 1))
    assert readers(inbox) == [] and Timer.objects.get().due_at == at(2026, 4, 3, 9)


def test_what_a_pause_missed_is_not_made_up_for(inbox):
    ContactFactory(email="ann@example.com")
    made = lifecycle.pause(campaign("schedule", DAILY, reentry=AGAIN), None, NOW)
    engine.run(at(2026, 3, 3, 9))
    lifecycle.resume(made, None, at(2026, 3, 3, 12))
    engine.run(at(2026, 3, 3, 12))
    assert readers(inbox) == []
    engine.run(at(2026, 3, 4, 9))
    assert readers(inbox) == ["ann@example.com"]


def test_what_came_while_nobody_was_let_in_lets_nobody_in_once_the_campaign_is_open_again(inbox):
    ContactFactory(email="ann@example.com")
    made = lifecycle.drain(campaign("schedule", DAILY, reentry=AGAIN), None, NOW)
    engine.run(at(2026, 3, 3, 9))
    lifecycle.reopen(made, None, at(2026, 3, 3, 12))
    engine.run(at(2026, 3, 3, 12))
    assert readers(inbox) == [] and Timer.objects.get().due_at == at(2026, 3, 4, 9)
    engine.run(at(2026, 3, 4, 9))
    assert readers(inbox) == ["ann@example.com"]


def test_another_time_zone_of_the_site_moves_the_next_run():
    campaign("schedule", {"every": "day", "at": "10:00"})
    site(timezone="Asia/Tokyo")
    timing.follow_zone(NOW)
    assert Timer.objects.get().due_at == at(2026, 3, 3, 1)


def test_a_broadcast_reaches_each_member_once_when_it_is_activated(inbox):
    for name, plan in (("ann", "pro"), ("bob", "free"), ("cid", "pro")):
        ContactFactory(email=f"{name}@example.com", attributes={"plan": plan})
    made = campaign("broadcast", {"segment": pros().pk}, reentry=AGAIN)
    assert readers(inbox) == ["ann@example.com", "cid@example.com"]
    draft = lifecycle.parse(made.draft)
    draft.triggers[0].config = {}  # to everybody, after all
    made = lifecycle.save_draft(made, draft, made.revision, None, NOW)
    from campaigns.publishing import publish

    publish(made, None, NOW)
    engine.run(NOW)
    assert readers(inbox) == ["ann@example.com", "bob@example.com", "cid@example.com"]


def test_a_broadcast_goes_out_at_its_time(inbox):
    ContactFactory(email="ann@example.com")
    campaign("broadcast", {"at": "2026-03-05T09:00", "zone": "America/New_York"})
    engine.run(at(2026, 3, 5, 13, 59))
    assert readers(inbox) == []
    engine.run(at(2026, 3, 5, 14))
    engine.run(at(2026, 3, 6))
    assert readers(inbox) == ["ann@example.com"]


def test_a_broadcast_whose_hour_came_in_a_pause_is_told_before_it_goes(inbox, monkeypatch):
    ContactFactory(email="ann@example.com", attributes={"plan": "pro"})
    ContactFactory()
    made = campaign("broadcast", {"at": "2026-03-05T09:00", "segment": pros().pk})
    lifecycle.pause(made, None, NOW)
    later = at(2026, 3, 7, 9)
    engine.run(later)
    monkeypatch.setattr("lib.clock.now", lambda: later)
    page = browser("Publisher").get(reverse("admin:campaigns_campaign_resume", args=[made.pk])).content.decode()
    said = "The broadcast, which was due on Thu 5 Mar 2026, 09:00 (UTC), goes to 1 person as soon as you resume."
    assert said in page and begun_by_resuming(made, at(2026, 3, 4)) == []
    lifecycle.resume(made, None, later)
    engine.run(later)
    assert readers(inbox) == ["ann@example.com"]


def test_a_broadcast_whose_hour_came_while_nobody_was_let_in_does_not_go_out_unasked(inbox):
    ContactFactory(email="ann@example.com")
    made = lifecycle.drain(campaign("broadcast", {"at": "2026-03-05T09:00"}), None, NOW)
    engine.run(at(2026, 3, 5, 9))
    lifecycle.reopen(made, None, at(2026, 3, 5, 10))
    engine.run(at(2026, 3, 5, 10))
    assert readers(inbox) == [] and Timer.objects.get().due_at is None


def test_it_can_be_cancelled_half_way_and_waits_while_the_campaign_is_paused(inbox, monkeypatch):
    monkeypatch.setattr(letting_in, "AT_ONCE", 2)
    people = ContactFactory.create_batch(5)
    trigger = Trigger(kind="broadcast", config={"at": "2026-03-05T09:00"})
    made = CampaignFactory(triggers=[trigger], rows=[Row(wait_amount=1, template=TemplateFactory().pk)])
    now = at(2026, 3, 5, 9)
    assert timing.work(now) and jobs._run_one(now)
    job = Job.objects.get(kind=letting_in.KIND)
    assert (job.done, job.total, Enrollment.objects.count()) == (2, 5, 2)
    lifecycle.pause(made, None, now)
    assert begun_by_resuming(made, now) == [f"Send the broadcast “{made}”: it goes on, with 2 of 5 people so far."]
    assert jobs._run_one(now) and not jobs._run_one(now) and Enrollment.objects.count() == 2
    lifecycle.resume(made, None, now)
    assert jobs._run_one(now + timedelta(minutes=1)) and Enrollment.objects.count() == 4
    jobs.cancel(job.pk)
    engine.run(now + timedelta(minutes=3))
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED and job.result == "4 people entered."
    assert Enrollment.objects.count() == 4 and len(people) == 5


def test_many_begin_spread_over_a_quarter_of_an_hour(monkeypatch):
    monkeypatch.setattr(letting_in, "MANY", 10)
    ContactFactory.create_batch(40)
    made = CampaignFactory(triggers=[Trigger(kind="broadcast")])
    timing.work(NOW)
    jobs._run_one(NOW)
    due = list(Enrollment.objects.filter(campaign=made).order_by("due_at").values_list("due_at", flat=True))
    assert len(due) == 40 and len(set(due)) > 20
    assert due[0] >= NOW and due[-1] < NOW + timedelta(minutes=15)


@pytest.mark.django_db(transaction=True)
def test_two_workers_run_it_once():
    site()
    ContactFactory.create_batch(3)
    CampaignFactory(triggers=[Trigger(kind="schedule", config=DAILY)], reentry=AGAIN)
    moment, gate = at(2026, 3, 3, 9), threading.Barrier(2)

    def work():
        gate.wait(10)
        for _ in range(3):
            timing.work(moment)
            jobs.run_due(moment, 1)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    jobs.run_due(moment, 2)
    assert Job.objects.filter(kind=letting_in.KIND).count() == 1
    assert Enrollment.objects.count() == 3
