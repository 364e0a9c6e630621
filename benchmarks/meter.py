"""CPU time and memory of process trees, as the kernel counts them."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import psutil

MIB = 2**20


def family(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """The processes and all that descend from them."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            yield root
            yield from root.children(recursive=True)


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of the trees. Time of those that have ended is in their parents' `children_…`."""
    total = 0.0
    for process in family(pids):
        with suppress(psutil.NoSuchProcess):
            total += sum(process.cpu_times()[:4])
    return total


def memory(pids: Iterable[int]) -> tuple[float, float]:
    """MiB: of all together, shared pages counted once (PSS), and of the largest process (RSS)."""
    together = largest = 0.0
    for process in family(pids):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            full = process.memory_full_info()
            together, largest = together + full.pss, max(largest, full.rss)
    return together / MIB, largest / MIB


class Watch(threading.Thread):
    """Looks at the memory every other second; `most` and `largest` are the highest it saw, in MiB."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        super().__init__(daemon=True)
        self.pids, self.most, self.largest, self.ended = pids, 0.0, 0.0, threading.Event()

    def look(self) -> None:
        together, largest = memory(self.pids())
        self.most, self.largest = max(self.most, together), max(self.largest, largest)

    def run(self) -> None:
        while not self.ended.wait(2):
            self.look()
