"""What every run stands on: a database, a mail server that keeps what it accepted, people who sign up and some who
unsubscribe meanwhile, and who was being written to at the moment when something was killed."""

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from automation.models import Enrollment
from campaigns import queueing
from campaigns.claiming import take_back
from campaigns.models import Campaign, Message
from campaigns.queueing import new_message
from contacts import consent
from contacts.models import Change, Contact
from events import recording
from events.items import Item
from lib import clock
from ops.models import Source
from tests import connections, processes
from tests.factories import CampaignFactory, TemplateFactory, address_id
from tests.smtp_server import FaultySmtpServer

CONNECTIONS, PROCESSES = 4, 2
ONE_IN = 25  # who unsubscribes, of all people

# Every mark is noted by the database itself, whatever became of the message afterwards.
NOTE_MARKS = """
CREATE TABLE fault_mark (message_id uuid, address_id bigint);
CREATE FUNCTION note_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO fault_mark VALUES (NEW.id, NEW.address_id); RETURN NULL; END $$;
CREATE TRIGGER note_mark AFTER UPDATE ON campaigns_message FOR EACH ROW
    WHEN (NEW.state = 'sending' AND OLD.state <> 'sending') EXECUTE FUNCTION note_mark();
"""


class Scene:
    """`people` counts those who are to be written to; `in_hand` are the messages that may be unknown, because they
    were being handed over when something was killed or cut, as the database had it at that moment.
    """

    def __init__(self, cluster, server: FaultySmtpServer, seed: int, full: bool):
        self.cluster, self.server, self.full = cluster, server, full
        self.chance = random.Random(seed)
        self.people = self.kills = self.unsubscribed = 0
        self.in_hand: set[str] = set()
        self.some_leave = False  # before their mail is written: merged, archived, not taken in
        self.pauses: list[float] = []
        self.workers: list[int] = []
        self.template = TemplateFactory()
        self.campaign: Campaign = CampaignFactory(template=self.template, expected=100_000, now=clock.now())
        self.source = Source.objects.create(name="Shop")
        with connection.cursor() as cursor:
            cursor.execute(NOTE_MARKS)

    # --- people ---

    def sign_up(self, count: int) -> None:
        """Over the one door in, so that entering, advancing and settling are part of it."""
        items = []
        for number in range(self.people, self.people + count):
            who = {"user_id": f"u{number}"}
            items.append(Item(kind="identify", traits={"email": f"u{number}@example.com"}, **who))
            items.append(Item(kind="track", event="Signed Up", **who))
        recording.record(self.source, items, clock.now())
        self.people += count

    def queue(self, count: int) -> None:
        """Mails that stand in the queue already: sending alone is looked at."""
        now, numbers = clock.now(), range(self.people, self.people + count)
        contacts = Contact.objects.bulk_create(Contact(address_id=address_id(f"u{n}@example.com")) for n in numbers)
        queueing.queue([
            new_message(
                key=f"visit:{n}:first:1", contact=contact, template=self.template, now=now,
                campaign=self.campaign, version=self.campaign.live, step_uid="first",
            )
            for n, contact in zip(numbers, contacts, strict=True)
        ])  # fmt: skip
        self.people += count

    def somebody_unsubscribes(self) -> None:
        if self.unsubscribed * ONE_IN >= self.people:
            return
        number = self.chance.randrange(self.people)
        with suppress(OperationalError, InterfaceError), transaction.atomic():
            found = Contact.objects.filter(address__email=f"u{number}@example.com").values_list("address_id", flat=True)
            if found and consent.unsubscribe(found[0], now=clock.now(), source="a fault run"):
                self.unsubscribed += 1

    # --- time ---

    def wait_until(self, holds: Callable[[], object], seconds: float, what: str) -> float:
        """Until `holds()`; people go on unsubscribing meanwhile. Returns the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.chance.random() < 0.2:
                self.somebody_unsubscribes()
            with suppress(OperationalError, InterfaceError):
                if holds():
                    return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"Not within {seconds:g} s: {what} ({self.standing()})")

    def mails_go_on(self, count: int = 1, seconds: float = 60) -> float:
        """So many more mails arrive by themselves; what it took is kept for the table."""
        goal = len(self.server.accepted) + count
        pause = self.wait_until(lambda: len(self.server.accepted) >= goal, seconds, f"{count} mails more")
        self.pauses.append(pause)
        return pause

    def all_is_settled(self, seconds: float = 125) -> float:
        """A lease and 60 s, with a little for the looking."""
        return self.wait_until(self.is_settled, seconds, "everything is settled")

    def is_settled(self) -> bool:
        if Message.objects.exclude(state__in=["sent", "unknown", "not_sent"]).exists():
            return False
        if Enrollment.objects.active().exists():
            return False
        if self.some_leave:  # how many mails there will be, nobody knows before all news have been read
            return not Change.objects.filter(due_at__isnull=False).exists()
        return Message.objects.count() == self.people

    def a_minute_passes(self) -> None:
        """As far as leases are concerned; where what is looked at is not the time that it takes."""
        Message.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))
        take_back(clock.now())

    # --- processes ---

    @contextmanager
    def worker(self, **environment: str) -> Iterator[processes.subprocess.Popen]:
        started = processes.worker(
            EMAIL_URL=self.server.url, MAIL_CONNECTIONS=str(CONNECTIONS), WORKER_PROCESSES=str(PROCESSES),
            SECRET_KEY=settings.SECRET_KEY, **environment,
        )  # fmt: skip
        with started as process:
            self.workers.append(process.pid)
            try:
                yield process
            finally:
                self.workers.remove(process.pid)

    @contextmanager
    def standstill(self) -> Iterator[None]:
        """No worker moves: what is in hand stays in hand, and can be counted."""
        pids = [member for pid in self.workers for member in (pid, *processes.descendants(pid))]
        _tell(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _tell(pids, signal.SIGCONT)

    def note_in_hand(self) -> None:
        """Who is being written to just now; for a standstill, or when those who wrote are dead."""
        self.in_hand |= {pk.hex for pk in Message.objects.filter(state="sending").values_list("pk", flat=True)}

    def kill(self, pids: Sequence[int], senders: Sequence[int] = ()) -> None:
        """Kill them. Where their death makes the worker end its `senders`, these stand still until then."""
        with self.standstill():
            self.statements_end()
            _tell(pids, signal.SIGKILL)
            self.kills += 1
            self.note_in_hand()
            others = [pid for one in self.workers for pid in (one, *processes.descendants(one)) if pid not in senders]
            _tell(others, signal.SIGCONT)
            until = time.monotonic() + 1.5
            while time.monotonic() < until and any(map(processes.alive, senders)):
                time.sleep(0.02)

    def kill_all(self, process) -> None:
        """A worker and all its parts; where its ticker was killed before, what is left ends by itself."""
        with self.standstill():
            self.statements_end()
            processes.kill_all(process.pid)
            self.kills += 1
            self.note_in_hand()

    def statements_end(self) -> None:
        """What stands still had asked something of the database; one that waits for another's lock waits on."""
        with suppress(AssertionError):
            self.wait_until(lambda: connections.others_busy() == 0, 2, "their statements have ended")

    def nobody_else_is_connected(self, but: int = 0) -> None:
        """A statement that a killed one had begun may still be carried out, and commit."""
        self.wait_until(lambda: connections.others() <= but, 20, "the killed one's statements have ended")

    def standing(self) -> str:
        with suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT state || ' ' || count(*) FROM campaigns_message GROUP BY state ORDER BY 1")
            mails = ", ".join(row for (row,) in cursor.fetchall())
            inside = Enrollment.objects.active().values_list("state", "campaign__state").distinct()
            news = Change.objects.filter(due_at__isnull=False).count()
            return f"{mails}; inside: {list(inside)}; news to be read: {news}"
        return "the database does not answer"


def _tell(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        processes.kill(pid, number)
