"""The site's processes side by side, on honcho: when one ends all end, and nothing is left behind."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import honcho.manager
from honcho.printer import Message, Printer

# A worker may take a minute to finish what it holds; only then is it killed.
honcho.manager.KILL_WAIT = 65

VOICE = "dripline"  # the name before our own lines

Errand = Callable[["Crew"], None]


class Terminal(Printer):
    def write(self, message: Message) -> None:
        """A terminal that was closed, or a pipe that nobody reads, is no reason to drop everything."""
        with suppress(OSError):
            super().write(message)


class Crew(honcho.manager.Manager):
    """Long-running processes, and one errand run beside them whose end stops nothing.

    After `loop()`, `fallen` is the process that ended by itself, or "" when a signal ended them all.
    """

    def __init__(self, errand: Errand) -> None:
        super().__init__(Terminal(sys.stdout))
        self._printer.width = len(VOICE)
        self.fallen = ""
        self._errand = errand
        self._errands: set[int] = set()
        self._guard: subprocess.Popen | None = None

    def add(self, name: str, command: list[str], env: dict[str, str], log: Path | None = None) -> None:
        """`log` takes the output of a process that talks to machines rather than to people."""
        line = f"exec {shlex.join(command)}"
        self.add_process(name, f"{line} > {shlex.quote(str(log))} 2>&1" if log else line, env=env)

    def follow(self, command: list[str], env: dict[str, str]) -> bool:
        """For the errand: runs a command to its end, its lines in the terminal; True when it succeeded."""
        with subprocess.Popen(
            command,
            env=env,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            self._errands.add(process.pid)
            for line in process.stdout or ():
                self.say(line.rstrip())
        return process.returncode == 0

    @property
    def stopping(self) -> bool:
        return self._terminating

    def say(self, text: str) -> None:
        """One or more lines in the terminal, from any thread."""
        self.events.put(Message("line", f"{text}\n", datetime.now(), VOICE, None))

    def loop(self) -> None:
        signal.signal(signal.SIGHUP, self._terminal_closed)
        try:
            super().loop()
        finally:
            self._dismiss()
            self._sweep()

    def _dismiss(self) -> None:
        """The guard and honcho's readers; a reader that nobody listens to any more would block our exit."""
        if self._guard:
            self._guard.kill()
            self._guard.wait()
        for process in self._processes.values():
            if reader := process.get("process"):
                reader.kill()

    def terminate(self) -> None:
        if not self._all_started():  # a signal in the first moment: some have no pid yet to be told
            threading.Timer(0.1, self.terminate).start()
            return
        if self.returncode not in (130, 143):
            self.fallen = next((name for name, process in self._processes.items() if "returncode" in process), "")
        super().terminate()

    def _terminal_closed(self, *_: object) -> None:
        """Goes on to an orderly end although nothing can be printed any more."""
        sys.stdout = sys.stderr = self._printer.output = open(os.devnull, "w")  # noqa: SIM115
        os.kill(os.getpid(), signal.SIGTERM)

    def _start(self) -> None:
        super()._start()
        threading.Thread(target=self._accompany, daemon=True).start()

    def _accompany(self) -> None:
        while not self._all_started():
            time.sleep(0.02)
        groups = [f"-{process['pid']}" for process in self._processes.values()]
        # Should we be killed, the guard reads the end of its input and ends the others in our place.
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _; for group; do kill -s TERM -- "$group"; done', "guard", *groups],
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._errand(self)

    def _sweep(self) -> None:
        """Kills what outlived its parent: each process leads a session, which its descendants share."""
        sessions = self._errands | {process["pid"] for process in self._processes.values() if "pid" in process}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getsid(int(entry.name)) in sessions:
                    os.kill(int(entry.name), signal.SIGKILL)
