"""Making calls: claim → write → call → settle.

What is survived: a worker that dies at any moment. Its leases run out and the calls are made again, under the same id
and with the same body, so that a receiver can tell. So a call is made at least once, not exactly once: nobody can know
whether an answer that never came was the receiver's or the line's.

The database is asked by one thread, calls are made by several. As soon as one has ended or comes due the next is
claimed, so a server that thinks for half a minute holds up nobody but itself.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from automation.call_models import Call
from automation.webhooks import claiming, judging, settling
from automation.webhooks.config import Hook
from automation.webhooks.judging import Result
from automation.webhooks.writing import Unwritable, Writer, Written
from lib import outages
from lib.http_call import Answer, Failed, call
from ops import work

log = structlog.get_logger(__name__)
# A batch claims nothing new after so long: a task's 45 s, these, a last call and an outage fit into django-q2's 300.
MOST_SECONDS = 120
LOOK_AGAIN = 0.25
OUTAGE_SECONDS = 60


def call_due(now: datetime) -> int:
    """Make one batch of the calls that are due; returns how many were handled."""
    handled = claiming.take_back(now)
    with work.abroad():
        alone = claiming.claim_alone(now)
        return handled + Batch(now).run(alone, lambda *_: []) if alone else handled + Batch(now).run([], claiming.claim)


class Batch:
    """Calls on their way, a thread each."""

    def __init__(self, now: datetime):
        self.began, self.start = time.monotonic(), now
        self.flying: dict[Future[tuple[Answer | Failed, float]], tuple[Written, Hook, datetime]] = {}
        self.room, self.ending = settings.WEBHOOK_CONNECTIONS, False

    def now(self) -> datetime:
        """Slow receivers stretch a batch: to the second."""
        return self.start + timedelta(seconds=int(time.monotonic() - self.began))

    def run(self, first: list[Call], claim: Callable[[datetime, int], list[Call]]) -> int:
        """Make the first calls, and then whatever `claim` gives until it gives no more."""
        handled, claimed = 0, first or claim(self.now(), self.room)
        while claimed or self.flying:
            handled += len(claimed)
            self._begin(claimed)
            self._settle(self._ended())
            work.beat()
            claimed = self._more(claim)
        return handled

    def _more(self, claim: Callable[[datetime, int], list[Call]]) -> list[Call]:
        if self.ending:
            return []
        if time.monotonic() - self.began > MOST_SECONDS:
            self.ending = True
            work.poke("webhooks")  # another process goes on, while the last calls end here
            return []
        return claim(self.now(), self.room - len(self.flying))

    def _begin(self, claimed: list[Call]) -> None:
        if not claimed:
            return
        results, ready, writer = prepare(claimed, self.now())
        self._settle(results)
        for written in settling.begin(ready):
            task = _pool().submit(_timed, written)
            self.flying[task] = (written, writer.hooks[written.call.pk], self.now())

    def _ended(self) -> list[Result]:
        if not self.flying:
            return []
        done, _ = wait(self.flying, LOOK_AGAIN, return_when=FIRST_COMPLETED)
        return [_result(*self.flying.pop(task), *task.result()) for task in done]

    def _settle(self, results: list[Result]) -> None:
        try:
            settling.settle(results, self.now())
        except (OperationalError, InterfaceError) as fault:
            if not outages.is_outage(fault):
                raise
            outages.when_it_answers(lambda: settling.settle(results, self.now()), OUTAGE_SECONDS)


def prepare(claimed: Sequence[Call], now: datetime) -> tuple[list[Result], list[Written], Writer]:
    """Write the calls; those that will not be made have their results already. A fixed number of queries."""
    gone = claiming.withdrawn(list(claimed))
    results = [judging.withdrawn(one, now) for one in claimed if one.pk in gone]
    calls = [one for one in claimed if one.pk not in gone]
    writer, ready = Writer(calls, now), []
    for one in calls:
        try:
            writer.write(one)
            ready.append(Written(one, writer.request(one)))
        except Unwritable as fault:
            results.append(judging.unwritable(one, str(fault), now))
    return results, ready, writer


def _timed(written: Written) -> tuple[Answer | Failed, float]:
    began = time.monotonic()
    try:
        answer: Answer | Failed = call(written.request, settings.WEBHOOK_NETWORKS)
    except Failed as fault:
        answer = fault
    except Exception:  # noqa: BLE001  a fault of ours must not lose the others' answers
        log.exception("webhook.fault", call=str(written.call.pk))
        answer = Failed("The call could not be made, by a fault of Dripline’s own; the log says which.")
    return answer, time.monotonic() - began


def _result(written: Written, hook: Hook, at: datetime, answer: Answer | Failed, seconds: float) -> Result:
    if isinstance(answer, Failed):
        return judging.unanswered(written.call, hook, answer, at, seconds)
    return judging.answered(written.call, hook, answer, at, seconds)


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    """The threads of this process; django-q2 forks its workers, so they are made after the fork."""
    if os.getpid() not in _pools:
        _pools.clear()
        _pools[os.getpid()] = ThreadPoolExecutor(64, "webhook")
    return _pools[os.getpid()]
