"""Real processes for tests: `manage.py worker` against the test database, and what can be done to them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def database_url() -> str:
    """The test database, as an environment variable names it."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


@contextmanager
def worker(**environment: str):
    """A worker in a session of its own; whatever is left of it afterwards is killed."""
    env = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "ERROR", **environment}
    process = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=env, start_new_session=True)
    try:
        yield process
    finally:
        kill_all(process.pid)
        process.wait()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_all(pid: int) -> None:
    """A process that leads a session and all that came of it, what is being forked just now included."""
    groups = set()
    for member in [pid, *descendants(pid)]:
        with suppress(ProcessLookupError):
            groups.add(os.getpgid(member))
    for group in groups - {os.getpgid(0)}:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def descendants(pid: int) -> list[int]:
    """Children and theirs, parents first, as /proc tells."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(0), [])
        found += children
        todo += children
    return found


def wait_until(holds: Callable[[], object], seconds: float, what: str):
    """The truth that `holds` came to, or a failure that says what did not happen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := holds():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"Not within {seconds} seconds: {what}.")
