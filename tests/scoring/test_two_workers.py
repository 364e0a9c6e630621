"""Several workers at once, while people write: every score is what plain Python makes of what happened."""

import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from contacts import merging, writing
from contacts.models import Contact
from events import recording
from events.items import Item
from events.models import Event
from ops.models import Job, Source
from ops.work import QUEUES
from scoring import adjusting, defining
from scoring.adjusting import Deed
from scoring.document import Band, Document, Group, parse
from scoring.models import Score, ScoreChange, ScoreModel
from segments import defining as segments
from segments.models import Segment
from tests import engine
from tests.factories import NOW
from tests.scoring import world
from tests.scoring.building import half, lasting, on, whose
from tests.scoring.oracle import Gift, Happening
from tests.scoring.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
DEEDS, WORKERS, PEOPLE = 150, 3, 30
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}
VIP = {"field": "contact.tags", "op": "contains any", "value": ["vip"]}
RULES = [
    on("button.clicked", 20, at_most=3, fading=half(1), cap=50, group="web"),
    on("order.completed", 30, at_most=2, fading=lasting(2), group="web"),
    on("page.viewed", -15, at_most=2),
    whose(CEO, 25, uid="ceo"),
    whose(VIP, 15, uid="vip"),
]


class Bustle:
    """Workers in threads of their own, on connections of their own."""

    def __init__(self):
        self.now, self.over = NOW, threading.Event()
        self.faults: list[Exception] = []
        self.locked, self.handled = Counter[str](), Counter[str]()
        self.threads = [threading.Thread(target=self._work, args=[n]) for n in range(WORKERS)]

    def _work(self, number: int) -> None:
        order = random.Random(number)
        try:
            while not self.over.is_set():
                self._one(order.choice(["changes", "changes", "scores", "jobs", "merges", "segments"]))
        except Exception as fault:  # noqa: BLE001  shown by the test
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
        return min(self.handled[key] for key in ("changes", "scores", "jobs", "merges")) > 2

    def __enter__(self):
        [thread.start() for thread in self.threads]
        return self

    def __exit__(self, *_):
        self.over.set()
        [thread.join(60) for thread in self.threads]


class People:
    """What they do meanwhile, one thing at a time; written down for the oracle."""

    def __init__(self, chance: random.Random):
        self.chance, self.world, self.serial = chance, World(), 0
        self.source = Source.objects.create(name="Shop")
        self.users = [f"u{n}" for n in range(PEOPLE)]
        self.ids = {user: writing.contact_for_user(user, NOW)[0] for user in self.users}

    def do(self, now) -> None:
        user = self.chance.choice(self.users)
        deeds = [self.act] * 6 + [self.know, self.tag, self.merge, self.give, self.take_back, self.edit]
        self.chance.choice(deeds)(user, now)

    def act(self, user, now):
        """Some late, each of them told twice."""
        self.serial += 1
        at = now - timedelta(hours=self.chance.choice([0, 0, 1, 30, 70]))
        key = self.chance.choice(["button.clicked", "order.completed", "page.viewed"])
        it = Item(kind="track", user_id=user, event=key, timestamp=at.isoformat(), message_id=f"m{self.serial}")
        recording.record(self.source, [it], now)
        recording.record(self.source, [it], now)
        self.world.happenings[user].append(Happening(key, at))

    def know(self, user, now):
        writing.set_attributes([self._of(user)], {"title": self.chance.choice(["CEO", "clerk"])}, now)

    def tag(self, user, now):
        self.chance.choice([writing.add_tags, writing.remove_tags])([self._of(user)], ["vip"], now)

    def merge(self, user, now):
        if self.chance.random() < 0.5:
            merging.merge([(self._of(user), self._of(self.chance.choice(self.users)))], now)

    def give(self, user, now):
        deed = Deed(self.chance.choice(["add", "add", "set", "reset"]), self.chance.choice([-30, 10, 60]))
        contact, lead = self._of(user), ScoreModel.objects.get(key="lead")
        before = set(ScoreChange.objects.filter(rule=None).values_list("pk", flat=True))
        if adjusting.adjust(lead, [contact], deed, now):
            self.serial += 1
            [pk] = set(ScoreChange.objects.filter(rule=None).values_list("pk", flat=True)) - before
            self.world.gifts[pk] = "lead", contact, Gift(now, self.serial, deed.effect, deed.points)

    def take_back(self, user, now):
        if self.world.gifts:
            pk = self.chance.choice(sorted(self.world.gifts))
            del self.world.gifts[pk]
            adjusting.take_back(ScoreChange.objects.get(pk=pk), now)

    def edit(self, user, now):
        """Some rules go, some come back, one gives other points."""
        model = ScoreModel.objects.get(key="lead")
        kept = [rule for rule in RULES if self.chance.random() < 0.8]
        document = parse(model.definition)
        document.rules = [*kept, on("button.clicked", self.chance.choice([5, 35]), uid="more", at_most=1)]
        saved = defining.save_draft(model, document, model.draft_revision, None, now)
        if saved.draft is not None:
            defining.put_in_force(saved, None, now)

    def _of(self, user) -> int:
        return Contact.objects.get(identities__value=user).pk


def created():
    groups = [Group(name="web", cap=70)]
    defining.create("lead", Document(name="Lead", rules=RULES, groups=groups), None, NOW, active=True)
    low = [Band(name="Bad", points=-50), Band(name="Fair", points=-10), Band(name="Good", points=40)]
    risk = Document(name="Risk", rules=RULES, groups=groups, bands=low, floor=None)
    defining.create("risk", risk, None, NOW, active=True)
    tree = {"field": "score.lead", "op": "≥", "value": 30}
    segments.save(Segment(name="Promising", condition=tree), None, NOW)
    tree = {"field": "score.risk.band", "op": "is", "value": "Bad"}
    segments.save(Segment(name="Bad", condition=tree), None, NOW)


@pytest.mark.parametrize("seed", [7])
def test_workers_that_meet_leave_everybody_with_the_right_score(seed):
    created()
    people = People(random.Random(seed))
    engine.run(NOW)  # what turning a model on does to people is not told
    with Bustle() as bustle:
        done = 0
        while done < DEEDS or not (bustle.is_busy or bustle.faults or done > 5 * DEEDS):
            done += 1
            bustle.now += timedelta(minutes=people.chance.choice([0, 1, 7, 90]))
            people.do(bustle.now)
    assert not bustle.faults
    assert bustle.is_busy, f"they had nothing to do: {bustle.handled}"
    assert sum(bustle.locked.values()) <= 2, bustle.locked
    later = bustle.now + timedelta(minutes=30)
    engine.run(later)
    assert not Job.objects.filter(state="failed").exists()
    for model in ScoreModel.objects.all():
        assert model.is_settled
        world.check(model, people.world, later)
    world.segments_hold_the_right_people(people.world, later)
    world.nobody_merged_has_a_score()
    each_crossing_was_told_once()


def each_crossing_was_told_once():
    """In the model that nobody edited, of those whom nobody merged: as often as they crossed, from where to where."""
    ways: dict[int, Counter] = {}
    for event in Event.objects.filter(type="score.band_changed", properties__model="risk"):
        said = event.properties
        assert said["previous_band"] != said["band"]
        ways.setdefault(event.contact_id, Counter()).update({said["band"]: 1, said["previous_band"]: -1, "all": 1})
    merged = set(Contact.objects.exclude(merged_into=None).values_list("merged_into", flat=True))
    checked = 0
    for row in Score.objects.filter(model__key="risk").exclude(contact__in=merged).select_related("model"):
        told = ways.get(row.contact_id, Counter())
        assert told["all"] == row.crossings, (row.contact_id, told, row.crossings)
        names = row.model.bands
        wanted = Counter({names[row.band]: 1}) if row.band else Counter()
        wanted.update({names[0]: -1} if row.band else {})
        assert {name: told[name] for name in names} == {name: wanted[name] for name in names}
        checked += row.crossings
    assert checked > 20, "hardly anybody crossed a band"
