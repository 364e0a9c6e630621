"""People come to a step that waits while what it waits for happens, on several connections: nobody misses it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from automation.advancing import advance
from automation.models import Enrollment, Visit
from campaigns import lifecycle
from campaigns.document import Document, StepDoc, Trigger
from events import pipeline, recording
from events.items import Item
from ops.models import Source
from tests.factories import NOW, TemplateFactory, site

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE, HOUR = 240, timedelta(hours=1)


def happens(source, event, numbers, at):
    recording.record(source, [Item(kind="track", user_id=f"u{n}", event=event) for n in numbers], at)


def test_nobody_misses_what_happens_while_they_come_to_the_step():
    site()
    arm = {"uid": "bought", "event": "order.completed"}
    steps = [
        StepDoc(uid="a", kind="wait_for", config={"arms": [arm], "timeout": {"amount": 9, "unit": "days"}},
                next={"bought": "b", "timeout": None}),
        StepDoc(uid="b", kind="email", config={"template": TemplateFactory().pk}, next={"done": None}),
    ]  # fmt: skip
    document = Document(name="Waits", triggers=[Trigger(event="users.signed_up")], steps=steps)
    lifecycle.activate(lifecycle.create(document, None, NOW), None, NOW)
    source = Source.objects.create(name="Shop")
    happens(source, "users.signed_up", range(PEOPLE), NOW)
    while pipeline.drain(NOW):
        pass

    def come():
        try:
            for second in range(60):
                advance(NOW + timedelta(seconds=second), limit=7)
        finally:
            connections.close_all()

    def buy(first):
        try:
            for n in range(first, PEOPLE, 20):
                happens(source, "order.completed", range(n, n + 10), NOW + HOUR)
                pipeline.drain(NOW + HOUR)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        for job in [workers.submit(come), workers.submit(come), workers.submit(buy, 0), workers.submit(buy, 10)]:
            job.result(timeout=90)
    while pipeline.drain(NOW + HOUR) or advance(NOW + HOUR):
        pass
    assert Enrollment.objects.count() == PEOPLE
    assert not Enrollment.objects.filter(listens=True).exists()
    assert Visit.objects.filter(kind="wait_for", arm="bought").count() == PEOPLE
