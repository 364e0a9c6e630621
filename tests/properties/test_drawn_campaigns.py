"""The machine over campaigns that are drawn at random, edited on the canvas and published again under people."""

import contextlib
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from automation import by_hand, fuse_releasing, fuses, returning
from automation.call_models import Call
from automation.models import Enrollment
from automation.webhooks import calling, claiming
from campaigns import checking, flow_edits, lifecycle, publishing
from campaigns.choices import Choices, StepChoice
from campaigns.document import Document, StepDoc, Trigger, parse
from campaigns.flow import Flow
from campaigns.flow_edits import CannotBeDone, Deed
from campaigns.impact import impact
from campaigns.models import Campaign, FrequencyCap
from campaigns.resuming import Resumption
from events import recording
from events.items import Item
from ops.models import Source
from ops.work import QUEUES
from segments.models import Segment
from tests import engine
from tests.automation.webhooks import LOOPBACK
from tests.factories import NOW, TemplateFactory, TopicFactory, UserFactory
from tests.factories import site as complete_site
from tests.http_receiver import Receiver, answer, nothing
from tests.properties import drawing, staying_true
from tests.properties.drawing import Things, documents, flows
from tests.properties.machine import Machine, run, who
from tests.properties.people import EMAILS
from tests.scoring.building import made
from tests.smtp_server import FaultySmtpServer

ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Nowhere/Else", ""]
TRAITS = [*({"timezone": zone} for zone in ZONES), *({"plan": plan} for plan in ("pro", "lost", None)),
          *({"ends_at": day} for day in ("2026-03-29T02:30:00", "2026-03-10", "2020-02-29", "soon"))]  # fmt: skip
CLOCKS_CHANGE = [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC),
                 datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]  # fmt: skip
ANSWERS = [
    answer(200, {"seats": 3}),
    answer(200, "fine"),
    answer(410),
    answer(500),
    answer(429, retry_after="90"),
    nothing,
]
# What there is to choose from follows from ids, which no two runs have alike: it is chosen by a seed that is drawn.
seeds = st.integers(0, 10_000)
lates = st.sampled_from(["", "send", "shift", "exit"])
QUEUE_KEYS = ["enrollments", "changes", "settled", "webhooks", "gates", "merges", "jobs"]


class Site:
    """What campaigns can name, and limits that they share."""

    once = None

    def __init__(self, mail: FaultySmtpServer, shop: Receiver):
        self.server, self.shop = mail, shop
        complete_site(quiet_from="23:00", quiet_to="05:00")
        self.user, topic = UserFactory(), TopicFactory(key="news")
        self.source = Source.objects.create(name="Shop")
        UserFactory(username="sam", email="sam@acme.example")
        made()
        FrequencyCap.objects.create(most=2, amount=6, unit="hours")
        FrequencyCap.objects.create(most=3, amount=2, unit="days", topic=topic)
        lists = [Segment.objects.create(name=n, kind=Segment.Kind.STATIC, created_at=NOW).pk for n in ("One", "Two")]
        templates = [TemplateFactory(transactional=transactional).pk for transactional in (False, False, True)]
        # There first, so that the others can name them.
        self.campaigns = [
            lifecycle.create(Document(name=name, triggers=[Trigger(kind="campaign")]), self.user, NOW).pk
            for name in ("First", "Second")
        ]
        self.things = Things(templates, lists, self.campaigns, "news", "sam", shop.url)


class Drawn(Machine):
    def __init__(self, site: Site):
        super().__init__(site)
        self.stalled_calls: list[list[Call]] = []
        self.memory = staying_true.Memory()
        site.shop.answers = [answer()]

    @initialize(data=st.data())
    def some_are_on_their_way(self, data):
        for pk in self.campaigns:
            campaign = Campaign.objects.get(pk=pk)
            document = data.draw(documents(self.site.things, campaign.name))
            campaign = lifecycle.save_draft(campaign, document, campaign.revision, self.site.user, self.now)
            assert not checking.problems(document), "drawn to be valid"
            lifecycle.activate(campaign, self.site.user, self.now)
        for user in EMAILS:
            self.become(user, data.draw(st.sampled_from(TRAITS)), False)
            for order in ("a", "b"):
                self.sign_up(user, order, 0)
        engine.run(self.now)

    # --- people ---

    @rule(user=who, traits=st.sampled_from(TRAITS), carried=st.booleans())
    def become(self, user, traits, carried):
        item = Item(kind="identify", user_id=user, traits={"email": EMAILS[user], **traits})
        recording.record(self.site.source, [item], self.now)
        self.people.met(user)
        if carried:
            QUEUES["changes"].work(self.now)

    # --- marketers ---

    def _edit(self, index, change, valid: bool = False) -> Campaign | None:
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        document = change(parse(campaign.draft))
        found = [one for one in checking.problems(document) if "is archived" not in one.sentence]
        assert not (valid and found), "drawn to be valid"
        if found:
            return None
        return lifecycle.save_draft(campaign, document, campaign.revision, self.site.user, self.now)

    @rule(data=st.data(), index=st.integers(0, 1), head=st.booleans(), seed=seeds)
    def draw_anew(self, data, index, head, seed):
        def change(document):
            document.steps = data.draw(flows(self.site.things))
            if head:
                drawing.head(data.draw, document, self.site.things)
            return document

        self._edit(index, change, valid=True)
        self.publish(index, seed)

    @rule(data=st.data(), index=st.integers(0, 1), seed=seeds)
    def edit_on_the_canvas(self, data, index, seed):
        with contextlib.suppress(CannotBeDone):
            if self._edit(index, lambda document: self._deed(data.draw, document)):
                self.publish(index, seed)

    def _deed(self, draw, document: Document) -> Document:
        flow, uids = Flow(document), [step.uid for step in document.steps]
        ways = [way for ways in flow.ways.values() for way in ways]
        place = draw(st.sampled_from([{"from": way.source, "arm": way.arm} for way in ways]))
        uid, rest = draw(st.sampled_from(uids)), draw(st.booleans())
        do = draw(st.sampled_from(["insert", "insert", "remove", "move", "copy", "lead", "settings"]))
        if do == "settings":
            return self._set(draw, document, uid, document.step(uid).kind)
        kind = draw(st.sampled_from(drawing.KINDS)) if do == "insert" else ""
        to = draw(st.sampled_from([None, *uids])) if do == "lead" else None
        deed = Deed(do=do, uid=uid, kind=kind, at=place, to=to, rest=rest)
        after, shown = flow_edits.do(document, deed)
        return self._set(draw, after, shown, kind) if do == "insert" else after

    def _set(self, draw, document: Document, uid: str, kind: str) -> Document:
        step = document.step(uid)
        before = StepDoc(uid=uid, kind=kind, config=step.config, next=step.next)
        ahead = [other.uid for other in document.steps if other.uid != uid]
        step.config = drawing.config(draw, self.site.things, kind, ahead)
        flow_edits.settle_arms(step, before)
        return document

    @rule(index=st.integers(0, 1), seed=seeds)
    def publish(self, index, seed):
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        if not checking.problems(parse(campaign.draft)):
            publishing.publish(campaign, self.site.user, self.now, self._choices(Random(seed), campaign))

    def _choices(self, chance: Random, campaign: Campaign) -> Choices:
        uids, asking = [step.uid for step in parse(campaign.draft).steps], impact(campaign).steps
        deeds = ["next", "step", "due", "due", "exit"]
        gone = [step.uid for step in asking if step.asks == "removed"]
        waits = [step.uid for step in asking if step.asks == "wait"]
        return Choices(
            people=chance.choice(["follow", "follow", "follow", "drain"]),
            removed={uid: StepChoice(then=chance.choice(deeds), target=chance.choice(uids)) for uid in gone},
            waits={uid: chance.choice(["keep", "recompute"]) for uid in waits},
        )

    @rule(index=st.integers(0, 1), seed=seeds)
    def roll_back(self, index, seed):
        row = Random(seed).choice(list(Campaign.objects.get(pk=self.campaigns[index]).versions.order_by("number")))
        if self._edit(index, lambda _: parse(row.document)):
            self.publish(index, seed)

    @rule(index=st.integers(0, 1), late=lates, minutes=st.sampled_from([None, 0, 20]), enter=st.booleans())
    def resume(self, index, late, minutes, enter):
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        with contextlib.suppress(lifecycle.Refused):
            lifecycle.resume(campaign, self.site.user, self.now, Resumption(late, minutes, enter))

    @rule(index=st.integers(0, 1), verb=st.sampled_from(["drain", "reopen"]))
    def let_nobody_in(self, index, verb):
        with contextlib.suppress(lifecycle.Refused):
            getattr(lifecycle, verb)(
                Campaign.objects.get(pk=self.campaigns[index % len(self.campaigns)]), self.site.user, self.now
            )
        lifecycle.end_drained(self.now)

    @rule(verb=st.sampled_from(["move", "wake", "let_out"]), seed=seeds)
    def by_hand(self, verb, seed):
        inside = list(Enrollment.objects.active().select_related("contact", "campaign").order_by("pk"))
        chance = Random(seed)
        if not inside:
            return
        row = chance.choice(inside)
        more = [chance.choice(by_hand.steps_of(row)).uid] if verb == "move" else []
        with contextlib.suppress(by_hand.Refused):
            getattr(by_hand, verb)(row, *more, self.site.user, self.now)

    @rule(seed=seeds)
    def decide_about_a_fuse(self, seed):
        blown, chance = list(fuse_releasing.all_blown().order_by("pk")), Random(seed)
        if not blown:
            return
        fuse, terms = chance.choice(blown), fuse_releasing.Terms(chance.choice([1, 9]), chance.choice([0, 2, None]))
        with contextlib.suppress(fuse_releasing.Refused):
            if chance.random() < 0.7:
                fuse_releasing.release(fuse, terms, self.site.user, self.now)
            else:
                fuse_releasing.take_out(fuse, self.site.user, self.now)

    # --- time and workers ---

    @rule(days=st.sampled_from([0.01, 0.3, 1, 15]))
    def time_passes_with_the_engine_running(self, days):
        """No outage; though nobody has been looked at."""
        returning.notice(self.now)
        self.now += timedelta(days=days)
        self.engine_lives()

    def engine_lives(self):
        returning.Pulse.objects.update_or_create(pk=1, defaults={"at": self.now})

    @rule(hours=st.lists(st.sampled_from([0.1, 1, 7, 26]), min_size=2, max_size=5))
    def days_go_by(self, hours):
        """As days do: looked at again and again, with nothing in between."""
        for some in hours:
            self.engine_lives()
            engine.run(self.now)
            self.now += timedelta(hours=some)

    @rule(change=st.sampled_from(CLOCKS_CHANGE), hours=st.sampled_from([-3, -1, 1]))
    def clocks_change(self, change, hours):
        self.now = max(self.now, change + timedelta(hours=hours))

    @rule(key=st.sampled_from(QUEUE_KEYS))
    def work_off_one(self, key):
        QUEUES[key].work(self.now)

    @rule(said=st.sampled_from(ANSWERS))
    def the_receiver_answers(self, said):
        self.site.shop.answers = [said]

    @rule(limit=st.integers(1, 3))
    def a_worker_claims_calls_and_stalls(self, limit):
        if calls := claiming.claim(self.now, limit):
            self.stalled_calls.append(calls)

    @rule(late=st.booleans())
    def a_stalled_worker_calls(self, late):
        if late:
            self.leases_run_out()
        if self.stalled_calls:
            calling.Batch(self.now).run(self.stalled_calls.pop(0), lambda *_: [])

    def leases_run_out(self):
        super().leases_run_out()
        Call.objects.filter(lease_until__isnull=False).update(lease_until=datetime(2000, 1, 1, tzinfo=UTC))
        claiming.take_back(self.now)

    # --- what holds ---

    def remember(self) -> None:
        super().remember()
        self.memory.holds()

    def all_comes_to_an_end(self) -> None:
        self.site.shop.answers = [answer()]
        super().all_comes_to_an_end()

    def what_is_left(self) -> None:
        staying_true.everybody_has_a_way_on(self.now)
        staying_true.numbers_are_those_of_the_rows(self.campaigns, self.server.accepted)
        for pk in self.campaigns:
            with contextlib.suppress(lifecycle.Refused):
                lifecycle.archive(Campaign.objects.get(pk=pk), self.site.user, self.now)
        self.work_until_nothing_is_due()
        staying_true.nobody_is_left()


@pytest.fixture
def drawn_site(db, settings, monkeypatch):
    monkeypatch.setattr(fuses, "LEAST", 5)  # else it takes a thousand people
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP = LOOPBACK, True
    with FaultySmtpServer() as mail, Receiver() as shop:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = mail.url, 1
        yield Site(mail, shop)


def test_whatever_is_drawn_and_however_it_is_changed_nobody_is_lost_or_mailed_twice(drawn_site, request):
    run(lambda: Drawn(drawn_site), request, examples=3)
