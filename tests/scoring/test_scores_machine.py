"""Scores against anything in any order: what is kept up step by step is what plain Python makes of what happened.

A step is an event, a write, a gift by hand, a merge, an edit of a model, the passing of time, or a piece of a
worker's work, which may die. Every run takes the same steps; `--hypothesis-seed=random`, or a number, takes others.
"""

import sys
from contextlib import suppress
from datetime import timedelta

from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from contacts import merging, writing
from contacts.models import Change, Identity
from events import recording
from events.items import Item
from events.models import Event
from ops import jobs
from ops.models import Job, Source
from ops.work import QUEUES, due_queues
from scoring import adjusting, defining, previewing, recomputing
from scoring.adjusting import Deed
from scoring.document import Band, Document, Fading, Group, Rule, Stage, parse
from scoring.models import ScoreChange, ScoreModel
from segments import defining as segments
from segments.models import Segment
from tests.factories import NOW
from tests.scoring import oracle, world
from tests.scoring.oracle import Gift, Happening
from tests.scoring.world import World

USERS = ["ann", "ben", "cleo", "dan"]
KEYS = ["lead", "risk"]
WORK = ["changes", "scores", "segments", "merges", "jobs"]
CEO = {"field": "contact.title", "op": "is", "value": "CEO"}
CONDITIONS = [
    CEO,
    {"not": CEO},
    {"field": "contact.tags", "op": "contains any", "value": ["vip"]},
    {"field": "company.size", "op": ">", "value": 100, "type": "number"},
    {"field": "contact.created_at", "op": "in the last", "value": {"amount": 3, "unit": "days"}},
]
LARGE = {"field": "event.total", "op": "≥", "value": 50, "type": "number"}
FADINGS = [
    Fading(), Fading(how="half", amount=1), Fading(how="half", amount=10), Fading(how="half", amount=30),
    Fading(how="expires", amount=1), Fading(how="expires", amount=7), Fading(how="expires", amount=4, unit="weeks"),
]  # fmt: skip
BANDS = [(0, 50, 80), (-20, 10, 40), (0, 20), (-50, -10, 5, 90)]
SEGMENTS = [
    {"field": "score.lead", "op": "≥", "value": 30},
    {"field": "score.lead.engagement", "op": ">", "value": 40},
    {"field": "score.risk", "op": "<", "value": 0},
    {"not": {"field": "score.lead.fit", "op": "≥", "value": 20}},
    {"field": "score.lead.band", "op": "is", "value": "Hot"},
    {"field": "score.lead", "op": ">", "value": 0},
    {"field": "score.risk", "op": "≥", "value": -5},
]
who = st.sampled_from(USERS)
which = st.integers(0, 30)
model_key = st.sampled_from(KEYS)
dies = st.sampled_from([False, False, False, True])
points = st.sampled_from([-40, -5, 3, 10, 25, 60, 85])
effect = st.sampled_from(["add", "add", "add", "add", "set", "reset"])
fading = st.sampled_from(FADINGS)
behavioural = st.builds(
    lambda **its: Rule(kind="behavioural", **its), uid=st.sampled_from(["a", "b", "c"]),
    event=st.sampled_from(["button.clicked", "order.completed"]), where=st.sampled_from([None, None, LARGE]),
    points=points, effect=effect, fading=fading, at_most=st.sampled_from([1, 2, 3, 10]),
    cap=st.sampled_from([None, None, 15, 60]), group=st.sampled_from(["", "", "web"]),
)  # fmt: skip
of_people = st.builds(
    Rule, uid=st.sampled_from(["k", "l", "m"]), kind=st.sampled_from(["demographic", "firmographic"]),
    condition=st.sampled_from(CONDITIONS), points=points, effect=effect, cap=st.sampled_from([None, None, 15]),
    group=st.sampled_from(["", "", "who"]),
)  # fmt: skip
# One rule that may become one of the other kind, without a group.
changeling = st.one_of(behavioural, of_people).map(lambda one: replace(one, uid="x", group=""))
rules = st.one_of(behavioural, behavioural, of_people, changeling).map(lambda one: replace(one, name=one.uid))
starting = st.lists(rules, min_size=2, max_size=5, unique_by=lambda one: one.uid)
levels = st.fixed_dictionaries(
    {},
    optional={
        "bands": st.sampled_from(BANDS).map(lambda its: bands(*its)),
        "margin": st.sampled_from([0, 2, 5]),
        "floor": st.sampled_from([None, 0, -20]),
        "ceiling": st.sampled_from([None, 100, 60]),
        "fit_grades": st.sampled_from([(20, 40), (5, 10)]),
        "engagement_grades": st.sampled_from([(25, 50), (-5, 60)]),
        "groups": st.sampled_from([(40, 30), (15, 90)]).map(lambda its: groups(*its)),
        "stages": st.sampled_from([[], [20, 70], [20, 50, None]]).map(lambda its: stages(*its)),
    },
)  # fmt: skip


def bands(*points) -> list[Band]:
    return [Band(name=name, points=n) for name, n in zip(["Cold", "Warm", "Hot", "Burning"], points, strict=False)]


def groups(web, people) -> list[Group]:
    return [Group(name="web", cap=web), Group(name="who", cap=people)]


def stages(*points) -> list[Stage]:
    return [Stage(name=f"Stage {n}", points=one) for n, one in enumerate(points)]


class Scores(RuleBasedStateMachine):
    def __init__(self, source: Source):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.source, self.now, self.serial = source, NOW, 0
        self.world = World()
        self.told = 0  # the number of events of crossed bands that were looked at

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self.everything_is_worked_off()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # --- marketers ---

    @initialize(lead=starting, risk=starting, users=st.sets(who), where=st.sets(st.integers(0, 6), max_size=4))
    def models_segments_and_people(self, lead, risk, users, where):
        self._create("lead", Document(name="Lead", rules=lead, groups=groups(40, 30), stages=stages(20, 70)))
        low = {"floor": None, "bands": bands(-50, -10, 10, 40), "margin": 5}
        self._create("risk", Document(name="Risk", rules=risk, groups=groups(40, 30), **low))
        for number in sorted(where):
            segments.save(Segment(name=f"Segment {number}", condition=SEGMENTS[number]), None, self.now)
        for user in sorted(users):
            self.know(user, "CEO")
        self.everything_is_worked_off()

    def _create(self, key, document):
        defining.create(key, document, None, self.now, active=True)

    def _model(self, key) -> ScoreModel:
        return ScoreModel.objects.get(key=key)

    def _edit(self, key, **changes):
        """Save a draft and put it in force; where nothing is different there is no draft."""
        model = self._model(key)
        draft = replace(parse(model.definition), **changes)
        self._preview(model, draft)
        saved = defining.save_draft(model, draft, model.draft_revision, None, self.now)
        if saved.draft is not None:
            defining.put_in_force(saved, None, self.now)

    def _preview(self, model, draft):
        """What it would do to everybody is what it will do to them."""
        if due_queues(self.now):
            return  # what waits for the engine is left to it
        facts = self.world.facts(model.key)
        found = {one.contact: one.after for one in previewing.compare(model, draft, facts, self.now)}
        for pk, its in facts.items():
            wanted = oracle.score(draft, its, self.now).points
            none = oracle.clamped(0, draft.floor, draft.ceiling)
            assert abs(found.get(pk, none) - wanted) < world.CLOSE, (pk, found.get(pk), wanted)

    @rule(key=model_key, one=rules)
    def put_a_rule(self, key, one):
        before = parse(self._model(key).definition).rules
        if one.uid in [rule.uid for rule in before]:
            self._edit(key, rules=[one if rule.uid == one.uid else rule for rule in before])
        else:
            self._edit(key, rules=[*before, one])

    @rule(key=model_key, index=which)
    def remove_a_rule(self, key, index):
        before = parse(self._model(key).definition).rules
        if before:
            self._edit(key, rules=[rule for rule in before if rule is not before[index % len(before)]])

    @rule(key=model_key, index=which)
    def move_a_rule_to_the_front(self, key, index):
        before = parse(self._model(key).definition).rules
        if before:
            self._edit(key, rules=sorted(before, key=lambda rule: rule is not before[index % len(before)]))

    @rule(key=model_key, changes=levels)
    def edit_the_levels(self, key, changes):
        with suppress(defining.Refused), transaction.atomic():  # a margin as wide as a band
            self._edit(key, **changes)

    @rule(key=model_key)
    def undo(self, key):
        with suppress(defining.Refused):
            defining.undo(self._model(key), None, self.now)

    @rule(key=model_key)
    def switch(self, key):
        model = self._model(key)
        defining.switch(model, not model.is_active, None, self.now)

    @rule(index=which)
    def cancel_a_job(self, index):
        if waiting := list(Job.objects.due(self.now).order_by("pk")):
            jobs.cancel(waiting[index % len(waiting)].pk)

    @rule(number=st.integers(0, 6), value=st.sampled_from([30, 12, 60]))
    def save_a_segment(self, number, value):
        name = f"Segment {number}"
        segment = Segment.objects.filter(name=name).first() or Segment(name=name)
        tree = SEGMENTS[number]
        segment.condition = {**tree, "value": value} if tree.get("value") == 30 else tree
        segments.save(segment, None, self.now)

    # --- gifts ---

    @rule(key=model_key, user=who, effect=effect, points=points, fading=fading)
    def give(self, key, user, effect, points, fading):
        contact, model = self._contacts().get(user), self._model(key)
        if not contact or not model.is_active:
            return
        deed = Deed(effect, points, "met them", fading)
        with Crossings(self):
            adjusting.adjust(model, [contact], deed, self.now)
        row = ScoreChange.objects.filter(rule=None).latest("pk")
        self.serial += 1
        gift = Gift(self.now, self.serial, effect, points, fading)
        self.world.gifts[row.pk] = key, contact, gift

    @rule(index=which)
    def take_back(self, index):
        if self.world.gifts:
            pk = sorted(self.world.gifts)[index % len(self.world.gifts)]
            row = ScoreChange.objects.get(pk=pk)
            if row.model.is_active:
                del self.world.gifts[pk]
                with Crossings(self):
                    adjusting.take_back(row, self.now)

    # --- people ---

    def _contacts(self) -> dict[str, int]:
        return dict(Identity.objects.filter(kind="user").values_list("value", "contact_id"))

    def _record(self, **item):
        self.serial += 1
        said = recording.record(self.source, [Item(message_id=f"m{self.serial}", **item)], self.now)
        assert not said.rejected

    @rule(user=who, title=st.sampled_from(["CEO", "clerk", None]))
    def know(self, user, title):
        self._record(kind="identify", user_id=user, traits={"title": title})

    @rule(user=who, verb=st.sampled_from([writing.add_tags, writing.remove_tags]))
    def tag(self, user, verb):
        if contact := self._contacts().get(user):
            verb([contact], ["vip"], self.now)

    @rule(user=who, company=st.sampled_from(["acme", "globex"]), size=st.sampled_from([50, 500, None]))
    def join_a_company(self, user, company, size):
        self._record(kind="group", user_id=user, group_id=company, traits={} if size is None else {"size": size})

    @rule(
        user=who,
        key=st.sampled_from(["button.clicked", "button.clicked", "order.completed"]),
        ago=st.sampled_from([0, 0, 1, 90, 60 * 24, 60 * 24 * 6, 60 * 24 * 9, 60 * 24 * 40, -90, -60 * 24 * 5]),
        total=st.sampled_from([20, 60, None]),
        times=st.sampled_from([1, 1, 2, 3]),
        again=st.booleans(),
    )
    def do_something(self, user, key, ago, total, times, again):
        """Some of it late, ahead of our clock, several at once, or told twice."""
        for number in range(times):
            at = self.now - timedelta(minutes=ago, seconds=7 * number)
            told = {"user_id": user, "event": key, "timestamp": at.isoformat(), "properties": {"total": total}}
            self._record(kind="track", **told)
            self.world.happenings[user].append(Happening(key, min(at, self.now), {"total": total}))
            if again:
                self.serial -= 1
                self._record(kind="track", **told)

    @rule(one=who, other=who)
    def merge(self, one, other):
        ids = self._contacts()
        if one in ids and other in ids and ids[one] != ids[other]:
            merging.merge([(ids[one], ids[other])], self.now)

    # --- time and workers ---

    @rule(minutes=st.sampled_from([1, 2, 61, 60 * 24, 60 * 24 * 3, 60 * 24 * 10, 60 * 24 * 31, 60 * 24 * 100]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(key=st.sampled_from(["changes", *WORK]), dies=dies)
    def work(self, key, dies):
        with Crossings(self, dies, key), transaction.atomic():
            self._piece(key)
            transaction.set_rollback(dies)

    def _piece(self, key) -> bool:
        return bool(jobs._run_one(self.now) if key == "jobs" else QUEUES[key].work(self.now))

    @rule()
    def everything_is_worked_off(self):
        self._work_off()
        for model in ScoreModel.objects.active():
            if not model.is_settled:  # somebody cancelled a job
                recomputing.start(model, None, self.now)
        for segment in Segment.objects.dynamic():
            if not segment.is_settled:
                segments.refresh(segment, None, self.now)
        self._work_off()
        for model in ScoreModel.objects.active():
            assert model.is_settled, model
            world.check(model, self.world, self.now)
        world.segments_hold_the_right_people(self.world, self.now)
        world.nobody_merged_has_a_score()
        assert not Change.objects.filter(due_at=None).exists(), "something was parked"
        assert not Job.objects.filter(state="failed").exists()

    def _work_off(self):
        seen = None
        for _ in range(300):
            handled = False
            for key in WORK:
                with Crossings(self, key=key, before=seen) as crossings:
                    crossings.idle = not self._piece(key)
                handled |= not crossings.idle
                seen = crossings.after
            if not handled:
                return
        raise AssertionError("The engine did not come to rest.")

    # --- who is told ---

    @invariant()
    def numbers_per_band_are_exact(self):
        assert world.wrong_flows() == []

    @invariant()
    def all_that_was_told_was_looked_at(self):
        assert self.told == Event.objects.filter(type="score.band_changed").count(), "told by something else"


_NOW = """
SELECT 'band', m.key, s.contact_id, s.band::text FROM scoring_score s JOIN scoring_scoremodel m ON m.id = s.model_id
UNION ALL SELECT 'event', '', 0, id::text FROM events_event WHERE type = 'score.band_changed'
UNION ALL SELECT 'merged', '', id, '' FROM contacts_contact WHERE merged_into_id IS NOT NULL
UNION ALL SELECT 'off', key, 0, '' FROM scoring_scoremodel WHERE NOT is_active
"""


class Snapshot:
    """The bands of all scores, what was told, who was merged, which models are off."""

    def __init__(self):
        with connection.cursor() as cursor:
            cursor.execute(_NOW)
            rows = cursor.fetchall()
        self.bands = {(key, contact): int(value) for what, key, contact, value in rows if what == "band"}
        self.events = {value for what, _, _, value in rows if what == "event"}
        self.merged = {contact for what, _, contact, _ in rows if what == "merged"}
        self.off = {key for what, key, _, _ in rows if what == "off"}


class Crossings:
    """What happens within: of each score whose band changed that very way is told, and of nothing else."""

    def __init__(self, machine: Scores, dies=False, key="", before: Snapshot | None = None):
        self.machine, self.dies, self.key = machine, dies, key
        self.before = self.after = before or Snapshot()
        self.idle = False

    def __enter__(self):
        due = Job.objects.due(self.machine.now).order_by("due_at", "done", "id")
        self.job = due.first() if self.key == "jobs" else None
        return self

    def __exit__(self, kind, fault, trace):
        if kind or self.idle:
            return
        before, after = self.before, Snapshot()
        self.after = after
        fresh = after.events - before.events
        assert not (self.dies and (fresh or after.bands != before.bands))
        self.machine.told += len(fresh)
        chains: dict[tuple[str, int], list[Event]] = {}
        for event in Event.objects.filter(pk__in=fresh).order_by("pk") if fresh else ():
            assert event.contact_id not in before.merged, f"told of somebody who was merged: {event.properties}"
            assert event.properties["model"] not in before.off, f"told by a model that is off: {event.properties}"
            chains.setdefault((event.properties["model"], event.contact_id), []).append(event)
        for key, band in after.bands.items():
            if key in chains or band != before.bands.get(key, 0):
                self._check(key, chains.get(key, []), before.bands.get(key, 0), band)

    def _check(self, key, chain, place, after):
        names = ScoreModel.objects.get(key=key[0]).bands
        if self.job and self.job.arguments.get("cause") == "definition":
            assert not chain, f"told of what an edit did: {key}"
            return
        told = [(event.properties["previous_band"], event.properties["band"]) for event in chain]
        # Ids of one moment have no order.
        while following := [way for way in told if way[0] == (names[place] if place < len(names) else "")]:
            told.remove(following[0])
            assert following[0][0] != following[0][1]
            place = names.index(following[0][1])
        assert not told and place == after, f"{key} is in band {after}: {[event.properties for event in chain]}"


def test_scores_kept_up_step_by_step_are_what_python_makes_of_what_happened(db, request):
    source = Source.objects.create(name="Shop")
    budget = settings(
        max_examples=8,
        stateful_step_count=40,
        deadline=None,
        derandomize=request.config.getoption("hypothesis_seed", None) is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Scores(source), settings=budget)
