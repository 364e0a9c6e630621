"""`make serve` and its refusals, as a person or a test harness sees them: one address, one Ctrl-C."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = (
    "DATABASE_URL",
    "DATA_DIR",
    "EMAIL_URL",
    "PUBLIC_URL",
    "HOST",
    "PORT",
    "SECRET_KEY",
    "DEMO",
    "CLOCK_OFFSET",
)


@pytest.fixture
def data_dir():
    folder = Path(tempfile.mkdtemp(prefix="runner-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def port() -> int:
    return free_port()


def free_port() -> int:
    """Below the ports that the kernel hands out by itself, so that nobody takes it in between."""
    while True:
        number = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", number)):
                return number


@pytest.fixture
def run():
    """The runner in a session of its own; one that a failing test left behind is asked to end."""
    started = []

    def run(command: str, **told: object) -> subprocess.Popen:
        env = {name: value for name, value in os.environ.items() if name not in OURS}
        env |= {"CATCHER_PORT": str(free_port())} | {name: str(value) for name, value in told.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "config.runner", command],
            cwd=ROOT, env=env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            end(process, signal.SIGTERM)


def read_until(process: subprocess.Popen, text: str) -> str:
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return "".join(said)
    raise AssertionError(f"it never said “{text}”, but:\n{''.join(said)}")


def end(process: subprocess.Popen, signum: int) -> tuple[int, str]:
    process.send_signal(signum)
    said, _ = process.communicate(timeout=90)
    return process.returncode, said


def crew_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Everything the runner has started by now: processes, their children, the database, its watchdog."""
    return psutil.Process(process.pid).children(recursive=True)


def survivors(crew: list[psutil.Process], seconds: float = 0) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(crew, timeout=seconds)
    return [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


def test_a_port_that_is_taken_is_named_with_the_remedy(run, data_dir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        said, _ = run("serve", DATA_DIR=data_dir, PORT=number).communicate(timeout=20)
    assert f"Port {number} on 127.0.0.1 cannot be used" in said
    assert "choose another with PORT" in said
    assert "Traceback" not in said


def test_a_port_that_is_no_number_is_named(run, data_dir):
    process = run("serve", DATA_DIR=data_dir, PORT="http")
    assert "PORT must be a number" in process.communicate(timeout=20)[0]
    assert process.returncode == 1


def test_a_demo_is_not_passed_off_as_a_site(run, data_dir, port):
    (data_dir / "demo").touch()
    process = run("serve", DATA_DIR=data_dir, PORT=port)
    assert "holds the demo company: set DATA_DIR" in process.communicate(timeout=20)[0]
    assert process.returncode == 1


def test_a_demo_password_needs_a_demo(run, data_dir):
    assert "run `make demo` first" in run("demo-password", DATA_DIR=data_dir).communicate(timeout=20)[0]


@pytest.mark.slow
def test_serve_answers_and_ctrl_c_ends_everything(run, data_dir, port):
    login = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "s3cret-word"}
    process = run("serve", DATA_DIR=data_dir, PORT=port, **login)
    said = read_until(process, f"Dripline is at http://127.0.0.1:{port}")
    assert "The log-in ada has been made." in said
    assert "s3cret-word" not in said
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert (data_dir / "secret_key").stat().st_mode & 0o777 == 0o600
    crew = crew_of(process)
    assert len(crew) > 10
    code, said = end(process, signal.SIGINT)
    assert "Everything has stopped." in said
    assert code == 0
    assert not survivors(crew)


@pytest.mark.slow
def test_a_process_that_dies_ends_everything_and_is_named(run, data_dir, port):
    process = run("serve", DATA_DIR=data_dir, PORT=port)
    said = read_until(process, "Dripline is at")
    assert "There is no log-in yet" in said
    crew = crew_of(process)
    web = next(line for line in said.splitlines() if "web started" in line)
    os.kill(int(web.rsplit("pid=", 1)[1].rstrip(")")), signal.SIGKILL)
    said, _ = process.communicate(timeout=90)
    assert "because the web process ended by itself" in said
    assert process.returncode == 1
    assert not survivors(crew)


@pytest.mark.slow
def test_nothing_outlives_a_killed_runner(run, data_dir, port):
    process = run("serve", DATA_DIR=data_dir, PORT=port)
    read_until(process, "Dripline is at")
    crew = crew_of(process)
    process.kill()
    process.wait()
    assert not survivors(crew, seconds=60)


@pytest.mark.slow
def test_a_given_database_is_used_and_left_running(run, data_dir, port, tmp_path):
    from lib.postgres import Embedded

    with Embedded(data_dir / "given", fsync=False) as given:
        process = run("serve", DATA_DIR=data_dir / "site", PORT=port, DATABASE_URL=given.url)
        read_until(process, "Dripline is at")
        assert end(process, signal.SIGTERM)[0] == 0
        assert not (data_dir / "site/postgres").exists()
        with psycopg.connect(given.url) as connection:
            assert connection.execute("SELECT count(*) FROM django_migrations").fetchone()[0] > 0
