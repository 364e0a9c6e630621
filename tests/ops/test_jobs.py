import datetime as dt
import threading

import pytest
from django.db import OperationalError, connection

from contacts.models import Tag
from ops import jobs
from ops.models import Job, User

NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def kind(monkeypatch):
    """Registers a kind of job for the length of a test."""
    monkeypatch.setattr(jobs.kinds, "_items", {})

    def register(step, key="tags"):
        return jobs.register(key, "Make tags", step)

    return register


def ten_tags(job, now):
    """Makes tags 1 to 10, four at a time."""
    done = job.cursor.get("done", 0)
    numbers = range(done + 1, min(done + 4, 10) + 1)
    Tag.objects.bulk_create(Tag(name=f"{job.pk}-{number}") for number in numbers)
    job.cursor, job.done, job.total = {"done": numbers[-1]}, numbers[-1], 10
    job.result = f"{job.done} tags were made."
    return job.done == 10


def test_a_job_runs_batch_by_batch_to_its_end(kind):
    kind(ten_tags)
    ann = User.objects.create_user("ann")
    job = jobs.start("tags", "", {"a": 1}, ann, NOW)
    assert (job.title, job.state, job.created_by, job.created_at) == ("Make tags", "ready", ann, NOW)
    assert jobs.run_due(NOW, seconds=0) == 0
    assert jobs._run_one(NOW)
    job.refresh_from_db()
    assert (job.state, job.done, job.total) == ("running", 4, 10) and job.due_at
    assert jobs.run_due(NOW) == 2
    job.refresh_from_db()
    assert (job.state, job.done, job.result, job.finished_at) == ("done", 10, "10 tags were made.", NOW)
    assert Tag.objects.count() == 10 and jobs.run_due(NOW) == 0


def test_a_job_of_an_unknown_kind_is_refused(kind):
    with pytest.raises(LookupError, match="nonsense"):
        jobs.start("nonsense", "", {}, None, NOW)


def test_a_job_is_not_begun_before_it_is_due(kind):
    kind(ten_tags)
    jobs.start("tags", "", {}, None, NOW)
    assert not jobs.is_due(NOW - dt.timedelta(seconds=1)) and jobs.run_due(NOW - dt.timedelta(seconds=1)) == 0
    assert jobs.is_due(NOW)


def test_cancelling_stops_after_the_batch_in_hand(kind):
    kind(ten_tags)
    job = jobs.start("tags", "", {}, None, NOW)
    jobs._run_one(NOW)
    assert jobs.cancel(job.pk)
    jobs.run_due(NOW)
    job.refresh_from_db()
    assert (job.state, job.done, job.due_at) == ("cancelled", 4, None) and Tag.objects.count() == 4
    assert not jobs.cancel(job.pk)


def test_a_job_may_be_cancelled_before_it_began(kind):
    kind(ten_tags)
    job = jobs.start("tags", "", {}, None, NOW)
    jobs.cancel(job.pk)
    jobs.run_due(NOW)
    job.refresh_from_db()
    assert job.state == "cancelled" and job.result.endswith(".") and not Tag.objects.exists()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [(jobs.JobFailed("Row 5 has no e-mail."), "Row 5 has no e-mail."), (KeyError("secret"), "fault in the program")],
)
def test_a_failing_batch_leaves_nothing_half_done_and_the_others_go_on(kind, fault, sentence):
    def fail_at_the_second(job, now):
        finished = ten_tags(job, now)
        if job.done > 4:
            raise fault
        return finished

    kind(fail_at_the_second, "bad")
    kind(ten_tags)
    bad, good = jobs.start("bad", "", {}, None, NOW), jobs.start("tags", "", {}, None, NOW)
    jobs.run_due(NOW)
    bad.refresh_from_db(), good.refresh_from_db()
    assert (bad.state, bad.done, bad.due_at) == ("failed", 4, None)
    assert sentence in bad.result and "secret" not in bad.result
    assert good.state == "done" and Tag.objects.count() == 14


def test_a_fault_of_the_database_in_a_batch_fails_its_job_alone(kind):
    def twice(job, now):
        Tag.objects.create(name="same")
        Tag.objects.create(name="same")

    kind(twice)
    job = jobs.start("tags", "", {}, None, NOW)
    jobs.run_due(NOW)
    job.refresh_from_db()
    assert job.state == "failed" and not Tag.objects.exists()


def test_what_nobody_asked_for_is_forgotten_a_month_after_its_end(kind, admin_client, admin_user):
    kind(ten_tags)
    for user in (None, admin_user):
        for title, ended in (("Old", NOW), ("New", NOW + dt.timedelta(days=1)), ("Under way", None)):
            job = jobs.start("tags", f"{title} of {user or 'nobody'}", {}, user, NOW)
            if ended:
                jobs._end(job, Job.State.DONE, ended, "")
    jobs.forget_old(NOW + dt.timedelta(days=30, hours=1))
    theirs = ["New of admin", "Old of admin", "Under way of admin"]
    ours = ["New of nobody", "Under way of nobody"]
    assert sorted(Job.objects.values_list("title", flat=True)) == sorted(theirs + ours)
    for by, seen, hidden in (("people", theirs, ours), ("itself", ours, theirs)):
        page = admin_client.get(f"/ops/job/?by={by}").content.decode()
        assert all(title in page for title in seen) and not any(title in page for title in hidden)


def test_a_lost_connection_is_not_the_jobs_fault(kind):
    def lose(job, now):
        raise OperationalError("server closed the connection")

    kind(lose)
    job = jobs.start("tags", "", {}, None, NOW)
    with pytest.raises(OperationalError):
        jobs.run_due(NOW)
    job.refresh_from_db()
    assert job.state == "ready" and jobs.is_due(NOW)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_do_the_same_batch(kind):
    kind(ten_tags)
    made = [jobs.start("tags", "", {}, None, NOW) for _ in range(6)]
    faults = []

    def work():
        try:
            jobs.run_due(NOW)
        except Exception as fault:
            faults.append(fault)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    jobs.run_due(NOW)  # a worker leaves when the others hold all that is left
    assert not faults and Tag.objects.count() == 60
    assert set(Job.objects.values_list("state", flat=True)) == {"done"} and len(made) == 6
