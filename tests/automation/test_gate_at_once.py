"""A gate with several workers at it: never more inside than places, and nobody forgotten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import monotonic, sleep

import pytest
from django.db import connection, connections, transaction

from automation import enrolling, gates
from automation.advancing import advance
from automation.gate_models import Place
from automation.models import Enrollment
from events import pipeline
from tests.automation.flows import flow, happens, step
from tests.automation.test_gate import INSIDE
from tests.factories import NOW

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PLACES, PEOPLE, MINUTE = 20, 300, timedelta(minutes=1)
began = monotonic()


def until_done(work):
    """A second of ours is twenty minutes of theirs, the same for every worker."""
    try:
        while monotonic() < began + 40 and Enrollment.objects.active().exists():
            work(NOW + (monotonic() - began) * 20 * MINUTE)
            sleep(0.01)
    finally:
        connections.close_all()


def watch(done: Event) -> int:
    """The most that were ever seen inside."""
    most = 0
    try:
        while not done.is_set():
            with connection.cursor() as cursor:
                cursor.execute(INSIDE)
                most = max(most, cursor.fetchone()[0])
            sleep(0.005)
    finally:
        connections.close_all()
    return most


def take_some_out(now) -> None:
    """A person, in between: one who waits and one who is inside."""
    sleep(0.3)
    with transaction.atomic():
        _take_some_out(now)


def _take_some_out(now) -> None:
    for state in ("waiting", "inside"):
        row = Place.objects.filter(state=state, enrollment__left_at=None).order_by("?").first()
        if row:
            enrolling.leave([row.enrollment_id], "test", "Taken out.", now)


def test_several_workers_never_let_in_more_than_there_are_places():
    global began
    inside = step("inside", "wait", {"amount": 2, "unit": "minutes"})
    flow(step("gate", "gate", {"places": PLACES}, "inside"), inside)
    happens([f"u{number}" for number in range(PEOPLE)])
    while pipeline.drain(NOW):
        pass
    done, began = Event(), monotonic()
    with ThreadPoolExecutor(6) as workers:
        watcher = workers.submit(watch, done)
        works = (advance, advance, gates.admit, gates.admit, take_some_out)
        jobs = [workers.submit(until_done, work) for work in works]
        try:
            for job in jobs:
                job.result(timeout=60)
        finally:
            done.set()
        most = watcher.result()
    assert 0 < most <= PLACES
    left = Enrollment.objects.exclude(state="finished")
    assert not Enrollment.objects.active().exists() and set(left.values_list("reason", flat=True)) <= {"test"}
    assert not gates.is_due(NOW)
