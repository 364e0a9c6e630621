"""Several workers at once, while people write: nobody ends up where the rules do not put them."""

import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from contacts import merging, writing
from events import recording
from events.items import Item
from events.models import Event
from ops.models import Source
from ops.work import QUEUES
from segments import defining, members, membership
from segments.models import Membership, Segment
from tests import engine
from tests.factories import NOW
from tests.segments.named_trees import TREES
from tests.segments.test_membership_machine import those_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
DEEDS, WORKERS, PEOPLE = 150, 3, 40


class Bustle:
    """Workers that drain, sweep and refresh in threads of their own, on connections of their own."""

    def __init__(self):
        self.now, self.over = NOW, threading.Event()
        self.faults: list[Exception] = []
        self.deeds = 0
        self.locked = Counter[str]()
        self.handled = Counter[str]()
        self.threads = [threading.Thread(target=self._work, args=[n]) for n in range(WORKERS)]

    def _work(self, number: int) -> None:
        order = random.Random(number)
        try:
            while not self.over.is_set():
                key = order.choice(["changes", "segments", "jobs", "merges"])
                self._one(key)
        except Exception as fault:
            self.faults.append(fault)
        finally:
            connection.close()

    def _one(self, key: str) -> None:
        try:
            self.handled[key] += QUEUES[key].work(self.now)
        except OperationalError as fault:  # as a worker's task ends and the next one begins: the rows stay due
            if "deadlock" not in str(fault):
                raise
            self.locked[key] += 1

    @property
    def is_busy(self) -> bool:
        return min(self.handled[key] for key in ("changes", "segments", "jobs")) > 2

    def __enter__(self):
        [thread.start() for thread in self.threads]
        return self

    def __exit__(self, *_):
        self.over.set()
        [thread.join(60) for thread in self.threads]


def deeds(source, people, chance):
    """What happens meanwhile, one thing at a time."""
    verbs = [
        lambda who, now: writing.set_attributes([who], {"plan": chance.choice(["pro", "free"])}, now),
        lambda who, now: writing.add_tags([who], ["vip"], now),
        lambda who, now: writing.remove_tags([who], ["vip"], now),
        lambda who, now: merging.merge([(who, chance.choice(people))], now) if chance.random() < 0.1 else None,
        lambda who, now: members.add(Segment.objects.get(name="Guests"), [who], now, "hand"),
        lambda who, now: members.remove(Segment.objects.get(name="Guests"), [who], now, "hand"),
        lambda who, now: _edit(chance, now),
    ]

    def bought(who, now):
        when = (now - timedelta(hours=chance.choice([0, 1, 30, 50, 71]))).isoformat()
        some = [
            Item(kind="track", user_id=f"u{who}", event="order.completed", timestamp=when, properties={"total": 60})
        ]
        recording.record(source, some * 3, now)

    return [*verbs, bought, bought, bought]


def _edit(chance, now):
    if chance.random() < 0.2:
        segment = chance.choice(list(Segment.objects.dynamic()))
        if segment.name in TREES:
            segment.condition = TREES[chance.choice(["pro", "not pro", "twice in three days"])]
            defining.save(segment, None, now)


def test_workers_that_meet_leave_everybody_where_the_rules_put_them():
    chance, source = random.Random(7), Source.objects.create(name="Shop")
    names = ["pro", "tagged", "bought", "not lately", "twice in three days", "spent much lately", "seen lately"]
    for name in names:
        defining.save(Segment(name=name, condition=TREES[name]), None, NOW)
    defining.save(Segment(name="Guests", kind="static"), None, NOW)
    people = [writing.contact_for_user(f"u{n}", NOW)[0] for n in range(PEOPLE)]
    with Bustle() as bustle:
        while bustle.deeds < DEEDS or not (bustle.is_busy or bustle.faults or bustle.deeds > 5 * DEEDS):
            bustle.deeds += 1
            bustle.now += timedelta(minutes=chance.choice([0, 1, 7, 90]))
            chance.choice(deeds(source, people, chance))(chance.choice(people), bustle.now)
    assert not bustle.faults
    assert bustle.is_busy, "they had nothing to do"
    assert sum(bustle.locked.values()) <= 2, bustle.locked
    engine.run(bustle.now + timedelta(minutes=30))
    nobody_drifted(bustle.now + timedelta(minutes=30))


def nobody_drifted(now):
    for segment in Segment.objects.with_size():
        assert segment.size == len(those_in(segment.pk)) and segment.is_settled
        if segment.is_dynamic:
            asked = set(membership.inside(segment, now).values_list("pk", flat=True))
            assert those_in(segment.pk) == asked, segment
    for kind, stays in (("entered", Membership.objects.all()), ("left", Membership.objects.exclude(left_at=None))):
        told = Event.objects.filter(type=f"segment.{kind}").exclude(properties__cause="merged").count()
        assert told == stays.exclude(**{f"{kind}_by__in": ["definition", "merged"]}).count()
