"""Recomputing over the API, in the background; and what several ask for at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from lib import clock
from ops import jobs
from ops.models import Job
from scoring import recomputing
from scoring.models import ScoreChange, ScoreModel
from tests.api.scores import near
from tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


# --- recomputing ---


def work():
    while jobs.run_due(clock.now()):
        pass


def test_scores_are_recomputed_in_the_background(api, ann, lead):
    assert api.get("/api/scores/lead/recompute/").json() == {
        "job": None, "state": "none", "progress": None, "result": "", "started_at": None, "finished_at": None,
    }  # fmt: skip
    ScoreChange.objects.filter(event_id__isnull=False).delete()
    assert near(api.get(f"/api/scores/lead/contacts/{ann}/").json()["points"], 20)
    asked = api.post("/api/scores/lead/recompute/")
    assert asked.status_code == 202 and (asked.json()["state"], asked.json()["progress"]) == ("ready", 0)
    work()
    done = api.get("/api/scores/lead/recompute/").json()
    assert (done["job"], done["state"], done["progress"]) == (asked.json()["job"], "done", None) and done["finished_at"]
    assert near(api.get(f"/api/scores/lead/contacts/{ann}/").json()["points"], 80)
    assert api.get("/api/scores/lead/").json()["recomputed_at"]


def test_asking_twice_answers_with_the_one_under_way(api, ann, monkeypatch):
    monkeypatch.setattr(recomputing, "AT_ONCE", 1)
    ContactFactory()
    first = api.post("/api/scores/lead/recompute/").json()
    for _ in range(2):  # the barrier, the first of two contacts
        jobs._run_one(clock.now())
    again = api.post("/api/scores/lead/recompute/")
    assert (again.status_code, again.json()["job"], again.json()["state"]) == (202, first["job"], "running")
    assert again.json()["progress"] == 50
    jobs.cancel(first["job"])
    work()
    stopped = api.get("/api/scores/lead/recompute/").json()
    assert stopped["state"] == "cancelled" and stopped["result"].startswith("Cancelled")
    assert api.post("/api/scores/lead/recompute/").json()["job"] != first["job"]


def test_a_model_whose_rules_were_changed_says_that_it_is_being_worked_out(api, ann, lead):
    ScoreModel.objects.filter(pk=lead.pk).update(edition=2)
    model = ScoreModel.objects.get(pk=lead.pk)
    job = recomputing.start(model, None, clock.now())
    shown = api.get("/api/scores/lead/").json()
    assert (shown["state"], shown["progress"], shown["fault"]) == ("working_out", 0, "")
    jobs.cancel(job.pk)
    work()
    shown = api.get("/api/scores/lead/").json()
    assert (shown["state"], shown["progress"]) == ("stopped", None) and shown["fault"].startswith("Cancelled")
    api.post("/api/scores/lead/recompute/")
    work()
    assert api.get("/api/scores/lead/").json()["state"] == "settled"


# --- at once ---


def at_once(times, ask):
    """The answers to the same request, sent by so many threads at the same moment."""
    ready = Barrier(times)

    def one(_):
        ready.wait()
        try:
            return ask()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


@pytest.mark.django_db(transaction=True)
def test_an_id_sent_by_several_at_once_counts_once(api, lead):
    who = ContactFactory().pk
    body = {"effect": "add", "points": 10, "id": "call-1"}
    answers = at_once(4, lambda: api.post(f"/api/scores/lead/contacts/{who}/", body).json())
    assert sorted(answer["changed"] for answer in answers) == [False, False, False, True]
    assert [answer["points"] for answer in answers] == [10] * 4


@pytest.mark.django_db(transaction=True)
def test_several_who_recompute_at_once_share_one_job(api, lead):
    answers = at_once(4, lambda: api.post("/api/scores/lead/recompute/").json())
    assert len({answer["job"] for answer in answers}) == Job.objects.count() == 1
