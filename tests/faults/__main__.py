"""Runs the faults, each in a process of its own, six at a time (most of them mostly wait); tells what came of it."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from tests.faults import report, tables

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 6
LONGEST = 420  # seconds for one run
# The longest first. The name after the key tells apart what belongs to one fault.
RUNS = {
    "F1": ("`kill -9` of a sender at seven points", "tests.faults.senders:killed"),
    "F2 busy": ("a part of a busy worker is killed", "tests.faults.workers:busy"),
    "F2 idle": ("a part of an idle worker is killed", "tests.faults.workers:idle"),
    "F5 faults": ("all faults of a mail server", "tests.faults.mail_server:run"),
    "F5 slow": ("a mail server that answers late", "tests.faults.mail_server:slow"),
    "F4 cut": ("connections to the database end, or none is left", "tests.faults.database:cut_at_random"),
    "F4 stop": ("PostgreSQL is stopped at once", "tests.faults.database:stopped"),
    "F4 commit": ("the connection ends during a commit", "tests.faults.senders:cut"),
    "F10": ("edits, pauses, merges, archiving meanwhile", "tests.faults.meanwhile:at_random"),
    "F15 migrate": ("migrations during a send", "tests.faults.meanwhile:migrated"),
    "F15 stop": ("a worker is asked to stop in mid-run", "tests.faults.workers:asked_to_stop"),
    "F9 waits": ("waits over changes of the clock and ends of months", "tests.faults.calendar:waits"),
    "F3": ("three workers at once", "tests.faults.workers:three"),
    "F8": ("hosts with wrong clocks", "tests.faults.senders:clocks"),
    "tables": ("hostile input, odd answers", ""),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("faults", nargs="*", help="F1, F2 … or tables; without any, all")
    parser.add_argument("--full", action="store_true", help="longer outages, more kills")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--json", type=Path, default=ROOT / ".data/faults.json")
    parser.add_argument("--markdown", action="store_true", help="run nothing: print the last run as the docs have it")
    parser.add_argument("--docs", action="store_true", help="run nothing: write the last run into docs and README")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run_here(arguments.child, arguments.seed, arguments.full)))
        return 0
    if arguments.markdown or arguments.docs:
        return tell_again(json.loads(arguments.json.read_text()), arguments.docs)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [
            row for rows in pool.map(lambda key: run_apart(key, arguments), chosen(arguments.faults)) for row in rows
        ]
    rows = report.in_order(found)
    result = {"seed": arguments.seed, "full": arguments.full, "seconds": round(time.monotonic() - began), "runs": rows}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2, ensure_ascii=False))
    return tell(result, arguments.json)


def chosen(faults: list[str]) -> list[str]:
    """The keys of RUNS that `F4`, `F4 stop`, `F11` or `tables` mean; all without any."""
    wanted = set(faults) | ({"tables"} if set(faults) & {key.split()[0] for key in tables.TABLES} else set())
    return [key for key in RUNS if not wanted or {key, key.split()[0]} & wanted]


def tell(result: dict, file: Path) -> int:
    failed = [row for row in result["runs"] if "failed" in row]
    print(report.for_console(result["runs"]))
    for row in failed:
        print(f"\n{row['fault']} FAILED\n{row['failed']}")
    held = f"{len(result['runs']) - len(failed)} of {len(result['runs'])} held, in {result['seconds']} s"
    print(f"\n{held}; seed {result['seed']}; {file}")
    return 1 if failed else 0


def tell_again(result: dict, into_docs: bool) -> int:
    if any("failed" in row for row in result["runs"]):
        print("The last run did not hold everywhere: that is not what the docs should say.", file=sys.stderr)
        return 1
    if into_docs:
        report.write(result)
    else:
        print(report.for_docs(result), report.for_readme(result), sep="\n\n")
    return 0


def run_apart(key: str, arguments) -> list[dict]:
    if key == "tables":
        return tables.run()
    command = [sys.executable, "-m", "tests.faults", "--child", key, "--seed", str(arguments.seed)]
    command += ["--full"] if arguments.full else []
    said, fault = _finished(command, LONGEST * (2 if arguments.full else 1))
    try:
        row = json.loads(said.strip().splitlines()[-1])
    except (IndexError, ValueError):
        row = {"fault": key, "what": RUNS[key][0], "failed": fault[-3000:] or "it ended without a word"}
    came_of_it = f"FAILED: {row['failed'].strip().splitlines()[-1]}" if "failed" in row else "held"
    print(f"  {key}: {came_of_it}", file=sys.stderr, flush=True)
    return [row]


def _finished(command: list[str], seconds: float) -> tuple[str, str]:
    """What it printed. Into files: a pipe would stay open for as long as any process that it left behind."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, start_new_session=True)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            err.write(f"\nIt had not ended after {seconds:g} s.")
        for file in (out, err):
            file.seek(0)
        return out.read(), err.read()


def run_here(key: str, seed: int, full: bool) -> dict:
    """One run, with a cluster that nobody had before and nobody has after."""
    what, place = RUNS[key]
    folder = Path(tempfile.mkdtemp(prefix="dripline-faults-"))
    folder.chmod(0o755)  # the server's account must be able to enter it
    began = time.monotonic()
    row: dict = {"fault": key, "what": what}
    try:
        from tests.faults.cluster import Cluster

        with Cluster(folder) as cluster:
            row |= _perform(place, cluster, folder, seed, full)
    except Exception:  # noqa: BLE001  whatever it is, it is the result
        row["failed"] = traceback.format_exc()[-3000:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return row | {"seconds": round(time.monotonic() - began)}


def _perform(place: str, cluster, folder: Path, seed: int, full: bool) -> dict:
    os.environ |= {
        "DATABASE_URL": cluster.url, "DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings",
        "LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", interactive=False, verbosity=0)
    from tests.faults import promises
    from tests.faults.scene import Scene
    from tests.smtp_server import FaultySmtpServer

    module, _, name = place.partition(":")
    with FaultySmtpServer() as server:
        scene = Scene(cluster, server, seed, full)
        note = getattr(import_module(module), name)(scene)
        figures = promises.check(scene)
    connections.close_all()
    pauses = {"longest_pause": round(max(scene.pauses), 1)} if scene.pauses else {}
    return {"note": note, **figures, **pauses}


if __name__ == "__main__":
    sys.exit(main())
