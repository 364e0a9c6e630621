"""Queues of due work, and the tasks that work them off.

A queue is rows with `due_at` in some app's table; here it is only named, with the question "is
anything due?" and the verb that works off one batch. django-q2 runs `run` as its tasks: few and
long, each working off batches for at most 45 s, in turns of the queues where something is due.
Losing django-q2's tables loses nothing.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q
from django.db.models.functions import Now
from django_q.models import OrmQ
from django_q.tasks import async_task

from lib import clock
from lib.registry import Registry
from ops.models import Heartbeat

log = structlog.get_logger(__name__)
TASK_SECONDS = 45
TURN_SECONDS = 0.5
BEAT_SECONDS = 2
MOST_PATIENCE = 240  # below django-q2's own limit on a task
STALE_BEAT = timedelta(seconds=10)


@dataclass(frozen=True)
class Queue:
    """One kind of due work: `is_due(now)`, and `work(now) -> rows handled` for one batch.

    For as many seconds as it has `patience` others go first; then it takes turns with them, until it has caught up.
    """

    key: str
    label: str
    is_due: Callable[[datetime], bool]
    work: Callable[[datetime], int]
    patience: float = 0


QUEUES: Registry[Queue] = Registry("queue")
SWEEPS: Registry[Callable[[datetime], object]] = Registry("sweep")
"""What is looked after every minute whether anything is due or not: leases, partitions, old rows."""


def register(queue: Queue) -> None:
    QUEUES.register(queue.key, queue)


def poke(key: str) -> None:
    """Ask a worker to drain the queue. Inside a transaction it counts only once that commits."""
    async_task("ops.work.run", key, task_name=key, group=key)


def run(key: str, seconds: float = TASK_SECONDS) -> int:
    """Work off a queue, and whatever else is due, for at most `seconds`; returns the rows handled."""
    return Task(key, seconds).run()


class Task:
    """What one worker does in one go: queues take turns, those that waited longest first.

    So a broadcast to a million keeps nobody waiting for their welcome. Which queue makes work for which,
    settings.WORK_FEEDS says: it is next without waiting for the bell.
    """

    def __init__(self, key: str, seconds: float):
        self.until = time.monotonic() + seconds
        self.waiting = {key: time.monotonic()}  # queue → from when on it is its turn
        self.looked = time.monotonic()
        self.faults: dict[str, Exception] = {}

    def run(self) -> int:
        total = 0
        while self.waiting and time.monotonic() < self.until:
            total += self._turn(QUEUES[min(self.waiting, key=lambda key: self.waiting[key])])
            if time.monotonic() - self.looked > TURN_SECONDS:
                self.looked = time.monotonic()
                self._wait(due_queues(clock.now()))
        for unfinished in self.waiting:
            poke(unfinished)
        for fault in self.faults.values():
            raise fault
        return total

    def _wait(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key not in self.faults:
                self.waiting.setdefault(key, time.monotonic() + QUEUES[key].patience)

    def _turn(self, queue: Queue) -> int:
        """Batches of one queue, until none is left or others wait."""
        total, until = 0, min(self.until, time.monotonic() + TURN_SECONDS)
        del self.waiting[queue.key]
        beat = Beat(queue.key)
        try:
            beat()
            while handled := queue.work(clock.now()):
                total += handled
                if time.monotonic() >= until:
                    self.waiting[queue.key] = time.monotonic()
                    break
                beat()
        except (OperationalError, InterfaceError):
            raise  # no database, or none to speak of: that holds for all of them
        except Exception as fault:  # one queue that fails must not keep the others from being worked off
            log.exception("queue.failed", queue=queue.key)
            self.faults[queue.key] = fault
        finally:
            beat.rest("busy" if queue.key in self.waiting else "idle")
        if total:
            self._wait(settings.WORK_FEEDS.get(queue.key, []))
        return total


def worker_name() -> str:
    """Host and process group: what is restarted together has one name."""
    return f"{socket.gethostname()}:{os.getpgid(0)}"


class Beat:
    """The heartbeat of one task: written at most every two seconds, between transactions."""

    current: "Beat | None" = None

    def __init__(self, role: str):
        self.role, self.last = role, 0.0
        Beat.current = self

    def __call__(self, force: bool = False, note: str = "busy") -> None:
        if (force or time.monotonic() - self.last >= BEAT_SECONDS) and not connection.in_atomic_block:
            self.last = time.monotonic()
            sign(self.role, note)

    def rest(self, note: str = "idle") -> None:
        self(force=True, note=note)
        Beat.current = None


def beat() -> None:
    """Called between transactions by work that takes long: “I am alive”."""
    if Beat.current:
        Beat.current()


@contextmanager
def abroad() -> Iterator[None]:
    """Around calls to the outside: where they take long a thread signs for us, for at most four minutes.

    Else a mail server that thinks for 25 s on every connection would have the worker taken for dead and killed.
    """
    if not Beat.current:
        yield
        return
    back = Event()
    signer = Thread(target=_sign_until, args=(back, Beat.current.role), daemon=True)
    signer.start()
    try:
        yield
    finally:
        back.set()
        signer.join()


def _sign_until(back: Event, role: str) -> None:
    until = time.monotonic() + MOST_PATIENCE
    while not back.wait(2 * BEAT_SECONDS) and time.monotonic() < until:
        with suppress(OperationalError, InterfaceError):
            sign(role, "busy")
    connection.close()  # this thread's own


def sign(role: str, note: str = "", worker: str | None = None) -> None:
    """Write a sign of life, by the database's clock."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(worker=worker or worker_name(), role=role, beat_at=Now(), note=note)],
        update_conflicts=True,
        unique_fields=["worker", "role"],
        update_fields=["beat_at", "note"],
    )


def sweep() -> None:
    """Every minute, by django-q2's clock: leases, partitions, old rows; then whatever is due gets a task."""
    now = clock.now()
    for name, look_after in SWEEPS.items():
        try:
            look_after(now)
        except Exception:  # one sweep that fails must not keep the others from running
            log.exception("sweep.failed", sweep=name)
    for key in due_queues(now):
        poke(key)


def due_queues(now: datetime) -> list[str]:
    return [queue.key for queue in QUEUES if queue.is_due(now)]


def waiting_tasks() -> int:
    """Tasks that django-q2 has not begun."""
    return OrmQ.objects.filter(lock__lte=Now()).count()


def signs(worker: str) -> dict[str, Heartbeat]:
    """The last sign of life of each queue's tasks of this worker; `busy`: one is draining it just now."""
    fresh = Q(note="busy", beat_at__gt=Now() - STALE_BEAT)
    found = Heartbeat.objects.filter(worker=worker).annotate(busy=fresh)
    return {sign.role: sign for sign in found}
