"""`manage.py worker` as real processes: it starts, works, survives the death of any of its parts, and stops."""

import signal
import time

import pytest
from django_q.models import OrmQ, Schedule

from campaigns.models import Message
from config.health import problems
from lib import clock
from ops.models import Heartbeat
from tests.factories import MessageFactory, site
from tests.processes import alive, descendants, kill, wait_until, worker
from tests.smtp_server import FaultySmtpServer

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def inbox():
    with FaultySmtpServer() as server:
        yield server


def queue(count: int) -> None:
    site()
    MessageFactory.create_batch(count, campaign=None, now=clock.now())


def all_sent(inbox, count: int, seconds: float) -> None:
    inbox.wait_for(count, seconds)
    wait_until(lambda: Message.objects.filter(state="sent").count() == count, 10, f"{count} are marked as sent")
    assert len(inbox.accepted) == count


def test_it_works_off_what_is_due_within_a_second_and_says_that_it_lives(inbox):
    with worker(EMAIL_URL=inbox.url):
        wait_until(lambda: Heartbeat.objects.filter(role="ticker").exists(), 20, "the ticker gives a sign of life")
        queue(1)
        all_sent(inbox, 1, 15)
        began = time.monotonic()
        queue(1)
        all_sent(inbox, 2, 5)
        assert time.monotonic() - began < 5
        assert problems() == []
        assert Schedule.objects.get().func == "ops.work.sweep"
    Heartbeat.objects.all().delete()
    assert problems() == ["No worker has given a sign of life for a minute."]


def test_sigterm_stops_all_of_it_and_takes_back_its_signs_of_life(inbox):
    with worker(EMAIL_URL=inbox.url) as process:
        wait_until(lambda: len(descendants(process.pid)) >= 5, 20, "the cluster is up")
        family = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        wait_until(lambda: not any(map(alive, family)), 5, "nothing of it remains")
    assert not Heartbeat.objects.exists()


def test_a_killed_ticker_leaves_no_orphans_and_another_worker_takes_over(inbox):
    with worker(EMAIL_URL=inbox.url) as process:
        wait_until(lambda: len(descendants(process.pid)) >= 5, 20, "the cluster is up")
        family = descendants(process.pid)
        kill(process.pid)
        wait_until(lambda: not any(map(alive, family)), 20, "the cluster ends with its ticker")
    queue(3)
    with worker(EMAIL_URL=inbox.url):
        all_sent(inbox, 3, 30)


def test_mail_goes_on_within_a_minute_when_the_cluster_is_killed_or_loses_its_tasks(inbox):
    with worker(EMAIL_URL=inbox.url) as process:
        wait_until(lambda: len(descendants(process.pid)) >= 5, 20, "the cluster is up")
        cluster = descendants(process.pid)[0]
        kill(cluster)
        queue(2)
        all_sent(inbox, 2, 30)
        OrmQ.objects.all().delete()
        queue(2)
        all_sent(inbox, 4, 30)


def test_mail_goes_on_within_a_minute_when_idle_workers_of_django_q2_are_killed(inbox):
    with worker(EMAIL_URL=inbox.url) as process:
        wait_until(lambda: len(descendants(process.pid)) >= 6, 20, "the cluster is up")
        time.sleep(1)
        main, sentinel, *parts = descendants(process.pid)
        for pid in parts:  # the workers, the monitor and the pusher at once
            kill(pid)
        queue(2)
        all_sent(inbox, 2, 60)


def test_two_workers_share_the_work_and_send_nothing_twice(inbox):
    queue(300)
    with worker(EMAIL_URL=inbox.url), worker(EMAIL_URL=inbox.url):
        all_sent(inbox, 300, 60)
    recipients = [mail.recipient for mail in inbox.accepted]
    assert len(set(recipients)) == 300
