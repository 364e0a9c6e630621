"""A sender that dies at a named point. One is forked, ready, for every line “POINT|NTH|CLOCK” on standard input.

The point is reached for the NTH time, in whichever of its threads: then it kills itself, or its database connection
is cut and it ends with the error. The points are wrapped around the product here, so the product has no hooks.
"""

import os
import signal
import sys
import threading
import time

import django


def main() -> None:
    django.setup()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            point, nth, offset = line.rstrip("\n").split("|")
            send_until_death(point, int(nth), offset)
        print(child, flush=True)


def send_until_death(point: str, nth: int, offset: str) -> None:
    from django.conf import settings
    from django.db import Error

    from campaigns import sending
    from lib import clock

    settings.CLOCK_OFFSET = offset
    sending.BATCH = int(os.environ["BATCH"])
    if point:
        POINTS[point](Nth(nth))
    try:
        while os.getppid() != 1:
            if not sending.send_due(clock.now()):
                time.sleep(0.02)
    except Error:
        os._exit(3)
    os._exit(0)


class Nth:
    """True once: the nth time that it is asked, by whichever thread."""

    def __init__(self, nth: int):
        self.left, self.lock = nth, threading.Lock()

    def __call__(self) -> bool:
        with self.lock:
            self.left -= 1
            return self.left == 0


def die(*_) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner, name: str, before=None, after=None) -> None:
    """`before(*arguments)` and `after(result, *arguments)` around `owner.name`."""
    original = getattr(owner, name)

    def wrapped(*arguments):
        if before:
            before(*arguments)
        result = original(*arguments)
        if after:
            after(result, *arguments)
        return result

    setattr(owner, name, wrapped)


def after_the_claim(reached: Nth) -> None:
    from campaigns import sending

    wrap(sending, "claim", after=lambda found, *_: found and reached() and die())


def after_rendering(reached: Nth) -> None:
    from campaigns import sending

    wrap(sending, "render", after=lambda *_: reached() and die())


def in_mid_body(reached: Nth) -> None:
    from campaigns.smtp_session import Session

    def half(session, data):
        if reached():
            session.wire.write(data[: len(data) // 2])
            die()

    wrap(Session, "write_body", before=half)


def before_the_dot(reached: Nth) -> None:
    from campaigns.smtp_session import Session

    wrap(Session, "finish", before=lambda *_: reached() and die())


def after_the_dot(reached: Nth) -> None:
    from campaigns.smtp_session import Session

    def instead_of_reading(session, *_):
        if reached():
            session.wire.read = die

    wrap(Session, "finish", before=instead_of_reading)


def after_the_250(reached: Nth) -> None:
    from campaigns.smtp_session import Session

    wrap(Session, "finish", after=lambda *_: reached() and die())


def after_the_commit(reached: Nth) -> None:
    from campaigns.sending import Batch

    wrap(Batch, "_commit", after=lambda marked, batch, outcomes, following: outcomes and reached() and die())


def cut(connection) -> None:
    """The server ends this connection, as it would for an administrator."""
    import psycopg

    pid = connection.connection.info.backend_pid
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])


def _cut(reached: Nth, *, mark: bool, committed: bool) -> None:
    """Cut just before the statement that commits, or when it has taken effect but nobody has heard so."""
    from django.db import OperationalError, connection

    from campaigns import settling

    def wanted(parts):
        """Several connections' threads have theirs written in one statement: each counts."""
        return any(reached() for part in parts if (part.marks if mark else part.results))

    def before(parts):
        if not committed and wanted(parts):
            cut(connection)

    def after(result, parts):
        if committed and wanted(parts):
            cut(connection)
            raise OperationalError("the connection ended before the answer came")

    wrap(settling._together, "_write", before=before, after=after)


KILLS = {
    "after the claim": after_the_claim,
    "after rendering": after_rendering,
    "in mid-body": in_mid_body,
    "before the dot": before_the_dot,
    "after the dot": after_the_dot,
    "after the 250": after_the_250,
    "after the commit": after_the_commit,
}
CUTS = {
    "mark not committed": lambda reached: _cut(reached, mark=True, committed=False),
    "mark committed, unheard": lambda reached: _cut(reached, mark=True, committed=True),
    "outcome not committed": lambda reached: _cut(reached, mark=False, committed=False),
    "outcome committed, unheard": lambda reached: _cut(reached, mark=False, committed=True),
}
POINTS = KILLS | CUTS

if __name__ == "__main__":
    main()
