"""Real processes under a crew: how they end together, and that nothing outlives them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
START = "import os, signal, sys, threading, time\nfrom config.crew import Crew\n"
END = "\ncrew.loop()\nprint('FALLEN', repr(crew.fallen), flush=True)\n"
SLEEP = "['sleep', '60']"


@pytest.fixture
def play():
    """Starts a script around a crew; kills what is left of it."""
    started = []

    def play(script: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", START + script + END], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield play
    for process in started:
        process.kill()
        process.wait()


def read_until(process: subprocess.Popen, text: str) -> str:
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"it never said {text}")


def pid_after(line: str) -> int:
    return int(line.rsplit("pid=", 1)[1].split(")")[0])


def gone(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_when_one_ends_all_end_and_it_is_named(play):
    process = play(
        f"crew = Crew(lambda crew: None)\ncrew.add('long', {SLEEP}, dict(os.environ))\n"
        "crew.add('short', ['sh', '-c', 'sleep 1; exit 3'], dict(os.environ))"
    )
    long = pid_after(read_until(process, "long started"))
    assert "'short'" in read_until(process, "FALLEN")
    assert gone(long)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_and_blames_nobody(play, signum):
    process = play(f"crew = Crew(lambda crew: None)\ncrew.add('long', {SLEEP}, dict(os.environ))")
    long = pid_after(read_until(process, "long started"))
    process.send_signal(signum)
    if signum != signal.SIGHUP:  # after which there is no terminal to say it in
        assert "''" in read_until(process, "FALLEN")
    assert process.wait(10) == 0
    assert gone(long)


def test_a_signal_in_the_first_moment_is_not_lost(play):
    process = play(
        f"crew = Crew(lambda crew: os.kill(os.getpid(), signal.SIGTERM))\ncrew.add('long', {SLEEP}, dict(os.environ))"
    )
    assert "''" in read_until(process, "FALLEN")
    assert process.wait(10) == 0


def test_the_errand_speaks_and_its_end_stops_nothing(play):
    process = play(
        "def errand(crew):\n"
        "    done = crew.follow(['sh', '-c', 'echo on my way; exit 4'], dict(os.environ))\n"
        "    crew.say(f'errand succeeded: {done}')\n"
        f"crew = Crew(errand)\ncrew.add('long', {SLEEP}, dict(os.environ))"
    )
    read_until(process, "on my way")
    assert "False" in read_until(process, "errand succeeded")
    time.sleep(0.5)
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 0


def test_a_child_that_left_the_process_group_is_swept_up(play):
    """A shell with job control puts its children into process groups of their own."""
    process = play(
        "crew = Crew(lambda crew: None)\n"
        "crew.add('parent', ['bash', '-mc', 'sleep 60 & echo \"pid=$!)\"; wait'], dict(os.environ))"
    )
    child = pid_after(read_until(process, "| pid="))
    process.terminate()
    assert process.wait(10) == 0
    assert gone(child)


def test_it_ends_in_good_order_when_nobody_reads_its_output(play):
    process = play(
        "crew = Crew(lambda crew: None)\n"
        "crew.add('chatty', ['sh', '-c', 'while :; do echo something to say; sleep 0.01; done'], dict(os.environ))"
    )
    chatty = pid_after(read_until(process, "chatty started"))
    process.stdout.close()
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    process.wait(10)
    assert gone(chatty)


def test_machine_talk_goes_to_its_file(play, tmp_path):
    file = tmp_path / "web log.json"
    process = play(
        "from pathlib import Path\ncrew = Crew(lambda crew: None)\n"
        f"crew.add('web', ['sh', '-c', 'echo to the file; sleep 1'], dict(os.environ), Path({str(file)!r}))"
    )
    assert "to the file" not in process.stdout.read()
    assert file.read_text() == "to the file\n"
