"""Several connections to mail servers, one statement: what their threads have to write at a time is written at once.

A statement costs as much as five rows in it, and a commit waits for the disk. Whoever finds nobody writing looks
for a moment whether the others that are at work come, too, and writes for all; those who come meanwhile are the next.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock
from uuid import UUID

from django.db import DatabaseError

MOMENT = 0.002  # seconds: far less than an answer takes over a network, and enough for four mails to be rendered


@dataclass(eq=False)
class Part:
    """What one thread has to write: outcomes, and the mark of its next message."""

    marks: list[dict]
    results: list[dict]
    written: set[UUID] = field(default_factory=set)
    fault: BaseException | None = None
    done: bool = False


class Together:
    """`write(parts)` writes all of them or, when it fails, none; it returns the ids that were written."""

    def __init__(self, write: Callable[[Sequence[Part]], set[UUID]]):
        self._write = write
        lock = Lock()
        self._turn, self._coming = Condition(lock), Condition(lock)
        self._waiting: list[Part] = []
        self._writing = False
        self._at_work = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Around the work of a thread that will have something to write again and again."""
        with self._turn:
            self._at_work += 1
        try:
            yield
        finally:
            with self._turn:
                self._at_work -= 1
                self._coming.notify()

    def write(self, part: Part) -> set[UUID]:
        """Have the part written, by this thread or another; raises what its writing raised."""
        with self._turn:
            self._waiting.append(part)
            self._coming.notify()
            while self._writing and not part.done:
                self._turn.wait()
            leads = not part.done
            self._writing = self._writing or leads
        if leads:
            self._lead()
        if part.fault:
            raise part.fault
        return part.written

    def _lead(self) -> None:
        parts: list[Part] = []
        try:
            with self._turn:
                self._coming.wait_for(lambda: len(self._waiting) >= self._at_work, MOMENT)
                parts, self._waiting = self._waiting, []
            self._write_all(parts)
        finally:
            with self._turn:
                self._writing = False
                for part in parts:
                    part.done = True
                self._turn.notify_all()

    def _write_all(self, parts: Sequence[Part]) -> None:
        try:
            written = self._write(parts)
        except DatabaseError as fault:
            if len(parts) > 1 and _was_refused(fault):  # one of them is to blame: the others shall not suffer
                for part in parts:
                    self._write_all([part])
            else:
                _blame(parts, fault)
        except BaseException as fault:
            _blame(parts, fault)
        else:
            for part in parts:
                part.written = written


def _was_refused(fault: DatabaseError) -> bool:
    """The database itself said no, so that nothing was written; a connection that broke says nothing."""
    return bool(getattr(fault.__cause__, "sqlstate", None))


def _blame(parts: Sequence[Part], fault: BaseException) -> None:
    for part in parts:
        part.fault = fault
