"""Scores: R of the protocol: events under ten rules, edits of a model that scores everybody, looks at what fades."""

import json
import time
from typing import TYPE_CHECKING

from benchmarks import load
from benchmarks.load import percentile

if TYPE_CHECKING:
    from benchmarks.steps import Bench


def measured(bench: "Bench") -> None:
    """R: ingest as in E2 under ten rules, of which one (three, all) ask for such events; then a large site."""
    size = bench.size
    first = size.singles + 2 * size.batched
    for name, fitting in (("one", 1), ("three", 3), ("ten", 10)):
        _shell(bench, f"install('{name}', {fitting})")
        _ingest(bench, name, first)
        first += size.batched
    bench.site.kill_worker()
    said = _shell(bench, f"measure({size.volume_contacts}, {size.volume_events})")
    bench.note(**json.loads(said.strip().splitlines()[-1]))
    bench.site.start_worker()


def _shell(bench: "Bench", call: str) -> str:
    said = bench.site.manage("shell", "-v0", "-c", f"from benchmarks import scoring; scoring.{call}")
    bench.site.await_idle()
    return said


def _ingest(bench: "Bench", name: str, first: int) -> None:
    count, contacts = bench.size.batched, bench.size.contacts
    items = [load.purchase(n) | {"userId": f"u{n * 5 % contacts}"} for n in range(first, first + count)]
    bodies = load.batches(items, 100)
    before = bench.site.ask(STORED)
    cpu, begun = bench.site.cpu(), time.monotonic()
    took = bench.post(bodies)
    bench.site.await_idle()
    spent = time.monotonic() - begun
    bench.note(
        **{
            f"R_{name}_processed_per_s": count / spent,
            f"R_{name}_cpu_us_each": (bench.site.cpu() - cpu) / count * 1e6,
            f"R_{name}_p99_ms": percentile(took, 0.99) * 1e3,
            f"R_{name}_not_stored": count - (bench.site.ask(STORED) - before),
            f"R_{name}_contributions": bench.site.ask(EARNED, name),
        }
    )


STORED = "SELECT count(*) FROM events_event WHERE type = 'order.completed'"
EARNED = """
SELECT count(*) FROM scoring_scorechange c JOIN scoring_scoremodel m ON m.id = c.model_id
WHERE m.key = %s AND c.ended_at IS NULL
"""
