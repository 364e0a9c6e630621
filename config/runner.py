"""One command runs the whole site: database, web, worker, mail catcher; `demo` adds a company with shoppers.

`python -m config.runner serve | demo | demo-password`. Reads DATA_DIR, DATABASE_URL, HOST, PORT,
PUBLIC_URL, EMAIL_URL and CATCHER_PORT, where it looks for a free port first; every one may be left out.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from config.crew import Crew
from config.prepare import EXISTS
from lib.postgres import database_url
from lib.postgres_install import PostgresError

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
HEALTHY_SECONDS = 90
DEMO_EMAIL = "admin@leafandlumen.example"  # test mails of the demo go there, that is to its catcher


class RunnerError(Exception):
    """The site cannot be started; the text says what to do."""


@dataclass(frozen=True)
class Site:
    """What the environment asks for, with defaults filled in; `catcher` is 0 when mail really leaves."""

    demo: bool
    data_dir: Path
    host: str
    port: int
    catcher: int
    public_url: str
    email_url: str

    @classmethod
    def from_environment(cls, *, demo: bool) -> "Site":
        host, port = os.environ.get("HOST") or "127.0.0.1", _port("PORT", 8000)
        email_url = os.environ.get("EMAIL_URL", "")
        catcher = 0 if email_url else free_port(_port("CATCHER_PORT", 1025))
        return cls(
            demo=demo,
            data_dir=data_dir(),
            host=host,
            port=port,
            catcher=catcher,
            public_url=os.environ.get("PUBLIC_URL") or f"http://{_reachable(host)}:{port}",
            email_url=email_url or f"smtp://127.0.0.1:{catcher}",
        )

    @property
    def local_url(self) -> str:
        return f"http://{_reachable(self.host)}:{self.port}"

    @property
    def demo_marker(self) -> Path:
        """Exists once the demo has shown its log-in; keeps `serve` from passing a demo off as a real site."""
        return self.data_dir / "demo"

    def environment(self, url: str) -> dict[str, str]:
        """For the site's processes; `url` is the database's."""
        told = {
            "DATABASE_URL": url,
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "PUBLIC_URL": self.public_url,
            "EMAIL_URL": self.email_url,
            "PYTHONUNBUFFERED": "1",
        }
        if self.demo:
            told |= {"DEMO": "1", "CLOCK_OFFSET": f"file:{self.data_dir / 'clock_offset'}"}
        return {**os.environ, **told}


def main() -> int:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.default_int_handler)
    actions = {
        "serve": lambda: run(demo=False),
        "demo": lambda: run(demo=True),
        "demo-password": demo_password,
    }
    action = actions.get(" ".join(sys.argv[1:]))
    if not action:
        print(f"Usage: python -m config.runner {' | '.join(actions)}", file=sys.stderr)
        return 2
    try:
        return action()
    except KeyboardInterrupt:
        print("Stopped.")
        return 0
    except (RunnerError, PostgresError) as problem:
        print(problem, file=sys.stderr)
        return 1


def run(*, demo: bool) -> int:
    """Runs until a signal (0) or until one of the processes ends by itself (1)."""
    site = Site.from_environment(demo=demo)
    refuse_taken(site)
    if not demo and site.demo_marker.exists():
        raise RunnerError(f"{site.data_dir} holds the demo company: set DATA_DIR to another folder for your own site.")
    print("Preparing the database and the pages …", flush=True)
    with database_url(site.data_dir) as url:
        env = site.environment(url)
        prepare(env, "site", *(["--demo"] if demo else []))
        crew = staff(site, env)
        crew.loop()
    if crew.fallen:
        place = f"{site.data_dir / 'logs'}" if demo else "its last lines"
        print(f"Everything was stopped because the {crew.fallen} process ended by itself: see {place}.")
        return 1
    print("Everything has stopped.")
    return 0


def staff(site: Site, env: dict[str, str]) -> Crew:
    """The site's processes; in the demo their JSON logs go to files, so that the terminal stays readable."""
    crew = Crew(lambda crew: show(crew, site, env))
    crew.add("web", gunicorn(site), env, log(site, "web"))
    crew.add("worker", [*MANAGE, "worker"], env, log(site, "worker"))
    if site.catcher:
        crew.add("mail", [*MANAGE, "mailcatcher", "--port", str(site.catcher)], env, log(site, "mail"))
    return crew


def gunicorn(site: Site) -> list[str]:
    options = [
        "--workers=2",
        "--threads=4",
        "--graceful-timeout=10",
        "--no-control-socket",
        "--log-level=warning",
    ]
    address = f"--bind={site.host}:{site.port}"
    return [sys.executable, "-m", "gunicorn", "config.wsgi", address, f"--chdir={ROOT}", *options]


def log(site: Site, name: str) -> Path | None:
    if not site.demo:
        return None
    folder = site.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def show(crew: Crew, site: Site, env: dict[str, str]) -> None:
    """Once the site answers: says where, and in the demo lets shoppers in and shows the log-in."""
    if not answers(f"{site.local_url}/healthz", HEALTHY_SECONDS):
        crew.say(f"{site.local_url}/healthz does not answer with 200 yet: see the logs for the reason.")
    crew.say(f"Dripline is at {site.public_url} (Ctrl-C stops it).")
    if site.demo:
        try:
            show_demo(crew, site, env)
        except RunnerError as problem:
            crew.say(str(problem))


def show_demo(crew: Crew, site: Site, env: dict[str, str]) -> None:
    crew.say("The first shoppers are coming in …")
    played = crew.follow([*MANAGE, "playdemo", "--url", site.local_url], env)
    if crew.stopping:  # nobody would see the password
        return
    news = "The first mails of the welcome sequence are in Caught mail." if played else (
        "Not all shop events could be played: the lines above say why."
    )  # fmt: skip
    password = secrets.token_urlsafe(12)
    account = {"DJANGO_SUPERUSER_EMAIL": DEMO_EMAIL, **env, "DJANGO_SUPERUSER_PASSWORD": password}
    if prepare(account, "login", "admin", may_exist=True):
        login = f"Log-in: admin   Password: {password}   (shown only this once)"
    else:
        login = "The log-in is the one shown at the first run; `make demo-password` sets a new password."
    crew.say(box(news, f"Open {site.public_url}", login, "Ctrl-C stops everything."))
    site.demo_marker.touch()


def demo_password() -> int:
    """A new password for the demo's log-in, whether the demo runs at the moment or not."""
    site = Site.from_environment(demo=True)
    if not site.demo_marker.exists():
        raise RunnerError(f"There is no demo in {site.data_dir} yet: run `make demo` first.")
    password = secrets.token_urlsafe(12)
    with database_url(site.data_dir) as url:
        env = site.environment(url) | {"DJANGO_SUPERUSER_PASSWORD": password}
        prepare(env, "login", "admin", "--replace")
    print(box(f"Log-in: admin   New password: {password}   (shown only this once)"))
    return 0


def prepare(env: dict[str, str], *arguments: str, may_exist: bool = False) -> bool:
    """Runs config.prepare; False when it found that the log-in exists. Raises RunnerError when it failed."""
    code = subprocess.run([sys.executable, "-m", "config.prepare", *arguments], cwd=ROOT, env=env).returncode
    if code and not (may_exist and code == EXISTS):
        raise RunnerError("The site could not be prepared: the lines above say why.")
    return code == 0


def answers(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def box(*lines: str) -> str:
    width = max(map(len, lines))
    middle = "\n".join(f"│ {line.ljust(width)} │" for line in lines)
    return f"┌─{'─' * width}─┐\n{middle}\n└─{'─' * width}─┘"


def data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or ROOT / ".data").resolve()


def refuse_taken(site: Site) -> None:
    try:
        _bind(site.host, site.port)
    except OSError as problem:
        raise RunnerError(
            f"Port {site.port} on {site.host} cannot be used ({problem.strerror}): "
            "stop the program that has it, or choose another with PORT."
        ) from problem


def free_port(first: int) -> int:
    """`first`, or the next port nobody listens on."""
    for port in range(first, first + 1000):
        try:
            _bind("127.0.0.1", port)
        except OSError:
            continue
        return port
    raise RunnerError(f"No port from {first} on is free for the mail catcher: set EMAIL_URL to a mail server.")


def _bind(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise RunnerError(f"{name} must be a number from 1 to 65535 such as {default}, not “{text}”.")


def _reachable(host: str) -> str:
    """An address to call for one to listen on."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


if __name__ == "__main__":
    sys.exit(main())
