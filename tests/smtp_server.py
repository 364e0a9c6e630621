"""A real SMTP server on loopback that misbehaves on request, at every verb.

    with FaultySmtpServer() as server:
        server.on("RCPT", reply="550 5.1.1 no such user", when=lambda n, line: "gone@" in line)
        server.on("DOT", drop=True, accept=True, times=1)     # takes the message, then dies without a word
        ...
        [message] = server.wait_for(1)
        assert message.recipient == "ada@example.com"

Verbs: CONNECT, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (the first line of a body has come), DOT
(the final dot has come), RSET, NOOP, QUIT. A message is in `accepted` exactly when a real server would
deliver it; `violations` lists what no client may do. One connection is a Dialogue (smtp_dialogue.py).
"""

import asyncio
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tests.certificates import self_signed
from tests.smtp_dialogue import Dialogue, Hangup


@dataclass
class Rule:
    """What happens at `verb`: wait `delay` seconds, say `reply`, `drop` the connection (before any reply).

    `accept` decides at DOT whether the message counts as taken: by default it does when 250 is said.
    `close` ends the connection after the reply, as 421 always does.
    """

    verb: str
    reply: str = ""
    drop: bool = False
    close: bool = False
    delay: float = 0.0
    accept: bool | None = None
    times: int | None = None
    when: Callable[[int, str], bool] = lambda n, line: True


@dataclass(frozen=True)
class Accepted:
    """One message taken, `data` with dots unstuffed and CRLF line ends; `at` is time.monotonic()."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes
    at: float
    connection: int

    @property
    def recipient(self) -> str:
        [recipient] = self.recipients
        return recipient

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.data, policy=policy.default)  # type: ignore[return-value]


class FaultySmtpServer:
    """The server, in a thread of its own; a context manager. The arguments say what it offers.

    `auth` maps user names to passwords, and with it MAIL needs a log-in. `starttls` and `ssl` use the
    self-signed `certificate` (a PEM file). `sloppy` answers DATA with 354 though nobody was taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        pipelining: bool = True,
        auth: dict[str, str] | None = None,
        auth_methods: str = "PLAIN LOGIN",
        starttls: bool = False,
        ssl: bool = False,
        size: int = 0,
        smtputf8: bool = True,
        sloppy: bool = False,
    ) -> None:
        self.port, self.pipelining, self.auth, self.auth_methods = port, pipelining, auth or {}, auth_methods
        self.starttls, self.ssl, self.size, self.smtputf8, self.sloppy = starttls, ssl, size, smtputf8, sloppy
        self.certificate: Path | None = None
        self._changed = threading.Condition()
        self.reset()

    def reset(self) -> None:
        """Forget rules, messages and counts; connections stay."""
        with self._changed:
            self.rules: list[Rule] = []
            self.accepted: list[Accepted] = []
            self.log: list[tuple[int, str, str]] = []
            self.violations: list[str] = []
            self.seen: Counter[str] = Counter()
            self.connections = 0

    def on(self, verb: str, **what) -> Rule:
        """Add a rule (fields of Rule); the first that fits wins; `when(n, line)` counts the verb from 1."""
        rule = Rule(verb, **what)
        self.rules.append(rule)
        return rule

    def greylist(self, reply: str = "450 4.7.1 greylisted, come back later") -> None:
        """Put each recipient off the first time."""
        known: set[str] = set()
        self.on("RCPT", reply=reply, when=lambda n, line: line not in known and not known.add(line))

    def wait_for(self, n: int, timeout: float = 10.0) -> list[Accepted]:
        """Wait until `n` messages were accepted and return all; TimeoutError tells how many came."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.accepted) >= n, timeout):
                raise TimeoutError(f"{len(self.accepted)} of {n} messages came within {timeout} s")
            return list(self.accepted)

    @property
    def url(self) -> str:
        """The server as an EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def client_tls(self) -> ssl.SSLContext:
        """A client's context that trusts this server's certificate and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def __enter__(self) -> "FaultySmtpServer":
        self.tls = self._server_tls() if self.starttls or self.ssl else None
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self._thread.start()
        started.wait(10)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    _failure: OSError | None = None

    def _server_tls(self) -> ssl.SSLContext:
        self.certificate = self_signed()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context

    async def _main(self, started: threading.Event) -> None:
        self._loop, self._stop, self._tasks = asyncio.get_running_loop(), asyncio.Event(), set()
        try:
            listener = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, limit=2**24, ssl=self.tls if self.ssl else None
            )
        except OSError as error:
            self._failure = error
            started.set()
            return
        self.port = listener.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            await Dialogue(self, reader, writer, self.connections).run()
        except (Hangup, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def match(self, verb: str, line: str) -> Rule:
        """Count `verb` and find the rule for it, one that changes nothing if there is none."""
        self.seen[verb] += 1
        for rule in self.rules:
            if rule.verb == verb and rule.times != 0 and rule.when(self.seen[verb], line):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return Rule(verb)

    def accept(self, sender: str, recipients: tuple[str, ...], data: bytes, connection: int) -> None:
        """Take a message for good."""
        with self._changed:
            self.accepted.append(Accepted(sender, recipients, data, time.monotonic(), connection))
            self._changed.notify_all()
