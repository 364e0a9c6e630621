"""The engine by hand: every queue worked off until nothing is due at `now`, as the worker would.

Each is looked at once whatever it says is due, so that work taken before its time is noticed, and from then on, as by
the worker, only while it says so: that is one question where looking for work that is not there asks several.
"""

from collections.abc import Collection
from datetime import datetime

from ops.work import QUEUES


def run(now: datetime, rounds: int = 200, only: Collection[str] = ()) -> int:
    """Work off every queue (or `only` these, by their keys) until all are empty; returns the rows handled."""
    queues = [queue for queue in QUEUES if not only or queue.key in only]
    total = empty = 0
    for place in range(rounds):
        for queue in queues:
            handled = queue.work(now) if place == 0 or queue.is_due(now) else 0
            total += handled
            empty = 0 if handled else empty + 1
            if empty == len(queues):  # all of them, one after the other
                return total
    raise AssertionError("The engine did not come to rest.")
