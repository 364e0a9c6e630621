"""Workers that die, or are overtaken, at a commit of their choice, and whoever dies or fails at some statement.

The way out is the real one. Nobody can catch a death; a fault is a mistake of the program's own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction
from hypothesis import strategies as st

from campaigns.claiming import claim
from campaigns.sending import Batch
from campaigns.transports import transport_from


class Killed(BaseException):
    """The worker is gone; nothing that catches exceptions may save it."""


class Interrupted:
    """A way out on which something happens `before` or `after` the nth commit, counted from 1.

    After a commit that marks a message the final dot has not been written; before the next one it has.
    """

    def __init__(self, nth: int, before: bool, happens: Callable[[], None]):
        self.way = transport_from(settings.EMAIL_URL)
        self.nth, self.before, self.happens = nth, before, happens
        self.commits = 0

    def send_all(self, mails, commit) -> None:
        def counted(outcomes, mail):
            self.commits += 1
            if self.before and self.commits == self.nth:
                self.happens()
            marked = commit(outcomes, mail)
            if not self.before and self.commits == self.nth:
                self.happens()
            return marked

        self.way.send_all(mails, counted)

    def close(self) -> None:
        self.way.close()


def die() -> None:
    raise Killed


def send_and(happens: Callable[[], None], now, limit: int, nth: int, before: bool) -> None:
    """One worker's batch, interrupted; one that dies leaves what it had committed."""
    way = Interrupted(nth, before, happens)
    try:
        Batch(claim(now, limit), way, now).send()
    except Killed:
        return
    finally:
        way.close()


# --- at a statement ---


class Fault(Exception):
    """A mistake of the program's own, which parks what it was about."""


@dataclass
class Fate:
    """What comes of a piece of work: nothing of it after its nth statement, or `times` faults from there on."""

    ends: str = ""
    nth: int = 0
    times: int = 1
    seen: int = field(default=0, repr=False)
    struck: bool = field(default=False, repr=False)

    @contextmanager
    def meets(self) -> Iterator["Fate"]:
        """Whatever is done meanwhile meets this fate; its caller goes on."""
        self.seen, self.struck = 0, False  # drawn once, met again where an example is played again
        with suppress(Killed, Fault), connection.execute_wrapper(self._execute):
            yield self
        if self.struck:  # where no transaction was begun each statement is one in life, and what was done stays
            transaction.set_rollback(False)

    def _execute(self, execute, sql, params, many, context):
        if self.ends and not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")) and not _within_another():
            self.seen += 1
            if self.seen >= self.nth and (self.ends == "dies" or self.seen < self.nth + self.times):
                self.struck = True
                raise Killed if self.ends == "dies" else Fault("planted here")
        return execute(sql, params, many, context)


def _within_another() -> bool:
    """Inside of what begins a transaction of its own in life: here it would take the whole example with it."""
    return None in connection.savepoint_ids


ALL_GOES_WELL = Fate()
fates = st.builds(
    Fate, st.sampled_from(["", "", "dies", "dies", "fails"]), st.integers(1, 30), st.sampled_from([1, 3, 5, 8])
)
