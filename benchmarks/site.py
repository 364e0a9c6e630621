"""The product as it is run: the processes of `config.runner serve`, on an embedded PostgreSQL of their own.

They are started one by one rather than by `serve`, which ends all when one ends: a step kills the worker
while the web process goes on.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg

from benchmarks import meter
from config import runner
from lib.postgres import Embedded

# What `serve` would take from the environment is left at its default.
DEFAULTS = ("WORKER_PROCESSES", "MAIL_CONNECTIONS", "API_RATE", "EVENT_REQUESTS_PER_MINUTE", "DEBUG", "CLOCK_OFFSET")

UNFINISHED = """
SELECT EXISTS (SELECT FROM contacts_change WHERE due_at IS NOT NULL)
    OR EXISTS (SELECT FROM ops_job WHERE due_at <= now())
    OR EXISTS (SELECT FROM automation_enrollment WHERE due_at <= now())
    OR EXISTS (SELECT FROM campaigns_message WHERE due_at <= now())
    OR EXISTS (SELECT FROM campaigns_message WHERE lease_until IS NOT NULL)
    OR EXISTS (SELECT FROM campaigns_message WHERE NOT announced AND settled_at IS NOT NULL)
"""


class Timeout(Exception):
    """Something did not happen in time; the text says what."""


class Site:
    """One web process and one worker at their defaults; `key` may write events."""

    def __init__(self, folder: Path, email_url: str, shared_buffers: str) -> None:
        port = runner.free_port(18000)
        self.runner = runner.Site(False, folder, "127.0.0.1", port, 0, f"http://127.0.0.1:{port}", email_url)
        self.server = Embedded(folder, settings={"shared_buffers": shared_buffers})
        self.log = (folder / "site.log").open("w")
        self.web: subprocess.Popen | None = None
        self.worker: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        self.env = self.runner.environment(self.server.start()) | {"LOG_LEVEL": "WARNING"}
        for name in DEFAULTS:
            self.env.pop(name, None)
        try:
            self.manage("migrate", "--verbosity=0")
            self.manage("collectstatic", "--noinput", "--verbosity=0")  # the admin's pages name what lies there
            self.web = self._start(runner.gunicorn(self.runner))
            self.start_worker()
            if not runner.answers(f"{self.runner.local_url}/healthz", runner.HEALTHY_SECONDS):
                raise Timeout(f"The site does not answer: see {self.log.name}.")
            self.database = psycopg.connect(self.server.url, autocommit=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.worker, self.web):
            if process:
                _kill(process)
        if database := getattr(self, "database", None):
            database.close()
        self.server.stop()
        self.log.close()

    # --- processes ---

    def _start(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(command, cwd=runner.ROOT, env=self.env, stdout=self.log, stderr=self.log)

    def start_worker(self) -> None:
        self.worker = self._start([*runner.MANAGE, "worker"])

    def kill_worker(self) -> None:
        """`kill -9` of the worker with all its processes, at one moment."""
        assert self.worker
        _kill(self.worker)

    def manage(self, *arguments: str) -> str:
        command = [*runner.MANAGE, *arguments]
        return subprocess.run(command, cwd=runner.ROOT, env=self.env, check=True, capture_output=True, text=True).stdout

    @property
    def processes(self) -> list[int]:
        """The roots: web, worker, database."""
        postmaster = int((self.server.home / "data/postmaster.pid").read_text().split()[0])
        return [postmaster, *[process.pid for process in (self.web, self.worker) if process]]

    def cpu(self) -> float:
        return meter.cpu_seconds(self.processes)

    def worker_memory(self) -> float:
        assert self.worker
        return meter.memory([self.worker.pid])[0]

    # --- looking into the database ---

    def ask(self, query: str, *values: object) -> Any:
        row = self.database.execute(query, values).fetchone()
        return row[0] if row else None

    def hold_mail(self, held: bool) -> None:
        """What *Let mail go on* does, and its opposite."""
        self.database.execute("UPDATE ops_sitesettings SET sending_stopped_at = %s", ["now" if held else None])

    def await_idle(self, seconds: float = 120) -> None:
        """Until no queue holds anything that is due."""
        wait_until(lambda: not self.ask(UNFINISHED), seconds, "the queues to be empty")


def wait_until(holds: Callable[[], object], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise Timeout(f"{seconds:g} seconds were not enough for {what}.")
        time.sleep(0.05)


def _kill(process: subprocess.Popen) -> None:
    for member in list(meter.family([process.pid])):
        with suppress(psutil.NoSuchProcess):
            os.kill(member.pid, signal.SIGKILL)
    process.wait()
