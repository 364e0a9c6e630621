"""Workers that push: several at once, killed in mid-call, overtaken; and what a batch costs."""

import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings as site_settings
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from automation.models import Enrollment, Visit
from automation.webhooks.settling import wake
from contacts.models import Contact
from integrations import claiming, judging, pushing, settling
from integrations.models import Connection, Push, Record
from ops.work import QUEUES
from tests import engine
from tests.automation.flows import happens
from tests.factories import NOW
from tests.http_receiver import hang
from tests.integrations import building
from tests.integrations.building import push
from tests.processes import ROOT, database_url, kill, wait_until

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def people(db, hubspot):
    """`people(5)`: so many more stand in the step, and are due to be pushed."""
    numbers = iter(range(10_000))

    def make(count):
        happens([f"u{next(numbers)}" for _ in range(count)])
        while any(QUEUES[name].work(NOW) for name in ("changes", "enrollments")):
            pass
        return list(Push.objects.filter(state="queued"))

    return make


def pushed(hubspot) -> Counter:
    return Counter(one["id"] for got in hubspot.writes for one in got.json["inputs"])


def test_a_batch_of_two_hundred_takes_as_many_queries_as_one_person(hubspot, people):
    mapping = [
        *building.NAMES,
        {"field": "contact.tags", "property": "tags"},
        {"field": "contact.x", "property": "plan"},
    ]
    building.pushing(building.connection(mapping=mapping), {"last_plan": "{{ contact.email }}"}, mails=False)
    people(1)
    engine.run(NOW)

    def spent(count):
        people(count)
        with CaptureQueriesContext(connection) as captured:
            claimed = claiming.claim(NOW)
            results, parcel = pushing.prepare(claimed, NOW)
            assert len(claimed) == len(parcel.rows) == min(count, 100) and not results
            said = parcel.connector.push(parcel.account, parcel.rows, pushing.door(NOW))
            settling.settle(pushing.results_of(parcel, said, NOW), NOW)
        return len(captured)

    assert spent(1) == spent(200) < 40
    engine.run(NOW)
    assert len(hubspot.records) == 202 and set(pushed(hubspot).values()) == {1}
    assert max(len(got.json["inputs"]) for got in hubspot.writes) == 100


@pytest.mark.parametrize("off", ["hashjoin", "mergejoin", "nestloop", "hashjoin = off; SET LOCAL enable_hashagg"])
def test_however_the_database_plans_it_a_batch_is_no_larger_than_the_crm_takes(hubspot, people, off):
    building.pushing(building.connection(), mails=False)
    people(130)
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_{off} = off; SET LOCAL enable_material = off")
    assert len(claiming.claim(NOW)) == 100


def test_entering_the_step_takes_as_many_queries_for_two_hundred_as_for_two(hubspot, people):
    building.pushing(building.connection(state="paused", paused_at=NOW), mails=False)
    people(2)
    found = []
    for count in (2, 200):
        with CaptureQueriesContext(connection) as captured:
            people(count)
        found.append(sum("integrations_" in one["sql"] for one in captured))
    assert found[0] == found[1] > 0


def test_a_worker_that_comes_back_from_the_dead_changes_nothing_but_what_the_crm_knows(hubspot, people):
    building.pushing(building.connection(), mails=False)
    people(1)
    [stale] = claiming.claim(NOW)
    Push.objects.update(lease_until=Now() - MINUTE)
    claiming.take_back(NOW)
    late = judging.Result(stale, "done", "Too late.", external_id="9")
    settling.settle([late], NOW)
    assert push().state == "queued" and Enrollment.objects.get().state == "held"
    assert Record.objects.get().external_id == "9", "the record is there, whoever wrote it"
    hubspot.records["9"] = {"email": "u0@example.com"}
    engine.run(NOW)
    assert push().state == "done" and list(hubspot.records) == ["9"]


def test_who_leaves_while_written_is_not_woken(hubspot, people):
    from automation.enrolling import leave

    building.pushing(building.connection(), mails=False)
    people(1)
    [row] = claiming.claim(NOW)
    leave([row.enrollment_id], "archived", "The campaign was archived.", NOW)
    settling.settle([judging.Result(row, "done", "Written.", external_id="5")], NOW)
    wake([row], NOW)
    assert push().state == "cancelled" and Enrollment.objects.get().state == "exited" and Record.objects.exists()


def test_who_was_moved_elsewhere_is_not_written(hubspot, people):
    building.pushing(building.connection(), mails=False)
    people(1)
    Visit.objects.update(left_at=NOW)
    engine.run(NOW)
    assert push().state == "cancelled" and not hubspot.got


def test_a_crm_that_hangs_holds_up_no_other(hubspot, people, monkeypatch):
    monkeypatch.setattr("integrations.hubspot.connector.SECONDS", 2)
    slow, quick = building.connection("Slow"), building.connection("Quick")
    building.pushing(slow, mails=False)
    building.pushing(quick, name="Other", mails=False)
    people(3)
    hubspot.faults = [hang]
    began = time.monotonic()
    pushing.push_due(NOW)
    assert Counter(Push.objects.values_list("connection__name", "state")) == {
        ("Slow", "queued"): 3, ("Quick", "done"): 3
    } or Counter(Push.objects.values_list("connection__name", "state")) == {
        ("Slow", "done"): 3, ("Quick", "queued"): 3
    }  # fmt: skip
    first, second = hubspot.writes
    assert second.at - first.at < 1.5 < time.monotonic() - began
    assert Connection.objects.exclude(rests_until=None).count() == 1


def test_the_database_refuses_a_second_push_of_a_visit_and_a_lease_without_its_end(hubspot, people):
    building.pushing(building.connection(), mails=False)
    [row] = people(1)
    twin = {name: getattr(row, name) for name in ("key", "connection_id", "contact_id", "enrollment_id", "campaign_id")}
    with pytest.raises(IntegrityError, match="key"), transaction.atomic():
        Push.objects.create(**twin, step_uid="crm", due_at=NOW)
    for wrong in ({"state": "leased"}, {"due_at": None}, {"state": "done", "due_at": None}, {"settled_at": NOW}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Push.objects.filter(pk=row.pk).update(**wrong)


def in_thread(work):
    try:
        return work()
    finally:
        connections.close_all()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_workers_write_everybody_once_and_one_batch_at_a_time(hubspot, people, monkeypatch):
    from integrations.hubspot.connector import HubSpot

    monkeypatch.setattr(HubSpot, "batch", 7)
    building.pushing(building.connection(), mails=False)
    people(60)
    work = lambda: sum(iter(lambda: pushing.push_due(NOW), 0))  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        for task in [pool.submit(in_thread, work) for _ in range(2)]:
            task.result(60)
    engine.run(NOW)
    assert set(pushed(hubspot).values()) == {1} and len(hubspot.records) == 60
    assert hubspot.most_at_once == 1 and set(Push.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_mid_call_leaves_a_push_that_is_written_again_as_one_record(hubspot, people):
    hubspot.faults = [hang]
    building.pushing(building.connection(), mails=False)
    people(1)
    env = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
    env |= {"SECRET_KEY": site_settings.SECRET_KEY, "LOG_LEVEL": "ERROR"}
    worker = subprocess.Popen([sys.executable, "-m", "tests.integrations.dying_pusher", hubspot.url], cwd=ROOT, env=env)
    try:
        wait_until(lambda: hubspot.got, 60, "a call that hangs")
    finally:
        kill(worker.pid)
        worker.wait()
    assert push().state == "leased" and claiming.take_back(NOW) == 0, "its lease still runs"
    Push.objects.update(lease_until=Now() - MINUTE)
    engine.run(NOW)
    first, second = hubspot.writes
    assert first.json["inputs"][0]["id"] == second.json["inputs"][0]["id"] and len(hubspot.records) == 1
    assert push().state == "done" and Contact.objects.get().crm_records.get().external_id == "501"
