"""Workers that call webhooks: several at once, killed in mid-call, overtaken, and calls that kill them."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings as site_settings
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from automation.call_models import Attempt, Call
from automation.models import Enrollment, Visit
from automation.webhooks import calling, claiming, deciding, forgetting, judging, settling
from ops.models import Source
from ops.work import QUEUES
from tests import engine
from tests.automation.webhooks import call, hooked
from tests.factories import NOW, UserFactory
from tests.http_receiver import Receiver as Server
from tests.http_receiver import answer, hang
from tests.processes import ROOT, database_url, kill, wait_until

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def people(db, shop):
    """`people(5)`: so many stand in the step, and their calls are due."""
    from events import recording
    from events.items import Item

    source, numbers = Source.objects.create(name="Shop"), iter(range(10_000))

    def make(count):
        items = [Item(kind="track", user_id=f"u{next(numbers)}", event="users.signed_up") for _ in range(count)]
        recording.record(source, items, NOW)
        while any(QUEUES[name].work(NOW) for name in ("changes", "enrollments")):
            pass
        return list(Call.objects.filter(state="queued"))

    return make


def expire():
    """As if the workers had died long ago."""
    Call.objects.filter(lease_until__isnull=False).update(lease_until=Now() - MINUTE)


def test_a_lost_lease_is_claimed_alone_and_three_lone_losses_park_it(shop, people):
    hooked(shop.url)
    people(2)
    assert len(claiming.claim(NOW, 10)) == 2 and claiming.claim(NOW, 10) == []
    assert claiming.take_back(NOW) == 0, "their leases still run"
    expire()
    assert claiming.is_due(NOW) and claiming.take_back(NOW) == 2
    assert claiming.claim(NOW, 10) == []
    Call.objects.filter(pk=Call.objects.latest("pk").pk).update(due_at=NOW + MINUTE)
    for losses in (0, 1, 2):
        [row] = claiming.claim_alone(NOW)
        assert row.losses == losses
        expire(), claiming.take_back(NOW)
    row.refresh_from_db()
    assert (row.state, row.due_at, row.losses) == ("parked", None, 3) and row.reason
    assert row.attempts.count() == 4 and row.attempts.last().next_at is None
    engine.run(NOW + MINUTE)
    assert len(shop.got) == 1, "the other one arrived"
    assert Enrollment.objects.get(pk=row.enrollment_id).state == "held"


def test_a_person_releases_or_discards_what_was_parked(shop, people):
    hooked(shop.url)
    first, second = people(2)
    Call.objects.update(state="parked", due_at=None)
    assert deciding.release(Call.objects.filter(pk=first.pk), UserFactory(), NOW) == 1
    assert deciding.discard(Call.objects.all(), UserFactory(), NOW) == 1
    engine.run(NOW)
    arms = dict(Visit.objects.filter(step_uid="hook").values_list("enrollment_id", "arm"))
    assert arms == {first.enrollment_id: "done", second.enrollment_id: "failed"}
    assert [got.headers["webhook-id"] for got in shop.got] == [first.webhook_id]


def test_a_failed_call_can_be_made_again_and_moves_nobody(shop, people):
    shop.answers = [answer(404), answer(200, {"late": 1})]
    hooked(shop.url)
    people(1)
    engine.run(NOW)
    assert call().state == "failed" and Enrollment.objects.get().state == "finished"
    assert deciding.again(Call.objects.all(), UserFactory(), NOW + DAY) == 1
    engine.run(NOW + DAY)
    assert call().state == "done" and len({got.body for got in shop.got}) == 1 and len(shop.got) == 2
    assert "webhook" not in Enrollment.objects.get().data and call().attempts.count() == 2
    assert deciding.again(Call.objects.all(), UserFactory(), NOW + DAY) == 0, "it has succeeded"


def test_a_worker_that_comes_back_from_the_dead_changes_nothing(shop, people):
    hooked(shop.url)
    people(1)
    [stale] = claiming.claim(NOW, 1)
    _, ready, _ = calling.prepare([stale], NOW)
    expire(), claiming.take_back(NOW)
    assert settling.begin(ready) == [], "it does not even call"
    settling.settle([judging.Result(stale, "failed", "Too late.", NOW)], NOW)
    assert call().state == "queued" and Enrollment.objects.get().state == "held"
    engine.run(NOW)
    assert call().state == "done" and len(shop.got) == 1


def test_who_leaves_while_called_is_not_woken(shop, people):
    hooked(shop.url)
    people(1)
    [row] = claiming.claim(NOW, 1)
    from automation.enrolling import leave

    leave([row.enrollment_id], "archived", "The campaign was archived.", NOW)
    settling.settle([judging.Result(row, "done", "Answered.", NOW, answer={"a": 1})], NOW)
    assert call().state == "cancelled" and Enrollment.objects.get().state == "exited"
    assert Enrollment.objects.get().data == {} and Attempt.objects.count() == 1, "that it was made is told"


def test_who_was_moved_elsewhere_is_not_called(shop, people):
    hooked(shop.url)
    people(1)
    Visit.objects.update(left_at=NOW)
    engine.run(NOW)
    assert call().state == "cancelled" and not shop.got


def test_the_number_of_queries_does_not_grow_with_the_batch(shop, people, settings):
    settings.WEBHOOK_CONNECTIONS = 64
    hooked(shop.url, body='{"mail": {{ contact.email | default: "" }}, "tags": {{ contact.tags }}}')
    people(1)
    engine.run(NOW)

    def spent(count):
        with CaptureQueriesContext(connection) as entering:
            people(count)
        with CaptureQueriesContext(connection) as captured:
            claimed = claiming.claim(NOW, 64)
            results, ready, writer = calling.prepare(claimed, NOW)
            assert len(settling.begin(ready)) == count and not results
            settling.settle([judging.Result(row, "done", "Answered.", NOW, answer={}) for row in claimed], NOW)
        del entering
        return len(captured)

    assert spent(30) == spent(1)


def test_entering_the_step_takes_as_many_queries_for_thirty_as_for_two(shop, people):
    hooked(shop.url)
    people(1)
    found = []
    for count in (2, 30):
        with CaptureQueriesContext(connection) as captured:
            people(count)
        found.append(sum("automation_call" in one["sql"] or "automation_receiver" in one["sql"] for one in captured))
    assert found[0] == found[1] > 0


def test_what_comes_due_while_another_hangs_does_not_wait_for_it(shop, people):
    with Server() as dead:
        dead.answers = [hang]
        first, second = hooked(dead.url, timeout=3), hooked(shop.url)
        people(1)
        Call.objects.filter(campaign=second).update(due_at=NOW + timedelta(seconds=1))
        calling.call_due(NOW)
        waited = shop.got[0].at - dead.got[0].at
    assert 0.5 < waited < 2.5 and Call.objects.get(campaign=first).state == "queued"


def test_the_database_refuses_a_second_call_of_a_visit_and_a_lease_without_its_end(shop, people):
    hooked(shop.url)
    [row] = people(1)
    twin = {"enrollment_id": row.enrollment_id, "campaign_id": row.campaign_id, "receiver_id": row.receiver_id}
    with pytest.raises(IntegrityError, match="called_once_per_visit"), transaction.atomic():
        Call.objects.create(**twin, step_uid="hook", config={}, answer_name="a", due_at=NOW)
    for wrong in ({"state": "leased"}, {"due_at": None}, {"state": "done", "due_at": None}, {"settled_at": NOW}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Call.objects.filter(pk=row.pk).update(**wrong)


def test_what_was_sent_is_forgotten_after_ninety_days(shop, people):
    shop.answers = [answer(200, {"secret": "x"})]
    hooked(shop.url)
    people(1)
    engine.run(NOW)
    forgetting.forget_old(NOW + 89 * DAY)
    assert call().body and call().attempts.get().excerpt
    forgetting.forget_old(NOW + 91 * DAY)
    assert not call().body and not call().url and not call().attempts.get().excerpt and call().status == 200


def in_thread(work):
    try:
        return work()
    finally:
        connections.close_all()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_make_every_call_once(shop, people):
    hooked(shop.url)
    calls = people(60)
    work = lambda: sum(iter(lambda: calling.call_due(NOW), 0))  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(in_thread, work) for _ in range(2)]:
            task.result(60)
    engine.run(NOW)
    assert Counter(got.headers["webhook-id"] for got in shop.got) == {row.webhook_id: 1 for row in calls}
    assert set(Call.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_mid_call_leaves_a_call_that_is_made_again_under_its_id(shop, people):
    shop.answers = [hang, answer(200, {"made": True})]
    hooked(shop.url, timeout=30)
    people(1)
    env = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    env |= {"SECRET_KEY": site_settings.SECRET_KEY, "LOG_LEVEL": "ERROR"}
    worker = subprocess.Popen([sys.executable, "-m", "tests.automation.dying_caller"], cwd=ROOT, env=env)
    try:
        wait_until(lambda: shop.got, 60, "a call that hangs")
    finally:
        kill(worker.pid)
        worker.wait()
    assert call().state == "leased" and claiming.take_back(NOW) == 0, "its lease still runs"
    expire()
    engine.run(NOW)
    first, second = shop.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"] and first.body == second.body
    assert call().state == "done" and "worker died" in call().attempts.first().outcome
    assert Enrollment.objects.get().data["webhook"] == {"provision": {"made": True}}
