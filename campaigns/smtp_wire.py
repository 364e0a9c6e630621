"""The line protocol of SMTP: bytes out, replies in, and nothing said about messages."""

import re
import select
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

MAX_REPLY = 64 * 1024
_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_ABORT = struct.pack("ii", 1, 0)


class Lost(Exception):
    """The connection ended, kept silent too long, or spoke no SMTP; the text says which, in plain words."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer; `text` is one clean line, safe to store and show (escaped), `lines` are raw."""

    code: int
    enhanced: str
    text: str
    lines: tuple[str, ...]


class Wire:
    """One connection to a mail server; `timeout` (seconds) holds for a whole reply, even a dribbling one."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        # Without it the final dot would wait for the acknowledgement of the body: 40 ms a message.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock, self._timeout = sock, timeout
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._patience = -1.0

    @property
    def local_address(self) -> str:
        """Our end of the connection as an address literal: `[192.0.2.1]`, `[IPv6:2001:db8::1]`."""
        address = str(self._sock.getsockname()[0])
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def write(self, data: bytes) -> None:
        """Write all of `data`; Lost if that fails, and then any part of it may have gone out."""
        try:
            self._wait_at_most(self._timeout)
            self._sock.sendall(data)
        except OSError as error:
            raise Lost(self._words(error)) from error

    def read(self) -> Reply:
        """Read one reply, of one line or many; Lost on silence, end or nonsense."""
        deadline = time.monotonic() + self._timeout
        code, texts, size, last = 0, [], 0, False
        while not last:
            line = self._line(deadline)
            match = _LINE.fullmatch(line)
            size += len(line)
            if not match or size > MAX_REPLY or int(match[1]) != (code or int(match[1])):
                raise Lost("it gave an answer that is not SMTP")
            code, last = int(match[1]), match[2] != b"-"
            texts.append((match[3] or b"").decode("utf-8", "replace"))
        return _reply(code, texts)

    def ask(self, command: bytes) -> Reply:
        """Write one command and read its reply."""
        self.write(command)
        return self.read()

    def pending(self) -> bool:
        """Tell whether the server has said something unasked, or has gone; never waits."""
        if self._buffer:
            return True
        if not self._poll.poll(0) and not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            return False
        try:
            self._wait_at_most(0)
            self._buffer += self._sock.recv(4096)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            pass
        return True

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Go on under TLS; OSError if the handshake fails, Lost if clear text lies in wait."""
        if self._buffer:
            raise Lost("it spoke out of turn before encryption began")
        self._wait_at_most(self._timeout)
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def abort(self) -> None:
        """Reset the connection, so that not even a careless server takes an unfinished message for whole."""
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self._sock.close()

    def quit(self) -> None:
        """Take leave politely, but wait at most two seconds for the answer."""
        self._timeout = min(self._timeout, 2.0)
        with suppress(Lost):
            self.ask(b"QUIT\r\n")
        self._sock.close()

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_REPLY:
                raise Lost("it gave an answer that is not SMTP")
            self._fill(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _fill(self, deadline: float) -> None:
        try:
            left = deadline - time.monotonic()
            # To a tenth will do, and spares a call of the system for each answer that comes at once.
            self._wait_at_most(self._timeout if left > 0.9 * self._timeout else max(0.001, left))
            data = self._sock.recv(4096)
        except OSError as error:
            raise Lost(self._words(error)) from error
        if not data:
            raise Lost("it closed the connection")
        self._buffer += data

    def _wait_at_most(self, seconds: float) -> None:
        if seconds != self._patience:
            self._sock.settimeout(seconds)
            self._patience = seconds

    def _words(self, error: OSError) -> str:
        if isinstance(error, TimeoutError | BlockingIOError):
            return f"it did not answer within {self._timeout:g} seconds"
        return "it closed the connection"


def _reply(code: int, texts: list[str]) -> Reply:
    """Repeated enhanced codes and line ends go; what is left must not hurt a page or a database."""
    match = _ENHANCED.match(texts[0])
    words = " ".join(_ENHANCED.sub("", text, count=1) if _ENHANCED.match(text) else text for text in texts)
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return Reply(code, match[1] if match else "", clean[:500], tuple(texts))
