"""The machine over campaigns that are drawn at random, edited on the canvas and published again under people."""

import contextlib
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from automation import by_hand, enrolling, fuse_releasing, fuses, letting_in, requesting, returning
from automation.call_models import Call
from automation.models import Enrollment, EntryRequest
from automation.webhooks import calling, claiming
from campaigns import checking, lifecycle
from campaigns.document import Document, Trigger
from campaigns.models import Campaign, FrequencyCap
from campaigns.resuming import Resumption
from contacts.models import Identity
from events import recording
from events.items import Item
from ops.models import Source
from ops.work import QUEUES
from segments.models import Segment
from tests import engine
from tests.automation.webhooks import LOOPBACK
from tests.factories import NOW, ContactFactory, TemplateFactory, TopicFactory, UserFactory
from tests.factories import site as complete_site
from tests.http_receiver import Receiver, answer, nothing
from tests.properties import on_time, staying_true
from tests.properties.beginnings import Beginning
from tests.properties.deciding import seeds
from tests.properties.drawing import Things, documents
from tests.properties.dying import fates
from tests.properties.machine import run, who
from tests.properties.people import EMAILS
from tests.properties.trying import Trying
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
lates = st.sampled_from(["", "send", "shift", "exit"])


class Site:
    """What campaigns can name, and limits that they share."""

    once = None

    def __init__(self, mail: FaultySmtpServer, shop: Receiver, patch: pytest.MonkeyPatch):
        self.server, self.shop = mail, shop
        complete_site(quiet_from="23:00", quiet_to="05:00", timezone="Europe/Berlin")
        self.user, topic = UserFactory(), TopicFactory(key="news")
        self.source = Source.objects.create(name="Shop")
        UserFactory(username="sam", email="sam@acme.example")
        made()
        self.tester = ContactFactory(email="tess@acme.example", is_test=True).pk
        self.cap = FrequencyCap.objects.create(most=2, amount=6, unit="hours").pk
        FrequencyCap.objects.create(most=3, amount=2, unit="days", topic=topic)
        lists = [Segment.objects.create(name=n, kind=Segment.Kind.STATIC, created_at=NOW).pk for n in ("One", "Two")]
        templates = [TemplateFactory(transactional=transactional).pk for transactional in (False, False, True)]
        # There first, so that the others can name them.
        self.campaigns = [
            lifecycle.create(Document(name=name, triggers=[Trigger(kind="campaign")]), self.user, NOW).pk
            for name in ("First", "Second")
        ]
        self.things = Things(templates, lists, self.campaigns, "news", "sam", shop.url)
        self.beginning = Beginning(patch)


class Drawn(Trying):
    def __init__(self, site: Site):
        super().__init__(site)
        self.stalled_calls: list[list[Call]] = []
        self.memory, self.clockwork = staying_true.Memory(), on_time.Clockwork()
        site.shop.answers = [answer()]

    @initialize(data=st.data())
    def some_are_on_their_way(self, data):
        self.now = NOW + timedelta(hours=data.draw(st.sampled_from([0, 0, 13])))  # in the day, or in quiet hours
        for pk in self.campaigns:
            campaign = Campaign.objects.get(pk=pk)
            document = data.draw(documents(self.site.things, campaign.name))
            campaign = lifecycle.save_draft(campaign, document, campaign.revision, self.site.user, self.now)
            assert not checking.problems(document), "drawn to be valid"
            lifecycle.activate(campaign, self.site.user, self.now, expected=data.draw(st.sampled_from([None, None, 4])))
        FrequencyCap.objects.filter(pk=self.site.cap).update(most=data.draw(st.sampled_from([1, 1, 2])))
        for user in EMAILS:
            self.become(user, data.draw(st.sampled_from(TRAITS)), False)
        # The others come later, or because it is time.
        for user in sorted(EMAILS)[: data.draw(st.integers(2, 6))]:
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

    @rule(user=who, index=st.integers(0, 1), order=st.sampled_from(["", "a"]), hours=st.sampled_from([0, 0, 1, 50]),
          fate=fates)  # fmt: skip
    def other_software_asks(self, user, index, order, hours, fate):
        """To let somebody in, now or later."""
        who_is_it = Identity.objects.get(kind="user", value=user).contact_id
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        asked = {"at": self.now + timedelta(hours=hours), "data": {"order": order} if order else {}}
        with contextlib.suppress(requesting.Refused), self.whole(fate):
            requesting.ask(campaign, who_is_it, self.site.source, self.now, **asked)

    @rule(seed=seeds)
    def other_software_thinks_better_of_it(self, seed):
        """What was planned is cancelled, or somebody is let out."""
        planned = list(EntryRequest.objects.filter(state="planned").order_by("pk"))
        inside = list(Enrollment.objects.active().order_by("pk").values_list("pk", flat=True))
        if planned:
            requesting.cancel(Random(seed).choice(planned).pk, self.now)
        elif inside:
            enrolling.leave([Random(seed).choice(inside)], "api", "Your own software let them out.", self.now)

    # --- marketers ---

    @rule(index=st.integers(0, 1), late=lates, minutes=st.sampled_from([None, 0, 20]), enter=st.booleans(), fate=fates)
    def resume(self, index, late, minutes, enter, fate):
        campaign = Campaign.objects.get(pk=self.campaigns[index])
        with contextlib.suppress(lifecycle.Refused), self.whole(fate):
            lifecycle.resume(campaign, self.site.user, self.now, Resumption(late, minutes, enter))
            if enter and not campaign.draining_since:
                self.clockwork.are_to_come_in(campaign, self.now)

    @rule(index=st.integers(0, 1), verb=st.sampled_from(["drain", "reopen"]))
    def let_nobody_in(self, index, verb):
        with contextlib.suppress(lifecycle.Refused):
            getattr(lifecycle, verb)(
                Campaign.objects.get(pk=self.campaigns[index % len(self.campaigns)]), self.site.user, self.now
            )
        lifecycle.end_drained(self.now)

    @rule(verb=st.sampled_from(["move", "wake", "let_out"]), seed=seeds, fate=fates)
    def by_hand(self, verb, seed, fate):
        inside = list(Enrollment.objects.active().select_related("contact", "campaign").order_by("pk"))
        chance = Random(seed)
        if not inside:
            return
        row = chance.choice(inside)
        more = [chance.choice(by_hand.steps_of(row)).uid] if verb == "move" else []
        with contextlib.suppress(by_hand.Refused), self.whole(fate):
            getattr(by_hand, verb)(row, *more, self.site.user, self.now)

    @rule(seed=seeds, fate=fates)
    def decide_about_a_fuse(self, seed, fate):
        blown, chance = list(fuse_releasing.all_blown().order_by("pk")), Random(seed)
        if not blown:
            return
        fuse, terms = chance.choice(blown), fuse_releasing.Terms(chance.choice([1, 9]), chance.choice([0, 2, None]))
        with contextlib.suppress(fuse_releasing.Refused), self.whole(fate):
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
            self.clockwork.is_kept(self.now, self.behind)
            self.now += timedelta(hours=some)

    @rule(count=st.integers(1, 6), minutes=st.sampled_from([0, 0, 1, 20]))
    def what_is_due_next_comes(self, count, minutes):
        """One thing after the other, each at its very moment or a little later."""
        for _ in range(count):
            if soonest := on_time.next_due(self.now):
                self.now = soonest + timedelta(minutes=minutes)
            self.engine_lives()
            engine.run(self.now)
            self.clockwork.is_kept(self.now, self.behind)

    @rule(change=st.sampled_from(CLOCKS_CHANGE), hours=st.sampled_from([-3, -1, 1]))
    def clocks_change(self, change, hours):
        self.now = max(self.now, change + timedelta(hours=hours))

    @rule(said=st.sampled_from(ANSWERS))
    def the_receiver_answers(self, said):
        self.site.shop.answers = [said]

    @rule(limit=st.integers(1, 3))
    def a_worker_claims_calls_and_stalls(self, limit):
        self.bring_on()
        if calls := claiming.claim(self.now, limit):
            self.stalled_calls.append(calls)

    @rule(late=st.booleans())
    def a_stalled_worker_calls(self, late):
        if late:
            self.leases_run_out()
        if self.stalled_calls:
            calling.Batch(self.now).run(self.stalled_calls.pop(0), lambda *_: [])

    def leases_run_out(self):
        Call.objects.filter(lease_until__isnull=False).update(lease_until=datetime(2000, 1, 1, tzinfo=UTC))
        claiming.take_back(self.now)
        super().leases_run_out()

    # --- what holds ---

    @rule()
    def work_until_nothing_is_due(self):
        super().work_until_nothing_is_due()
        self.memory.gates_are_full()
        self.memory.who_has_to_leave_has_left()
        self.clockwork.is_kept(self.now, self.behind)

    def remember(self) -> None:
        super().remember()
        self.memory.holds()
        self.clockwork.look(self.now)

    def all_comes_to_an_end(self) -> None:
        self.site.shop.answers = [answer()]
        super().all_comes_to_an_end()

    def what_is_left(self) -> None:
        staying_true.everybody_has_a_way_on(self.now)
        staying_true.numbers_are_those_of_the_rows(self.campaigns, self.server.accepted)
        for pk in self.campaigns:
            with contextlib.suppress(lifecycle.Refused):
                lifecycle.archive(Campaign.objects.get(pk=pk), self.site.user, self.now)
        self.runs_are_stopped()
        self.work_until_nothing_is_due()
        staying_true.nobody_is_left()


@pytest.fixture
def drawn_site(db, settings, monkeypatch):
    monkeypatch.setattr(fuses, "LEAST", 4)  # else it takes a thousand people
    monkeypatch.setattr(letting_in, "AT_ONCE", 3)
    monkeypatch.setattr(returning, "MISSED_AT_ONCE", 2)
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_HTTP, settings.WEBHOOK_CONNECTIONS = LOOPBACK, True, 1
    with FaultySmtpServer() as mail, Receiver() as shop:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = mail.url, 1
        yield Site(mail, shop, monkeypatch)


def test_whatever_is_drawn_and_however_it_is_changed_nobody_is_lost_or_mailed_twice(drawn_site, request):
    run(lambda: Drawn(drawn_site), request, examples=3, steps=36)
