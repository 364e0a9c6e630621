"""What a run came to, as tables: for the console, for docs/reliability.md and for the README."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- from `python -m tests.faults --docs`: -->", "<!-- end of what is written by a run -->"
NUMBERS = ["mails", "kills", "twice", "lost", "in_hand", "unknown", "unknown_arrived", "unsubscribed"]
# The README's rows: which faults each stands for.
GROUPS = {
    "`kill -9` of a sender at seven points": ["F1"],
    "`kill -9` of each process of a worker, idle and busy": ["F2 busy", "F2 idle"],
    "three workers at once": ["F3"],
    "PostgreSQL stopped for 5 and 60 s; its connections cut, exhausted, ended during commits":
        ["F4 stop", "F4 cut", "F4 commit"],
    "a mail server with every fault at every verb, and a slow one": ["F5 faults", "F5 slow"],
    "hosts whose clocks are 10 minutes and a day off, senders killed": ["F8"],
    "edits, pauses, merges and archiving while mails are in hand": ["F10"],
    "migrations during a send; a worker asked to stop": ["F15 migrate", "F15 stop"],
}  # fmt: skip


def in_order(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (int(re.sub(r"\D.*", "", row["fault"][1:]) or 0), row["fault"]))


def for_docs(run: dict) -> str:
    """Every fault on a row of its own, and the sum."""
    head = ["fault", "what is done", "how", "mails", "kills, cuts", "twice", "lost", "in hand then", "unknown"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in run["runs"]:
        what = [f"| {row['fault']}", row["what"], "FAILED" if "failed" in row else row["note"]]
        lines.append(" | ".join([*what, *_cells(row, "in_hand")]) + " |")
    cores = f"{os.cpu_count()} cores"
    size = "longer outages, more of everything (`FULL=1`)" if run["full"] else "as `make faults` runs it"
    return "\n".join([f"Seed {run['seed']}, {cores}, {run['seconds']:,} s, {size}:", "", *lines, "", _sum(run["runs"])])


def for_readme(run: dict) -> str:
    lines = ["| fault | mails | kills, cuts | twice | lost | unknown |", "|---" * 6 + "|"]
    for what, faults in GROUPS.items():
        row = _added([row for row in run["runs"] if row["fault"] in faults])
        lines.append(" | ".join([f"| {what}", *_cells(row)]) + " |")
    return "\n".join(lines)


def for_console(rows: list[dict]) -> str:
    return for_docs({"runs": rows, "seed": "", "full": False, "seconds": 0}).split("\n\n")[1]


def write(run: dict) -> None:
    """Both tables, where the pages have them."""
    for page, text in (("docs/reliability.md", for_docs(run)), ("README.md", for_readme(run))):
        path = ROOT / page
        before, _, rest = path.read_text().partition(BEGIN)
        path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def _cells(row: dict, *more: str) -> list[str]:
    counts = [
        f"{row[name]:,}" if row.get(name) is not None else "–" for name in ("mails", "kills", "twice", "lost", *more)
    ]
    unknown = f"{row['unknown']}" if row.get("unknown") is not None else "–"
    arrived = f", of which {row['unknown_arrived']} arrived" if row.get("unknown") else ""
    return [*counts, unknown + arrived]


def _added(rows: list[dict]) -> dict:
    return {name: sum(row.get(name, 0) for row in rows) for name in NUMBERS}


def _sum(rows: list[dict]) -> str:
    total = _added(rows)
    return (
        f"Together {total['mails']:,} mails, {total['kills']} kills and cuts, {total['unsubscribed']} unsubscriptions "
        f"meanwhile: {total['twice'] or 'none'} twice, {total['lost'] or 'none'} lost, none marked after an\n"
        f"unsubscription; {total['in_hand']} were being handed over when something broke, {total['unknown']} of them "
        f"are *unknown*, of which {total['unknown_arrived']} had arrived."
    )
