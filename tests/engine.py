"""The engine by hand: every queue worked off until nothing is due at `now`, as the worker would."""

from collections.abc import Collection
from datetime import datetime

from ops.work import QUEUES


def run(now: datetime, rounds: int = 200, only: Collection[str] = ()) -> int:
    """Work off every queue (or `only` these, by their keys) until all are empty; returns the rows handled."""
    queues = [queue for queue in QUEUES if not only or queue.key in only]
    total = empty = 0
    for _ in range(rounds):
        for queue in queues:
            handled = queue.work(now)
            total += handled
            empty = 0 if handled else empty + 1
            if empty == len(queues):  # all of them, one after the other
                return total
    raise AssertionError("The engine did not come to rest.")
