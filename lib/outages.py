"""A database that is away for a while: telling it from other faults, and waiting until it answers again."""

import time
from collections.abc import Callable
from contextlib import suppress

from django.db import InterfaceError, OperationalError, connection

LOOK_AGAIN = 0.2
# SQLSTATE: connection exceptions, insufficient resources (no connection left), deadlocks, shutdowns and crashes.
_PASSING = ("08", "53", "40", "57P")


def is_outage(fault: BaseException) -> bool:
    """True where the connection was lost or refused, which is the fault of nothing that was being worked on."""
    if isinstance(fault, InterfaceError):
        return True
    state = getattr(fault.__cause__, "sqlstate", None)
    return isinstance(fault, OperationalError) and (state is None or state.startswith(_PASSING))


def when_it_answers(act: Callable[[], object], seconds: float) -> bool:
    """Try `act` on new connections of this thread until the database takes it, for at most `seconds`."""
    until = time.monotonic() + seconds
    while True:
        with suppress(OperationalError, InterfaceError):
            connection.close()
            act()
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(LOOK_AGAIN)
