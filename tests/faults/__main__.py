"""Runs the faults, each in a process of its own, four at a time (most of them mostly wait); tells what came of it."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The longest first. The name after the key tells apart what belongs to one fault.
RUNS = {
    "F2 busy": ("a part of a busy worker is killed", "tests.faults.workers:busy"),
    "F2 idle": ("a part of an idle worker is killed", "tests.faults.workers:idle"),
    "F1": ("`kill -9` of a sender at seven points", "tests.faults.senders:killed"),
    "F5 faults": ("all faults of a mail server", "tests.faults.mail_server:run"),
    "F5 slow": ("a mail server that answers late", "tests.faults.mail_server:slow"),
    "F4 cut": ("connections to the database end, or none is left", "tests.faults.database:cut_at_random"),
    "F4 stop": ("PostgreSQL is stopped at once", "tests.faults.database:stopped"),
    "F4 commit": ("the connection ends during a commit", "tests.faults.senders:cut"),
    "F15": ("a worker is asked to stop in mid-run", "tests.faults.workers:asked_to_stop"),
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
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(run_here(arguments.child, arguments.seed, arguments.full)))
        return 0
    chosen = [key for key in RUNS if not arguments.faults or {key, key.split()[0]} & set(arguments.faults)]
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        found = [row for rows in pool.map(lambda key: run_apart(key, arguments), chosen) for row in rows]
    rows = sorted(found, key=lambda row: (int("".join(filter(str.isdigit, row["fault"][:3])) or 0), row["fault"]))
    print(table(rows))
    result = {"seed": arguments.seed, "full": arguments.full, "seconds": round(time.monotonic() - began), "runs": rows}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(result, indent=2, ensure_ascii=False))
    failed = [row for row in rows if "failed" in row]
    for row in failed:
        print(f"\n{row['fault']} FAILED\n{row['failed']}")
    held = f"{len(rows) - len(failed)} of {len(rows)} held, in {result['seconds']} s"
    print(f"\n{held}; seed {arguments.seed}; {arguments.json}")
    return 1 if failed else 0


def run_apart(key: str, arguments) -> list[dict]:
    if key == "tables":
        return import_module("tests.faults.tables").run()
    command = [sys.executable, "-m", "tests.faults", "--child", key, "--seed", str(arguments.seed)]
    command += ["--full"] if arguments.full else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    try:
        row = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        row = {"fault": key, "what": RUNS[key][0], "failed": done.stderr[-3000:] or "it ended without a word"}
    print(f"  {key}: {'FAILED' if 'failed' in row else 'held'}", file=sys.stderr, flush=True)
    return [row]


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


def table(rows: list[dict]) -> str:
    lines = ["| fault | what is done | mails | kills | twice | lost | unknown, arrived | how |", "|---|" + "---|" * 7]
    for row in rows:
        unknown = f"{row['unknown']}, {row['unknown_arrived']}" if "unknown" in row else "–"
        counts = " | ".join(str(row.get(name, "–")) for name in ("mails", "kills", "twice", "lost"))
        how = "FAILED" if "failed" in row else row["note"]
        lines.append(f"| {row['fault']} | {row['what']} | {counts} | {unknown} | {how} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
