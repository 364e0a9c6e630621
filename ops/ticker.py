"""The ticker: keeps a django-q2 cluster alive and rings its bell the moment work is due.

It looks every tenth of a second whether work is due in a queue; where no task of its cluster drains
that queue, it enqueues one. A cluster that shows no sign of life for 20 s while work waits is killed
with its whole process group and started again; meanwhile the ticker does the work itself.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django_q.models import Schedule

from lib import clock
from ops import work
from ops.models import Heartbeat

log = structlog.get_logger(__name__)
TICK = 0.1
PATIENCE = 20.0
GRACE = 50.0
RING_AGAIN = 3.0
MOST_WAITING = 20


class Ticker:
    """One `manage.py worker`: a cluster in a process group of its own, and the loop that watches it."""

    def __init__(self) -> None:
        self.cluster: subprocess.Popen | None = None
        self.stopping = False
        self.rung: dict[str, tuple[float, datetime | None]] = {}
        self.waiting_since: float | None = None
        self.signed = 0.0
        self.name = f"{socket.gethostname()}:{os.getpid()}:ticker"

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        ensure_schedules()
        self._start()
        try:
            while not self.stopping:
                self._tick_safely()
                time.sleep(TICK)
        finally:
            self._end()

    def _stop(self, number, frame) -> None:
        self.stopping = True

    def _tick_safely(self) -> None:
        try:
            self.tick()
        except (OperationalError, InterfaceError):
            log.warning("ticker.no_database")
            connection.close()
            time.sleep(1)

    def tick(self) -> None:
        """Ring for every queue that has due work and no task; watch that somebody comes."""
        if self.cluster and self.cluster.poll() is not None:
            log.error("cluster.died", code=self.cluster.returncode)
            self._restart()
        self._sign()
        due = work.due_queues(clock.now())
        if not due:
            self.waiting_since = None
            return
        signs = work.signs(self.group)
        for key in due:
            sign = signs.get(key)
            if not (sign and sign.busy):  # type: ignore[attr-defined]
                self._ring(key, sign.beat_at if sign else None)
        self._watch(due)

    def _ring(self, key: str, last_sign: datetime | None) -> None:
        """Once, until a task has come: the queue's heartbeat tells. After three seconds, again."""
        now = time.monotonic()
        at, seen = self.rung.get(key, (now - RING_AGAIN, None))
        if (seen == last_sign and now - at < RING_AGAIN) or work.waiting_tasks() > MOST_WAITING:
            return
        self.rung[key] = now, last_sign
        work.poke(key)

    def _watch(self, due: list[str]) -> None:
        self.waiting_since = self.waiting_since or time.monotonic()
        if time.monotonic() - self.waiting_since < PATIENCE or self._recently_alive():
            return
        log.error("cluster.silent", queues=due, seconds=PATIENCE)
        self._restart()
        for key in due:
            work.run(key, seconds=5)

    def _recently_alive(self) -> bool:
        return Heartbeat.objects.within(timedelta(seconds=PATIENCE)).filter(worker=self.group).exists()

    def _sign(self) -> None:
        if time.monotonic() - self.signed >= 5:
            self.signed = time.monotonic()
            work.sign("ticker", f"cluster {self.group}", worker=self.name)

    @property
    def group(self) -> str:
        return f"{socket.gethostname()}:{self.cluster.pid if self.cluster else 0}"

    def _start(self) -> None:
        self.cluster = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "cluster"], start_new_session=True
        )
        self.rung.clear()
        self.waiting_since = None

    def _restart(self) -> None:
        self._kill_group()
        Heartbeat.objects.filter(worker=self.group).delete()
        if not self.stopping:
            self._start()

    def _kill_group(self) -> None:
        assert self.cluster
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.cluster.pid, signal.SIGKILL)
        self.cluster.wait()

    def _end(self) -> None:
        """Let the tasks in hand finish, for at most 50 s; then nothing of the group remains."""
        assert self.cluster
        with contextlib.suppress(ProcessLookupError):
            self.cluster.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.cluster.wait(GRACE)
        self._kill_group()
        with contextlib.suppress(OperationalError, InterfaceError):
            Heartbeat.objects.filter(worker__in=[self.group, self.name]).delete()


def ensure_schedules() -> None:
    """The one schedule that django-q2 keeps: “every minute”. Wall-clock times are computed by us."""
    Schedule.objects.update_or_create(
        name="Every minute: look after due work",
        defaults={
            "func": "ops.work.sweep",
            "args": None,
            "kwargs": None,
            "hook": None,
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "repeats": -1,
        },
    )
