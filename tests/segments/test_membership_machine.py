"""Who is in a segment, against anything in any order: what is kept up step by step equals asking everybody at once.

A step is a write, a merge, an edit of the rules, the passing of time, or a piece of a worker's work, which may
die. Every run takes the same steps; `--hypothesis-seed=random`, or a number, takes others.
"""

import sys
from collections import Counter
from datetime import timedelta

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from contacts import consent, merging, writing
from contacts.models import Address, Identity, Merge
from events import recording
from events.items import Item
from events.models import Event
from ops import jobs
from ops.models import Job, Source
from ops.work import QUEUES
from segments import defining, members, membership
from segments.membership import Cause
from segments.models import Candidate, Membership, Segment
from tests import engine
from tests.factories import NOW
from tests.segments.named_trees import TREES

USERS = {"ann": "ann@example.org", "ben": "ben@example.org", "cleo": "cleo@example.com", "dan": "cleo@example.com"}
ATTRIBUTES = {
    "plan": ["pro", "free", "Pro", None, 5],
    "born": ["1990-03-05", "1990-02-27", None],
    "trial_ends": ["2026-03-03", "2026-03-04T21:00:00Z", "2026-03-12", "soon", None],
}
who = st.sampled_from(sorted(USERS))
which = st.integers(0, 30)
dies = st.sampled_from([False, False, False, True])
WORK = ("changes", "merges", "jobs", "segments")  # nobody is in a campaign here
written = st.sampled_from([(name, value) for name, values in ATTRIBUTES.items() for value in values])


class Memberships(RuleBasedStateMachine):
    def __init__(self, source: Source):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.source, self.now, self.serial = source, NOW, 0
        self.merged: set[int] = set()

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self.everything_is_worked_off()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # --- marketers ---

    @initialize(names=st.lists(st.sampled_from(sorted(TREES)), min_size=5, max_size=9, unique=True), users=st.sets(who))
    def some_segments_and_people(self, names, users):
        made = [self._made(name, TREES[name]) for name in names]
        self.guests = defining.save(Segment(name="Guests", kind="static"), None, self.now).pk
        second = self._made("of segments", {"all": [{"segment": made[0]}, {"not": {"segment": self.guests}}]})
        self._made("of segments of segments", {"any": [{"segment": second}, {"segment": made[-1]}]})
        for user in sorted(users):
            self.identify(user)
        engine.run(self.now, only=WORK)

    def _made(self, name, tree) -> int:
        return defining.save(Segment(name=name, condition=tree), None, self.now).pk

    @rule(index=which, name=st.sampled_from(sorted(TREES)))
    def edit_the_rules(self, index, name):
        segments = list(Segment.objects.dynamic().exclude(name__startswith="of segments").order_by("pk"))
        segment = segments[index % len(segments)]
        segment.condition = TREES[name]
        defining.save(segment, None, self.now)

    @rule(index=which)
    def refresh(self, index):
        segments = list(Segment.objects.dynamic().order_by("pk"))
        defining.refresh(segments[index % len(segments)], None, self.now)

    @rule(index=which)
    def cancel_a_refresh(self, index):
        if waiting := list(Job.objects.due(self.now).order_by("pk")):
            jobs.cancel(waiting[index % len(waiting)].pk)

    @rule(user=who, verb=st.sampled_from([members.add, members.add, members.remove]))
    def put_by_hand(self, user, verb):
        if contact := self._contacts().get(user):
            verb(Segment.objects.get(pk=self.guests), [contact], self.now, Cause.HAND)

    # --- people ---

    def _contacts(self) -> dict[str, int]:
        return dict(Identity.objects.filter(kind="user").values_list("value", "contact_id"))

    def _record(self, **item):
        self.serial += 1
        said = recording.record(self.source, [Item(message_id=f"m{self.serial}", **item)], self.now)
        assert not said.rejected

    @rule(user=who)
    def identify(self, user):
        self._record(kind="identify", user_id=user, traits={"email": USERS[user]})

    @rule(user=who, value=written)
    def write_an_attribute(self, user, value):
        if contact := self._contacts().get(user):
            writing.set_attributes([contact], dict([value]), self.now)

    @rule(user=who, verb=st.sampled_from([writing.add_tags, writing.remove_tags]))
    def tag(self, user, verb):
        if contact := self._contacts().get(user):
            verb([contact], ["vip"], self.now)

    @rule(
        user=who,
        key=st.sampled_from(["Order Completed", "Order Completed", "Product Viewed"]),
        ago=st.sampled_from([0, 0, 1, 30, 60 * 23, 60 * 24 * 2, 60 * 24 * 3, 60 * 24 * 9, -90, -60 * 24 * 5]),
        total=st.sampled_from([20, 60, 120, "80", None]),
    )
    def do_something(self, user, key, ago, total):
        when = (self.now - timedelta(minutes=ago)).isoformat()
        self._record(kind="track", user_id=user, event=key, properties={"total": total}, timestamp=when)

    @rule(user=who, company=st.sampled_from(["acme", "globex"]))
    def join_a_company(self, user, company):
        self._record(kind="group", user_id=user, group_id=company, traits={"size": self.serial})

    @rule(user=who, verb=st.sampled_from([consent.unsubscribe, consent.resubscribe]))
    def say(self, user, verb):
        for address in Address.objects.filter(email=USERS[user]):
            verb(address.pk, now=self.now, source="account page")

    @rule(one=who, other=who)
    def merge(self, one, other):
        ids = self._contacts()
        if one in ids and other in ids and ids[one] != ids[other]:
            self.merged |= {ids[one], ids[other]}
            merging.merge([(ids[one], ids[other])], self.now)

    # --- time and workers ---

    @rule(minutes=st.sampled_from([1, 2, 61, 60 * 24, 60 * 24 * 2 + 3]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(key=st.sampled_from(["changes", "changes", "segments", "merges"]), dies=dies)
    def work(self, key, dies):
        with transaction.atomic():
            QUEUES[key].work(self.now)
            transaction.set_rollback(dies)

    @rule(dies=dies)
    def a_step_of_a_job(self, dies):
        with transaction.atomic():
            jobs._run_one(self.now)
            transaction.set_rollback(dies)

    @rule()
    def everything_is_worked_off(self):
        for segment in Segment.objects.dynamic():
            if not segment.is_settled:
                defining.refresh(segment, None, self.now)  # somebody had cancelled it
        engine.run(self.now, only=WORK)
        for segment in Segment.objects.dynamic():
            assert segment.is_settled and not segment.fault, segment
            asked = set(membership.inside(segment, self.now).values_list("pk", flat=True))
            assert those_in(segment.pk) == asked, f"{segment} at {self.now}: {segment.condition}"
        assert not Candidate.objects.exists()

    # --- what holds after every step ---

    @invariant()
    def sizes_are_exact(self):
        counted = Counter(Membership.objects.current().values_list("segment", flat=True))
        for segment in Segment.objects.with_size():
            assert segment.size == counted[segment.pk], segment

    @invariant()
    def stays_follow_each_other(self):
        last: dict[tuple[int, int], Membership] = {}
        for stay in Membership.objects.exclude(contact__in=self.merged).order_by("pk"):
            assert stay.left_at is None or stay.left_at >= stay.entered_at
            assert (stay.left_at is None) == (stay.left_by == "")
            before = last.get((stay.segment_id, stay.contact_id))
            assert before is None or (before.left_at and before.left_at <= stay.entered_at), "two stays at once"
            last[stay.segment_id, stay.contact_id] = stay

    @invariant()
    def nobody_who_was_merged_is_in(self):
        lost = Membership.objects.current().filter(contact__merged_into__isnull=False)
        assert not lost.exists() or Merge.objects.filter(due_at__lte=self.now + timedelta(minutes=10)).exists()

    @invariant()
    def what_people_did_is_told_and_edits_are_not(self):
        told = Counter(
            (kind, int(segment), cause)
            for kind, segment, cause in Event.objects.filter(type__startswith="segment.").values_list(
                "type", "properties__segment", "properties__cause"
            )
        )
        stays = list(Membership.objects.values_list("segment", "entered_by", "left_by"))
        happened = Counter(("segment.entered", segment, by) for segment, by, _ in stays)
        happened += Counter(("segment.left", segment, by) for segment, _, by in stays if by)
        # A stay that a merge ended in favour of another one is no leaving.
        quiet = {Cause.DEFINITION, Cause.MERGED}
        assert {key: n for key, n in told.items() if key[2] != Cause.MERGED} == {
            key: n for key, n in happened.items() if key[2] not in quiet
        }


def those_in(segment: int) -> set[int]:
    return set(Membership.objects.current().filter(segment=segment).values_list("contact_id", flat=True))


def test_memberships_kept_up_step_by_step_equal_those_found_at_once(db, request):
    source = Source.objects.create(name="Shop")
    budget = settings(
        max_examples=15,
        stateful_step_count=40,
        deadline=None,
        derandomize=request.config.getoption("hypothesis_seed", None) is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Memberships(source), settings=budget)
