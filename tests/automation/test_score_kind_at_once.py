"""Steps that change scores beside a pipeline that works on the same people: once each, and nobody waits in a circle."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic

import pytest
from django.db import connections

from automation.advancing import advance
from automation.models import Enrollment
from campaigns.linear import Row
from contacts.models import Change
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from scoring.models import Score, ScoreChange
from tests.factories import NOW, CampaignFactory
from tests.scoring.building import made, on

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE, SECOND = 120, timedelta(seconds=1)


def happens(source, event, numbers):
    items = [Item(kind="track", user_id=f"u{n}", event=event, properties={"order_id": "a"}) for n in numbers]
    recording.record(source, items, NOW)


def until_done(work):
    """Work as a worker does, a second later each round, until nothing is left to anybody."""
    now, ends = NOW, monotonic() + 60
    try:
        while monotonic() < ends and (Change.objects.exists() or Enrollment.objects.filter(state="active").exists()):
            work(now)
            now += SECOND
    finally:
        connections.close_all()


def test_points_are_given_once_while_the_same_people_go_on_doing_things():
    made(rules=[on("order.completed", 1, at_most=1000)])
    give = {"model": "lead", "effect": "add", "points": 10}
    rows = [Row(uid=f"s{n}", action="score", score=give) for n in range(3)]
    # Each repeat writes to the enrollment in the contact's lane, while steps hold enrollments and want lanes.
    CampaignFactory(event="order.completed", rows=rows, entry_key="order_id", on_repeat="refresh")
    source = Source.objects.create(name="Shop")
    happens(source, "order.completed", range(PEOPLE))
    pipeline.drain(NOW)
    for _ in range(3):
        happens(source, "order.completed", range(PEOPLE))
    with ThreadPoolExecutor(4) as workers:
        jobs = [workers.submit(until_done, work) for work in (advance, advance, pipeline.drain, pipeline.drain)]
        for job in jobs:
            job.result(timeout=90)
    assert not Enrollment.objects.filter(state="active").exists()
    assert ScoreChange.objects.filter(cause="step").count() == 3 * PEOPLE
    assert set(Score.objects.values_list("points", flat=True)) == {4 + 30}
    assert Score.objects.count() == PEOPLE
