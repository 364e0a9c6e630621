"""A sender is killed again and again while it sends: nothing arrives twice, nothing is lost, little is unknown."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from campaigns import queueing
from campaigns.claiming import take_back
from campaigns.models import Message, MessageBody
from campaigns.queueing import new_message
from contacts.models import Contact
from lib import clock
from tests import connections
from tests.factories import CampaignFactory, TemplateFactory, address_id
from tests.smtp_server import FaultySmtpServer

MESSAGES, KILLS, CONNECTIONS, BATCH = 500, 18, 4, 16
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


class Senders:
    """Real processes, one at a time, each killed without a warning."""

    def __init__(self, server: FaultySmtpServer):
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
        environment = os.environ | {
            "DATABASE_URL": database.geturl(), "EMAIL_URL": server.url, "MAIL_CONNECTIONS": str(CONNECTIONS),
            "SECRET_KEY": settings.SECRET_KEY, "DJANGO_SETTINGS_MODULE": "config.settings", "BATCH": str(BATCH),
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.stories.killed_sender"]
        self.nursery = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR
        )

    def start(self) -> int:
        self.nursery.stdin.write("go\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    def close(self) -> None:
        self.nursery.stdin.close()
        self.nursery.wait(10)


@pytest.fixture
def server():
    with FaultySmtpServer() as server:
        server.on("DOT", delay=0.01)  # time to be killed in, between the dot and its answer
        yield server


@pytest.fixture
def senders(server):
    senders = Senders(server)
    yield senders
    senders.close()


@pytest.fixture
def killed():
    """Kill a process; whatever the test does, none is left."""
    pids = []
    yield pids.append
    for pid in pids:
        kill(pid)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.005)


def seeded() -> None:
    now, template = clock.now(), TemplateFactory()
    campaign = CampaignFactory(template=template)
    emails = [f"c{n}@example.org" for n in range(MESSAGES)]
    contacts = Contact.objects.bulk_create(Contact(address_id=address_id(email)) for email in emails)
    queueing.queue([
        new_message(
            key=f"visit:{n}:first:1", contact=contact, template=template, now=now - timedelta(seconds=MESSAGES - n),
            campaign=campaign, version=campaign.live, step_uid="first",
        )
        for n, contact in enumerate(contacts)
    ])  # fmt: skip


def leases_run_out() -> None:
    """A minute passes, as far as leases are concerned, and the sweep comes by."""
    Message.objects.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))
    take_back(clock.now())


def alone_in_the_database() -> bool:
    """A statement that the killed one had begun may still be carried out, and commit."""
    return connections.others() == 0


def states() -> Counter:
    return Counter(Message.objects.values_list("state", flat=True))


def wait_until(true, server: FaultySmtpServer) -> None:
    """However slow the machine is: as long as mails arrive, there is no reason to worry."""
    arrived, until = -1, 0.0
    while not true():
        if len(server.accepted) != arrived:
            arrived, until = len(server.accepted), time.monotonic() + 20
        assert time.monotonic() < until, f"the sender does not come on: {states()}"
        time.sleep(0.005)


def test_a_sender_that_is_killed_again_and_again_sends_nothing_twice_and_loses_nothing(server, senders, killed):
    chance = random.Random(int(os.environ.get("KILL_SEED", "20261122")))
    seeded()
    in_flight = 0
    for _ in range(KILLS):
        pid = senders.start()
        killed(pid)
        goal = len(server.accepted) + chance.randrange(1, 2 * MESSAGES // (3 * KILLS))
        wait_until(lambda goal=goal: len(server.accepted) >= goal, server)
        time.sleep(chance.random() * 0.03)
        kill(pid)
        wait_until(alone_in_the_database, server)
        in_flight += Message.objects.filter(state="sending").count()
        leases_run_out()
    assert Message.objects.filter(state="queued").exists(), "it was still sending when it was killed last"
    killed(senders.start())
    wait_until(lambda: not Message.objects.filter(state__in=["queued", "leased", "sending"]).exists(), server)

    accepted = Counter(mail.recipient for mail in server.accepted)
    states = dict(Message.objects.values_list("address__email", "state"))
    unknown = {email for email, state in states.items() if state == "unknown"}
    assert set(states.values()) <= {"sent", "unknown"} and len(states) == MESSAGES
    assert max(accepted.values()) == 1, "P1: nothing is accepted twice"
    assert all(accepted[email] for email, state in states.items() if state == "sent"), "P3: sent implies accepted"
    assert len(unknown) == in_flight <= CONNECTIONS * KILLS, "P4: unknown is what was in flight"
    assert set(accepted) | unknown == set(states), "nothing is lost"
    assert MessageBody.objects.count() >= MESSAGES - len(unknown), "what was sent can be read"
    delivered = len(unknown & set(accepted))
    print(f"{MESSAGES} messages, {KILLS} kills: {len(unknown)} unknown, of which {delivered} arrived; 0 twice, 0 lost")
