"""The engine by hand: every queue worked off until nothing is due at `now`, as the worker would."""

from datetime import datetime

from ops.work import QUEUES


def run(now: datetime, rounds: int = 200) -> int:
    """Work off every queue until all are empty; returns the rows handled."""
    total = 0
    for _ in range(rounds):
        handled = sum(queue.work(now) for queue in QUEUES)
        if not handled:
            return total
        total += handled
    raise AssertionError("The engine did not come to rest.")
