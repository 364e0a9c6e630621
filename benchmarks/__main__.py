"""`python -m benchmarks [--full | --tiny] [--steps I,B1] [--json FILE]`: runs the steps, prints, writes JSON."""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks import steps
from benchmarks.meter import Watch
from benchmarks.sink import Sink
from benchmarks.site import Site, Timeout
from benchmarks.standards import STANDARDS
from config.runner import ROOT

RESULTS = ROOT / ".data" / "bench"


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the site is stopped as by Ctrl-C
    given = _arguments()
    size = steps.FULL if given.full else steps.TINY if given.tiny else steps.QUICK
    if given.steps:
        size = replace(size, steps=tuple(given.steps.split(",")))
        if problem := steps.problem(size.steps):
            print(problem, file=sys.stderr)
            return 2
    try:
        runs = [run(size) for _ in range(size.runs)]
    except Timeout as problem:
        print(problem, file=sys.stderr)
        return 1
    figures = {name: statistics.median(each[name] for each in runs) for name in runs[0]}
    print(table(figures))
    print(f"\nWritten to {write(given.json, figures, runs)}.")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--full", action="store_true", help="100,000 contacts, medians of three runs")
    parser.add_argument("--tiny", action="store_true", help="does it run at all? The figures mean nothing")
    parser.add_argument("--steps", help="some of them, in this order, such as I,J1")
    parser.add_argument("--json", type=Path, default=RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json")
    return parser.parse_args()


def run(size: steps.Size) -> dict[str, float]:
    """One run on a site of its own, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="dripline-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the database server's account must be able to enter it
        with Sink(folder) as sink, Site(folder, f"smtp://127.0.0.1:{sink.port}", size.shared_buffers) as site:
            site.manage("shell", "-v0", "-c", f"from benchmarks.company import found; found({size.wait_minutes})")
            key = site.manage("createapikey", "--kind", "write", "--source", "Bench").strip()
            watch = Watch(lambda: site.processes)
            watch.start()
            try:
                return steps.Bench(site, sink, key, size, watch).run(lambda line: print(line, flush=True))
            finally:
                watch.ended.set()
                watch.join()


def table(figures: dict[str, float]) -> str:
    """A row a measure: here, our bar, whether it is met, the limit, the best peer."""
    rows = [("", "", "here", "bar", "", "limit", "peer")]
    for name, value in figures.items():
        standard, step = STANDARDS[name], name.partition(" ")[0]
        verdict = "" if not standard.bar else "met" if standard.met(value) else "MISSED"
        here = f"{value:,.{standard.digits}f}"
        rows.append((step, standard.label, here, standard.bar, verdict, standard.limit, standard.peer))
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    return "\n".join(
        "  ".join(cell.rjust(width) if column >= 2 else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    )  # fmt: skip


def write(path: Path, figures: dict[str, float], runs: list[dict[str, float]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }
    path.write_text(json.dumps({"machine": machine, "medians": figures, "runs": runs}, indent=2))
    return path


if __name__ == "__main__":
    sys.exit(main())
