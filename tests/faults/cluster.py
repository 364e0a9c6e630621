"""A PostgreSQL of our own that can be stopped without ceremony and started again under the same address."""

import fcntl
import os
import signal
import time
from pathlib import Path

from lib.postgres import SOCKET_PARENT, Embedded

# When each transaction committed is kept, so that what came first can be asked afterwards.
SETTINGS = {"track_commit_timestamp": "on", "max_connections": "60"}


class Cluster(Embedded):
    """`crash()` is `pg_ctl stop -m immediate`: no check-point, everything in memory is gone."""

    def __init__(self, folder: Path):
        super().__init__(folder, fsync=True, settings=SETTINGS)

    def crash(self) -> None:
        os.kill(int(self._pid_file()[0]), signal.SIGQUIT)
        until = time.monotonic() + 20
        while not self._is_free("lock"):
            assert time.monotonic() < until, "PostgreSQL does not stop"
            time.sleep(0.02)
        self._let_go()  # of the lifeline: the watchdog of the one that is gone ends, too
        self._watchdog.wait(20)

    def revive(self) -> None:
        with self._open("lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # held by the server from here on
            self._clear_remains()
            sockets = SOCKET_PARENT / self._sockets.name  # the same as before: the workers know no other
            if not sockets.exists():
                sockets.mkdir(mode=0o700)
                self.account.give(sockets)
            self._spawn(self._install(), sockets, lock)
        self._await_answer(sockets)
