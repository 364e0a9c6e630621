"""What a worker does in one go: every queue where something is due gets its turn, and nobody waits for a long one."""

import time

import pytest

from campaigns import sending
from lib.registry import Registry
from ops import work

BATCH = 0.02  # seconds


@pytest.fixture
def queues(db, monkeypatch, settings):
    """Builds queues with that many batches to do; returns them, and the log of who worked when."""
    monkeypatch.setattr(work, "QUEUES", Registry("queue"))
    monkeypatch.setattr(work, "TURN_SECONDS", 0.1)
    settings.WORK_FEEDS = {}
    left, log = {}, []

    def build(key: str, batches: int, fault: Exception | None = None, **more) -> None:
        left[key] = batches

        def one(now):
            if fault:
                raise fault
            if not left[key]:
                return 0
            time.sleep(BATCH)
            left[key] -= 1
            log.append(key)
            return 1

        work.register(work.Queue(key, key, lambda now: left[key] > 0, one, **more))

    return build, left, log


def test_a_long_queue_keeps_nobody_waiting(queues):
    build, left, log = queues
    build("mail", 1000)
    build("enrollments", 3)
    work.run("mail", seconds=1)
    assert left["enrollments"] == 0
    assert log.index("enrollments") * BATCH < 0.3
    assert left["mail"] > 900


def test_what_is_not_done_in_time_is_asked_for_again(queues):
    build, left, _ = queues
    build("mail", 1000)
    before = work.waiting_tasks()
    work.run("mail", seconds=0.1)
    assert left["mail"] > 900
    assert work.waiting_tasks() == before + 1


def test_what_has_patience_lets_others_go_first_and_then_takes_turns_with_them(queues):
    build, _, log = queues
    build("settled", 20, patience=0.4)
    build("mail", 40)
    build("other", 40)
    work.run("mail", seconds=5)
    first, last = log.index("settled"), len(log) - 1 - log[::-1].index("settled")
    assert set(log[:first]) == {"mail", "other"}
    assert first * BATCH > 0.3
    assert 30 < last - first < len(log) - first - 1  # neither all at once, nor after all the others


def test_what_has_patience_need_not_wait_where_nothing_else_is_due(queues):
    build, left, _ = queues
    build("settled", 3, patience=60)
    began = time.monotonic()
    work.run("settled", seconds=5)
    assert left["settled"] == 0
    assert time.monotonic() - began < 1


def test_a_queue_that_fails_keeps_no_other_from_being_worked_off_and_is_heard_of(queues):
    build, left, _ = queues
    build("jobs", 5, fault=ValueError("a poisonous job"))
    build("mail", 30)
    with pytest.raises(ValueError, match="a poisonous job"):
        work.run("mail", seconds=5)
    assert left["mail"] == 0
    with pytest.raises(ValueError, match="a poisonous job"):
        work.run("jobs", seconds=5)


def test_what_it_makes_work_for_is_next_without_a_bell(queues, settings):
    build, left, log = queues
    settings.WORK_FEEDS = {"changes": ["enrollments"], "enrollments": ["mail"]}
    for key in ("changes", "enrollments", "mail"):
        build(key, 1)
    work.run("changes", seconds=5)
    assert log == ["changes", "enrollments", "mail"]


@pytest.mark.parametrize("pace", [5, 50, 5000])
def test_a_batch_of_mail_is_as_large_as_the_mail_server_is_fast(pace, monkeypatch):
    monkeypatch.setattr(sending, "BATCH_SECONDS", 0.6)
    hand = sending._Hand()
    assert hand.size == sending.BATCH
    hand.learn(hand.size, hand.size / pace)
    assert hand.size <= sending.BATCH
    assert hand.size / pace <= 5
    hand.learn(1, 30)  # one that took long says nothing of many
    hand.learn(hand.size, hand.size / 5000)
    assert hand.size == sending.BATCH
