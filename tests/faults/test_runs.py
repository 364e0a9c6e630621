"""The fault runs themselves: a small one on every push, and that a broken promise would be noticed."""

import json
import os
import subprocess
import sys

import pytest

from tests.faults import report
from tests.processes import ROOT

pytestmark = pytest.mark.slow


def run(key: str, **environment: str) -> dict:
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment
    command = [sys.executable, "-m", "tests.faults", "--child", key]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_sender_dies_once_at_each_of_seven_points_and_every_promise_holds():
    row = run("F1", FAULT_KILLS="7")
    assert "failed" not in row, row
    assert (row["mails"], row["kills"], row["twice"], row["lost"]) == (210, 7, 0, 0)
    assert row["unknown"] == row["in_hand"] >= 2, "at least those that died before and after the dot"
    assert "| F1 | `kill -9`" in report.for_console([row])
    assert "| 210 | 7 | 0 | 0 |" in report.for_readme({"runs": [row]})


BREACHES = {
    "P1": lambda scene: scene.server.accepted.append(scene.server.accepted[0]),
    "P2": lambda scene: first().update(state="parked"),
    "P3": lambda scene: scene.server.accepted.pop(),
    "P4": lambda scene: first().update(state="unknown"),
}


def first():
    from campaigns.models import Message

    return Message.objects.filter(address__email="u0@example.com")


@pytest.mark.django_db
@pytest.mark.parametrize("promise", BREACHES)
def test_a_broken_promise_is_noticed_and_named(promise, settings):
    from campaigns import sending
    from lib import clock
    from tests.faults import promises
    from tests.faults.scene import Scene
    from tests.smtp_server import FaultySmtpServer

    with FaultySmtpServer() as server:
        settings.EMAIL_URL, settings.MAIL_CONNECTIONS = server.url, 1
        scene = Scene(None, server, seed=1, full=False)
        scene.queue(3)
        sending.send_due(clock.now())
        assert len(server.accepted) == 3
        BREACHES[promise](scene)
        with pytest.raises(AssertionError, match=promise):
            promises.check(scene)
