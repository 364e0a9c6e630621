"""`make bench` runs to its end: every step at a tiny size; the counts must be right, the speeds mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.standards import STANDARDS
from benchmarks.steps import QUICK, TINY, problem

ROOT = Path(__file__).resolve().parents[2]
WRONG = [
    "I1 not_imported",
    "E1 not_stored",
    "E2 not_stored",
    "S1 wrong",
    "S2 wrong",
    "J1 not_exactly_two",
    "B1 twice",
    "D1 stored_twice",
    "D2 not_exactly_one",
    "D3 mails",
]


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--json", str(path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr
    return json.loads(path.read_text())["medians"], ran.stdout


@pytest.mark.slow
def test_every_step_runs_and_nothing_is_lost_or_doubled(figures):
    medians, _ = figures
    assert {name.partition(" ")[0] for name in medians} == set(TINY.steps)
    assert {name: medians[name] for name in WRONG} == dict.fromkeys(WRONG, 0)


@pytest.mark.slow
def test_the_table_names_every_measure(figures):
    medians, printed = figures
    assert all(STANDARDS[name].label in printed for name in medians)


def test_only_the_kill_is_missing_from_the_tiny_size():
    assert set(QUICK.steps) - set(TINY.steps) == {"K1"}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("B1", "begin with I"),
        ("E1,J1,I", "begin with I"),
        ("I,B2", "There is no step B2"),
        ("E1,E2,M", ""),
        ("I,B1", ""),
    ],
)
def test_steps_that_would_wait_in_vain_are_refused_at_once(steps, said):
    assert said in problem(steps.split(",")) and bool(said) == bool(problem(steps.split(",")))


def test_refused_steps_end_the_program():
    command = [sys.executable, "-m", "benchmarks", "--steps", "B1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2 and "begin with I" in ran.stderr
