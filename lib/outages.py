"""A database that is away for a while: telling it from other faults, and waiting until it answers again."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

LOOK_AGAIN = 0.2
MOST_DEADLOCKS = 5
P = ParamSpec("P")
R = TypeVar("R")
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


def again_after_deadlock(verb: Callable[P, R]) -> Callable[P, R]:
    """A verb of one transaction, done anew where the database ended it because another stood in its way."""

    @wraps(verb)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(MOST_DEADLOCKS):
            try:
                with transaction.atomic():
                    return verb(*args, **kwargs)
            except OperationalError as fault:
                if not is_deadlock(fault):
                    raise
        with transaction.atomic():
            return verb(*args, **kwargs)

    return tried


def is_deadlock(fault: BaseException) -> bool:
    return getattr(fault.__cause__, "sqlstate", None) == "40P01"
