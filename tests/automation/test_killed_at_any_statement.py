"""`kill -9` at one statement after the other of what the engine does in the database: nothing twice, nothing lost."""

import os
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from time import sleep

import pytest
from django.conf import settings

from automation.models import Enrollment, Visit
from contacts.models import Change, ContactTag
from events import recording
from events.items import Item
from ops.models import Source
from ops.work import QUEUES
from tests import engine
from tests.automation.flows import flow, mail, step, wait
from tests.connections import others
from tests.factories import NOW
from tests.processes import ROOT, database_url

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE, EVERY = 12, 6
LATER = NOW + timedelta(days=1)
STEPS = ["tag", "one", "wait", "gate", "two"]


class Workers:
    """Real processes, one at a time; each is killed at a later statement than the one before."""

    def __init__(self):
        environment = os.environ | {
            "DATABASE_URL": database_url(), "SECRET_KEY": settings.SECRET_KEY, "LOG_LEVEL": "ERROR",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.automation.dying_worker"]
        self.kills = Counter()
        self.nursery = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def work_off(self, key: str, now: datetime) -> None:
        """Worker after worker, until one comes to the end of a batch."""
        for nth in range(1, 1000, EVERY):
            self.nursery.stdin.write(f"{key}|{nth}|{now.isoformat()}\n")
            self.nursery.stdin.flush()
            answer = self.nursery.stdout.readline().strip()
            while others():  # until the database has noticed
                sleep(0.002)
            if answer != "killed":
                assert answer == "lived"
                return
            self.kills[key] += 1

    def close(self) -> None:
        self.nursery.stdin.close()
        self.nursery.wait(10)


@pytest.fixture
def workers():
    workers = Workers()
    yield workers
    workers.close()


def sign_up() -> None:
    items = [
        item
        for number in range(PEOPLE)
        for item in (
            Item(kind="identify", user_id=f"u{number}", traits={"email": f"u{number}@example.com"}),
            Item(kind="track", user_id=f"u{number}", event="users.signed_up"),
        )
    ]
    recording.record(Source.objects.create(name="Shop"), items, NOW)


def test_wherever_a_worker_is_killed_the_next_one_goes_on_from_there(inbox, workers):
    flow(
        step("tag", "tag", {"add": ["new"]}, "one"), mail("one", then="wait"), wait("wait", 1, "gate"),
        step("gate", "gate", {"places": PEOPLE - 2}, "two"), mail("two"),
    )  # fmt: skip
    sign_up()
    for key in ("changes", "enrollments"):
        workers.work_off(key, NOW)
    while QUEUES["mail"].work(NOW):
        pass
    workers.work_off("settled", NOW)
    engine.run(NOW)
    for key in ("enrollments", "gates", "enrollments"):
        workers.work_off(key, LATER)
    engine.run(LATER)

    assert Counter(mail.message["Subject"] for mail in inbox.accepted) == {"one": PEOPLE, "two": PEOPLE}
    assert len({(mail.recipient, mail.message["Subject"]) for mail in inbox.accepted}) == 2 * PEOPLE
    assert Counter(Visit.objects.values_list("step_uid", "occurrence")) == {(uid, 1): PEOPLE for uid in STEPS}
    assert set(Enrollment.objects.values_list("state", flat=True)) == {"finished"}
    assert Enrollment.objects.count() == ContactTag.objects.count() == PEOPLE and not Change.objects.exists()
    assert min(workers.kills[key] for key in ("changes", "enrollments", "settled", "gates")) >= 2, workers.kills
