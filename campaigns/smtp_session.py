"""One signed-in connection to a mail server: greeting, encryption, log-in, and the verbs of one message."""

import base64
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import Literal

from campaigns.delivery import Envelope, Kind, Outcome, kind_of
from campaigns.smtp_wire import Lost, Reply, Wire

_STAGES = ("mail", "rcpt", "data")
_HOSTNAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Account:
    """A mail server and how to sign in there; without a `tls` context the system's authorities count."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    security: Literal["none", "starttls", "ssl"] = "none"
    timeout: float = 30.0
    local_hostname: str | None = None
    tls: ssl.SSLContext | None = None


class Unavailable(Exception):
    """The server cannot be used at all now; `outcome`, still without a ref, holds for every message."""

    def __init__(self, kind: Kind, stage: str, text: str, code: int = 0, enhanced: str = "") -> None:
        super().__init__(text)
        self.outcome = Outcome(None, kind, stage, code, enhanced, text)


class Session:
    """An open connection that takes messages one after the other.

    `ahead` says that the commands of the next message already rode on the end of the last one;
    `alive` turns false when the server takes no further command on this connection.
    """

    def __init__(self, wire: Wire, extensions: dict[str, str]) -> None:
        self.wire, self.extensions = wire, extensions
        self.pipelining = "PIPELINING" in extensions
        self.ahead, self.alive, self.stage = False, True, "mail"

    def objection(self, envelope: Envelope) -> str:
        """Say why this server cannot take `envelope`; empty when it can."""
        if problem := envelope.problem():
            return problem
        if _needs_utf8(envelope) and "SMTPUTF8" not in self.extensions:
            return "the mail server takes no addresses with letters outside a to z"
        if not envelope.data.isascii() and "8BITMIME" not in self.extensions:
            return "the mail server takes no 8-bit messages"
        limit = self.extensions.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < len(envelope.data):
            return f"the message is larger than the {int(limit):,} bytes that the mail server takes"
        return ""

    def invite(self, envelope: Envelope) -> tuple[str, Reply] | None:
        """Ask the server to take `envelope`: None once it waits for the body, else (stage, refusing reply).

        Lost if the connection ends before anything was refused; `stage` then tells where.
        """
        replies: dict[str, Reply] = {}
        lost = None
        try:
            self._converse(self._commands(envelope), replies)
        except Lost as error:
            lost, self.alive = error, False
        refusal = next(((stage, reply) for stage, reply in replies.items() if not _fits(stage, reply)), None)
        if refusal is None and lost is not None:
            raise lost
        if refusal is not None:
            self._clear(replies)
        return refusal

    def write_body(self, data: bytes) -> None:
        """Write the dot-stuffed message without the dot that would end it."""
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        self.wire.write(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")

    def finish(self, following: Envelope | None) -> Reply:
        """Write the final dot, and with it the commands of `following` if the server pipelines (RFC 2920)."""
        self.stage = "dot"
        chained = self.pipelining and following is not None and not self.objection(following)
        commands = b"".join(self._commands(following)) if chained and following else b""
        self.wire.write(b".\r\n" + commands)
        self.ahead = chained
        return self.wire.read()

    def _converse(self, commands: list[bytes], replies: dict[str, Reply]) -> None:
        self.stage = "mail"
        if self.pipelining and not self.ahead:
            self.wire.write(b"".join(commands))
        self.ahead = False
        for self.stage, command in zip(_STAGES, commands, strict=True):
            reply = replies[self.stage] = self.wire.read() if self.pipelining else self.wire.ask(command)
            if reply.code == 421:
                raise Lost("it closed the connection")
            if not self.pipelining and not _fits(self.stage, reply):
                return

    def _clear(self, replies: dict[str, Reply]) -> None:
        """Leave the refused message behind, so that the next may follow on this connection."""
        waits_for_body = "data" in replies and replies["data"].code == 354
        if waits_for_body and _fits("rcpt", replies["rcpt"]):
            # It refused the sender and took the recipient: a dot now could deliver an empty message.
            self.alive = False
        if not self.alive:
            return
        try:
            # With no recipient taken a lone dot can reach nobody, and is what RFC 2920 asks for.
            reply = self.wire.ask(b".\r\n" if waits_for_body else b"RSET\r\n")
            self.alive = reply.code != 421 and (waits_for_body or reply.code // 100 == 2)
        except Lost:
            self.alive = False

    def _commands(self, envelope: Envelope) -> list[bytes]:
        options = f" SIZE={len(envelope.data)}" if "SIZE" in self.extensions else ""
        if not envelope.data.isascii():
            options += " BODY=8BITMIME"
        if _needs_utf8(envelope):
            options += " SMTPUTF8"
        mail = f"MAIL FROM:<{envelope.sender}>{options}\r\n".encode()
        return [mail, f"RCPT TO:<{envelope.recipient}>\r\n".encode(), b"DATA\r\n"]


def open_session(account: Account) -> Session:
    """Connect, encrypt and sign in; Unavailable with the outcome for every waiting message if that fails."""
    wire = _connect(account)
    stage = "connect"
    try:
        _expect(wire.read(), 220, stage)
        stage = "ehlo"
        extensions = _greet(wire, account)
        if account.security == "starttls":
            stage = "starttls"
            extensions = _start_tls(wire, account, extensions)
        if account.username:
            stage = "auth"
            _sign_in(wire, account, extensions)
    except Lost as lost:
        wire.abort()
        raise Unavailable("retry", stage, str(lost)) from lost
    except Unavailable:
        wire.abort()
        raise
    return Session(wire, extensions)


def _connect(account: Account) -> Wire:
    try:
        wire = Wire(socket.create_connection((account.host, account.port), account.timeout), account.timeout)
    except (OSError, UnicodeError) as error:
        raise Unavailable("retry", "connect", _reason(account, error)) from error
    if account.security == "ssl":
        _encrypt(wire, account, "connect")
    return wire


def _reason(account: Account, error: Exception) -> str:
    where = f"{account.host}:{account.port}"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refused the connection"
    if isinstance(error, TimeoutError):
        return f"{where} did not answer within {account.timeout:g} seconds"
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no host named {account.host} was found"
    return f"{where} cannot be reached"


def _encrypt(wire: Wire, account: Account, stage: str) -> None:
    """A certificate or port that is wrong stays wrong: the sender pauses. A broken handshake may pass."""
    try:
        wire.encrypt(account.tls or ssl.create_default_context(), account.host)
    except ssl.SSLCertVerificationError as error:
        wire.abort()
        text = f"its certificate is not trusted ({error.verify_message})"
        raise Unavailable("login", stage, text) from error
    except OSError as error:
        wire.abort()
        if getattr(error, "reason", "") == "WRONG_VERSION_NUMBER":
            raise Unavailable("login", stage, "it speaks no TLS on this port") from error
        raise Unavailable("retry", stage, "the encrypted connection could not be set up") from error


def _greet(wire: Wire, account: Account) -> dict[str, str]:
    """Say EHLO and read what the server offers: keyword → parameters."""
    name = account.local_hostname or socket.gethostname()
    name = name if _HOSTNAME.fullmatch(name) else wire.local_address
    reply = wire.ask(f"EHLO {name}\r\n".encode())
    if reply.code in (500, 502):
        _expect(wire.ask(f"HELO {name}\r\n".encode()), 250, "ehlo")
        return {}
    _expect(reply, 250, "ehlo")
    offers = (line.upper().replace("AUTH=", "AUTH ").partition(" ") for line in reply.lines[1:])
    return {keyword: parameters.strip() for keyword, _, parameters in offers}


def _start_tls(wire: Wire, account: Account, extensions: dict[str, str]) -> dict[str, str]:
    """Encrypt or give up: falling back to clear text is what an attacker on the line would wish for."""
    if "STARTTLS" not in extensions:
        raise Unavailable("login", "starttls", "it offers no encryption (STARTTLS)")
    reply = wire.ask(b"STARTTLS\r\n")
    if reply.code != 220:
        kind: Kind = "login" if reply.code >= 500 else "retry"
        raise Unavailable(kind, "starttls", reply.text, reply.code, reply.enhanced)
    _encrypt(wire, account, "starttls")
    return _greet(wire, account)


def _sign_in(wire: Wire, account: Account, extensions: dict[str, str]) -> None:
    offered = extensions.get("AUTH", "").split()
    if "PLAIN" in offered:
        reply = wire.ask(b"AUTH PLAIN " + _base64(f"\0{account.username}\0{account.password}"))
    elif "LOGIN" in offered:
        reply = wire.ask(b"AUTH LOGIN\r\n")
        for secret in (account.username, account.password):
            if reply.code == 334:
                reply = wire.ask(_base64(secret))
    else:
        raise Unavailable("login", "auth", "it offers no log-in by user name and password")
    if reply.code != 235:
        kind: Kind = "login" if reply.code >= 500 else "retry"
        raise Unavailable(kind, "auth", reply.text, reply.code, reply.enhanced)


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode()) + b"\r\n"


def _expect(reply: Reply, code: int, stage: str) -> None:
    if reply.code == code:
        return
    kind = kind_of(stage, reply.code, reply.enhanced, reply.text) if reply.code >= 400 else "retry"
    raise Unavailable(kind, stage, reply.text, reply.code, reply.enhanced)


def _fits(stage: str, reply: Reply) -> bool:
    return reply.code == 354 if stage == "data" else reply.code // 100 == 2


def _needs_utf8(envelope: Envelope) -> bool:
    """Addresses beyond ASCII need SMTPUTF8, and so does a header that shows one."""
    if not (envelope.sender.isascii() and envelope.recipient.isascii()):
        return True
    return not envelope.data.isascii() and not envelope.data.partition(b"\r\n\r\n")[0].isascii()
