"""The engine against anything in any order: people, marketers, workers that die, mail servers that misbehave.

A step is a deed of somebody, or a piece of a worker's work; after each the invariants hold. What the campaigns are and
how they are changed its subclasses say. Every run takes the same steps; `--hypothesis-seed=random`, or a number, takes
others, and MACHINE_EXAMPLES more of them. A failure prints its steps, as few as it needs.
"""

import contextlib
import os
import sys
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Now
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from campaigns import lifecycle, publishing
from campaigns.claiming import claim
from campaigns.models import Campaign, Message
from campaigns.sending import Batch
from campaigns.transports import transport_from
from contacts import consent, merging
from contacts.models import Address, Change, Identity, Merge
from events import recording
from events.items import Item
from ops.models import SiteSettings
from ops.work import QUEUES
from tests import engine
from tests.factories import NOW
from tests.properties import invariants
from tests.properties.deciding import Deciding
from tests.properties.dying import ALL_GOES_WELL, Fate, die, fates, send_and
from tests.properties.invariants import RUNNING, World
from tests.properties.people import BOUGHT, EMAILS, LEFT, LOOKED, TRIED, TRIGGER, People

FAULTS = {
    "later": ("RCPT", {"reply": "450 4.2.0 later"}),
    "no such user": ("RCPT", {"reply": "550 5.1.1 no such user"}),
    "mailbox full": ("RCPT", {"reply": "552 5.2.2 mailbox full"}),
    "sender refused": ("MAIL", {"reply": "554 5.7.1 not from you"}),
    "log-in refused": ("MAIL", {"reply": "530 5.7.0 log in first"}),
    "cut off in the body": ("BODY", {"drop": True}),
    "later, at the dot": ("DOT", {"reply": "451 4.3.0 later"}),
    "content refused": ("DOT", {"reply": "554 5.6.0 what is this"}),
    "taken in silence": ("DOT", {"drop": True, "accept": True}),
    "cut off at the dot": ("DOT", {"drop": True, "accept": False}),
}
who = st.sampled_from(sorted(EMAILS))
# What happens between two commits of a worker that sends.
MEANWHILE = ["", "dies", "unsubscribe", "pause", "archive", "sign up", "merge", "lease lost"]
DEEDS = [BOUGHT, BOUGHT, BOUGHT, LOOKED, LEFT, TRIED]
which = st.integers(0, 3)
few = st.integers(1, 4)
flag = st.booleans()
faults = st.sampled_from(["", "taken in silence", *FAULTS])


QUEUE_KEYS = ["enrollments", "changes", "settled", "leases", "merges", "webhooks", "gates", "entries", "jobs"]
# Where people wait most often, so that deaths and faults meet more.
KEYS = [*QUEUE_KEYS, "enrollments", "changes", "enrollments", "changes", "settled"]


class Machine(Deciding):
    def __init__(self, site):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        site.beginning.again()
        self.site, self.now, self.server = site, NOW, site.server
        self.server.reset()
        self.people, self.campaigns = People(site.once), site.campaigns
        self.stalled: list[list[Message]] = []
        self.behind: set[int] = set()  # contacts whose news may not have been looked at in their time
        self.silent: set[str] = set()  # addresses that had said no, and
        self.resting: set[int] = set()  # campaigns that did not run when the step began, and
        self.closed: set[int] = set()  # those that took nobody in
        self.seen = self.last = 0

    def teardown(self):
        try:
            if sys.exc_info()[0] is None:
                self.all_comes_to_an_end()
        finally:
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    # --- people ---

    @initialize(users=st.sets(who, min_size=1))
    def some_are_on_their_way(self, users):
        for user in sorted(users):
            self.sign_up(user, "", 2)

    @rule(user=who, order=st.sampled_from(["", "a", "b"]), carried=st.integers(0, 2))
    def sign_up(self, user, order, carried):
        properties = {"order": order} if order else {}
        items = [
            Item(kind="identify", user_id=user, traits={"email": EMAILS[user]}),
            Item(kind="track", user_id=user, event=TRIGGER, properties=properties),
        ]
        assert not recording.record(self.site.source, items, self.now).rejected
        self.people.met(user)
        for key in ("changes", "enrollments")[:carried]:
            QUEUES[key].work(self.now)

    @rule(
        user=who, order=st.sampled_from(["", "a", "b"]), carried=st.integers(0, 2), event=st.sampled_from(DEEDS),
        fate=fates,
    )  # fmt: skip
    def do(self, user, order, carried, event, fate):
        """What campaigns look out for: a wait, a way out, a goal; the request may die, and is sent again."""
        properties = {"order": order} if order else {}
        item = Item(kind="track", user_id=user, event=event, properties=properties)
        with self.whole(fate):
            recording.record(self.site.source, [item], self.now)
        if fate.struck:
            assert not recording.record(self.site.source, [item], self.now).rejected
        self.people.met(user)
        for key in ("changes", "enrollments")[:carried]:
            QUEUES[key].work(self.now)

    @rule(user=who, verb=st.sampled_from([consent.unsubscribe, consent.resubscribe]))
    def say(self, user, verb):
        for address in Address.objects.filter(email=EMAILS[user]):
            verb(address.pk, now=self.now, source="account page")

    @rule(one=who, other=who, fate=fates)
    def merge(self, one, other, fate):
        ids = dict(Identity.objects.filter(kind="user").values_list("value", "contact_id"))
        if one in ids and other in ids:
            with self.whole(fate):
                merging.merge([(ids[one], ids[other])], self.now)
            if not fate.struck:
                self.people.are_one(one, other)
                self.behind |= {ids[one], ids[other]}

    # --- marketers ---

    @rule(index=which, verb=st.sampled_from(["pause", "resume", "resume", "archive", "send again"]), fate=fates)
    def manage(self, index, verb, fate=ALL_GOES_WELL):
        campaign = Campaign.objects.get(pk=self.campaigns[index % len(self.campaigns)])
        # Refused: in so many words, this cannot be done now.
        with contextlib.suppress(lifecycle.Refused, publishing.Refused), self.whole(fate):
            if verb == "send again":
                SiteSettings.get().allow_sending()
            else:
                getattr(lifecycle, verb)(campaign, self.site.user, self.now)

    # --- time and workers ---

    @rule(minutes=st.sampled_from([1, 61, 130, 1441, 4400]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)

    @rule(key=st.sampled_from(KEYS), fate=fates)
    def work(self, key, fate):
        """A piece of one worker's work; it dies, or fails, at any statement, and the next one goes on."""
        with fate.meets():
            QUEUES[key].work(self.now)

    @rule(key=st.sampled_from(["changes", *["enrollments"] * 3]), nth=st.integers(1, 40), times=st.integers(4, 12))
    def work_amid_faults(self, key, nth, times):
        """Where everything fails for a while, people are stopped, and wait for a person."""
        QUEUES["changes"].work(self.now)
        with Fate("fails", nth, times).meets():
            QUEUES[key].work(self.now)

    @rule()
    def work_until_nothing_is_due(self):
        engine.run(self.now)
        invariants.nothing_is_overdue(self.now)
        invariants.nobody_waits_for_what_happened(self.behind)
        invariants.nobody_is_left_out(self.behind)

    @rule(limit=few, fate=fates)
    def send_some(self, limit, fate):
        """One worker's batch, which dies or fails at any statement."""
        with fate.meets():
            send_and(lambda: None, self.now, limit, nth=1, before=False)

    @rule(fault=faults, meanwhile=st.sampled_from(MEANWHILE), user=who, index=which, limit=few, nth=few, before=flag)
    def send(self, fault, meanwhile, user, index, limit, nth, before):
        """One worker's batch; at the nth commit something happens, or it dies."""
        if fault:
            verb, what = FAULTS[fault]
            self.server.on(verb, times=1, **what)
        deeds = {
            "": lambda: None,
            "dies": die,
            "unsubscribe": lambda: self.say(user, consent.unsubscribe),
            "pause": lambda: self.manage(index, "pause"),
            "archive": lambda: self.manage(index, "archive"),
            "sign up": lambda: self.sign_up(user, "", 1),
            "merge": lambda: (self.merge("ann", user, ALL_GOES_WELL), QUEUES["merges"].work(self.now)),
            "lease lost": self.leases_run_out,
        }
        self.bring_on("settled")
        send_and(deeds[meanwhile], self.now, limit, nth, before)

    def bring_on(self, *keys: str) -> None:
        """So that there is something to send, or to call."""
        for key in ("changes", *keys, "enrollments"):
            QUEUES[key].work(self.now)

    @rule(limit=few)
    def a_worker_claims_and_stalls(self, limit):
        self.bring_on("settled")
        if messages := claim(self.now, limit):
            self.stalled.append(messages)

    @precondition(lambda self: self.stalled)
    @rule(data=st.data())
    def a_stalled_worker_goes_on(self, data):
        messages = self.stalled.pop(data.draw(st.integers(0, len(self.stalled) - 1)))
        way = transport_from(self.site.server.url)
        Batch(messages, way, self.now).send()
        way.close()

    @rule()
    def leases_run_out(self):
        Message.objects.filter(lease_until__isnull=False).update(lease_until=Now() - Value(timedelta(hours=1)))
        QUEUES["leases"].work(self.now)
        invariants.nobody_holds_what_ran_out()

    def all_comes_to_an_end(self) -> None:
        """Workers live, servers behave, nobody stops anything any more: within weeks everybody is through."""
        self.server.rules.clear()
        self.nothing_waits_for_a_person()
        for index in range(4):
            self.manage(index, "resume")
        SiteSettings.get().allow_sending()
        for _ in range(6):
            self.leases_run_out()
            engine.run(self.now)
            self.now += timedelta(hours=30)
        invariants.nothing_is_overdue(self.now - timedelta(hours=30))
        World().holds(self.server.accepted)
        self.what_is_left()

    def what_is_left(self) -> None:
        World().nobody_is_left()

    # --- what holds ---

    @invariant()
    def all_holds(self):
        world = World()
        world.holds(self.server.accepted)
        self.people.enter(world.enrollments.values())
        self.last = world.nobody_entered(self.closed, self.last)
        invariants.only_planted_faults_are_met()
        if not Merge.objects.filter(Q(due_at__lte=self.now) | ~Q(fault="")).exists():
            world.nobody_is_inside_twice(self.people.person)
        assert not self.server.violations
        for mail in self.server.accepted[self.seen :]:
            [message] = [one for one in world.messages.values() if one.message_id == mail.message["Message-ID"]]
            marketing = message.purpose == Message.Purpose.MARKETING
            assert not (marketing and mail.recipient in self.silent), f"{mail.recipient} had unsubscribed"
            assert message.campaign_id not in self.resting, "its campaign did not run"
        self.remember()

    def remember(self) -> None:
        self.look_what_waits()
        self.seen = len(self.server.accepted)
        unsubscribed = Address.objects.filter(unsubscribed_at__isnull=False)
        self.silent = set(unsubscribed.values_list("email", flat=True))
        self.behind |= set(Change.objects.filter(due_at=None).values_list("contact", flat=True))
        states = dict(Campaign.objects.values_list("pk", "state"))
        self.resting = {pk for pk, state in states.items() if state not in RUNNING}
        self.closed = {pk for pk, state in states.items() if state != Campaign.State.ACTIVE}


def run(make, request, examples: int, steps: int = 40) -> None:
    """Play that many examples of a machine; a long search tells of what it finds without making it shorter."""
    searched = int(os.environ.get("MACHINE_EXAMPLES", 0))
    chosen = settings(
        max_examples=searched or examples,
        stateful_step_count=40 if searched else steps,
        deadline=None,
        derandomize=request.config.getoption("hypothesis_seed", None) is None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate] if searched else [Phase.generate, Phase.shrink],
    )
    with pytest.MonkeyPatch.context() as patch:  # its own is five minutes, longer than all tests may take
        patch.setattr("hypothesis.internal.conjecture.engine.MAX_SHRINKING_SECONDS", 60)
        run_state_machine_as_test(make, settings=chosen)
