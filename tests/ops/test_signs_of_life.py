"""Who waits for the world outside is not dead."""

import time

import pytest

from ops import work
from ops.models import Heartbeat
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def task(monkeypatch):
    """A task that drains a queue, with a short pulse."""
    monkeypatch.setattr(work, "BEAT_SECONDS", 0.02)
    beat = work.Beat("mail")
    yield
    beat.rest()


def test_signs_of_life_go_on_while_a_mail_server_thinks(task):
    with work.abroad():
        first = wait_until(lambda: Heartbeat.objects.filter(role="mail", note="busy").first(), 5, "a sign")
        wait_until(lambda: Heartbeat.objects.filter(role="mail", beat_at__gt=first.beat_at).exists(), 5, "another")
    after = Heartbeat.objects.get(role="mail").beat_at
    time.sleep(0.2)
    assert Heartbeat.objects.get(role="mail").beat_at == after, "nobody signs for one who has come back"


def test_patience_has_an_end(task, monkeypatch):
    monkeypatch.setattr(work, "MOST_PATIENCE", 0)
    with work.abroad():
        time.sleep(0.2)
    assert not Heartbeat.objects.exists()


def test_outside_of_a_task_nobody_signs():
    with work.abroad():
        assert work.Beat.current is None
    assert not Heartbeat.objects.exists()
