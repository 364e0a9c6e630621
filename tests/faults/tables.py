"""The faults that need no killing: tables of hostile input and odd answers, which a push runs as tests, run again."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from tests.processes import ROOT

TABLES = {
    "F6": ("answers of a provider's HTTP API", ["campaigns/test_transports"]),
    "F9 zones": ("local times over changes of the clock, partitions at ends of months", ["faults/test_calendar"]),
    "F11": ("hostile JSON", ["events/test_wire", "lib/test_clean_json", "security/test_hostile_input"]),
    "F12": (
        "hostile headers and addresses",
        ["campaigns/test_mime", "campaigns/test_smtp_session", "contacts/test_addresses"],
    ),
    "F13": ("hostile templates", ["campaigns/test_liquid"]),
    "F14": ("one-click unsubscribing in every form", ["campaigns/test_unsubscribe"]),
}


def run() -> list[dict]:
    """One row a table; what failed is named."""
    files = [f"tests/{file}.py" for _, some in TABLES.values() for file in some]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *files]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        cases = list(ElementTree.parse(report).getroot().iter("testcase")) if report.exists() else []
    if not cases:
        return [{"fault": "F6–F14", "what": "tables", "failed": done.stdout[-2000:] + done.stderr[-2000:]}]
    return [_row(key, what, some, cases) for key, (what, some) in TABLES.items()]


def _row(key: str, what: str, files: list[str], cases: list) -> dict:
    modules = {f"tests.{file.replace('/', '.')}" for file in files}
    outcomes: Counter[str] = Counter()
    failed = []
    for case in cases:
        if case.get("classname") in modules:
            outcome = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
            outcomes[outcome] += 1
            failed += [case.get("name")] if outcome in ("failure", "error") else []
    row = {"fault": key, "what": what, "note": f"{outcomes['passed']} cases", "cases": outcomes["passed"]}
    return row | ({"failed": ", ".join(failed)} if failed else {})
