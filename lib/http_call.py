"""One HTTP call to an address that a person has typed, bounded in time, size and reach.

Built on `http.client`, where nothing happens by itself: no redirects, cookies, proxies, passwords out of a .netrc or
kept connections. The libraries above it have no limit on the whole of a call, only on each silence, and no way to say
to which of a name's addresses to connect.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from lib.outside import Forbidden, Network, Place, places

MOST_OF_HEADERS = 64 * 1024
FRAMING = 64 * 1024  # of chunks
NEXT_PLACE = 5.0
CHUNK = 16 * 1024


class Failed(Exception):
    """The call brought no answer; says why in a sentence. `permanent`: it will not go better later."""

    def __init__(self, sentence: str, permanent: bool = False):
        super().__init__(sentence)
        self.permanent = permanent


class TooMuch(Exception):
    """More bytes came than an answer of that size can need."""


@dataclass(frozen=True)
class Request:
    """What is asked: `seconds` for all of it, `most` bytes of the answer's body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 10
    most: int = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back: headers by their names in small letters; `cut`: the body was longer than `Request.most`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False


class Deadline:
    """The end of a call: what is left of it bounds every single wait."""

    def __init__(self, seconds: float):
        self.until = time.monotonic() + seconds

    def left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def call(request: Request, own: Iterable[Network] = ()) -> Answer:
    """Make the call; raises Failed. `own`: private networks that may be reached."""
    host = urlsplit(request.url).hostname or ""
    deadline = Deadline(request.seconds)
    try:
        return _call(request, host, own, deadline)
    except Forbidden as fault:
        raise Failed(str(fault), permanent=True) from fault
    except TimeoutError as fault:
        raise Failed(f"{host} did not answer within {request.seconds:g} seconds.") from fault
    except socket.gaierror as fault:
        raise Failed(f"The name “{host}” could not be found.") from fault
    except ssl.SSLCertVerificationError as fault:
        raise Failed(f"The certificate of {host} cannot be trusted: {fault.verify_message}.") from fault
    except (ConnectionRefusedError, BrokenPipeError, ConnectionError) as fault:
        raise Failed(_broken_off(host, fault)) from fault
    except TooMuch as fault:
        raise Failed(f"{host} sent more than an answer may hold.") from fault
    except (OSError, http.client.HTTPException, ValueError, UnicodeError) as fault:
        raise Failed(_not_understood(host, fault)) from fault


def _broken_off(host: str, fault: ConnectionError) -> str:
    if isinstance(fault, ConnectionRefusedError):
        return f"{host} refused the connection."
    return f"{host} closed the connection before it had answered."


def _not_understood(host: str, fault: Exception) -> str:
    if isinstance(fault, http.client.IncompleteRead):
        return f"{host} closed the connection in the middle of its answer."
    if isinstance(fault, ssl.SSLError):
        return f"No secure connection to {host} could be made."
    if isinstance(fault, OSError):
        return f"{host} could not be reached."
    return f"What {host} answered is not HTTP."


def _call(request: Request, host: str, own: Iterable[Network], deadline: Deadline) -> Answer:
    parts = urlsplit(request.url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    bare = _connected(places(host, port, own), deadline)
    try:
        bare.settimeout(deadline.left())
        sock = _context().wrap_socket(bare, server_hostname=host) if secure else bare
        bare = sock  # closing the one that was wrapped would do nothing
        return _exchange(request, host, sock, deadline)
    finally:
        bare.close()


def _connected(found: list[Place], deadline: Deadline) -> socket.socket:
    """A connection to the first of these places that takes it."""
    last: OSError = OSError("no address")
    for number, (family, where) in enumerate(found, start=1):
        sock = socket.socket(family, socket.SOCK_STREAM)
        left = deadline.left()
        sock.settimeout(left if number == len(found) else min(left, NEXT_PLACE))
        try:
            sock.connect(where)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except OSError as fault:
            sock.close()
            last = fault
    raise last


def _exchange(request: Request, host: str, sock: socket.socket, deadline: Deadline) -> Answer:
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection(host)
    connection.sock = _Wire(sock, deadline, MOST_OF_HEADERS + FRAMING + request.most)  # type: ignore[assignment]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
    # As it was typed, but for the name's own letters: the address that was called stands nowhere.
    fixed = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity", "Connection": "close"}
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        fixed["Content-Length"] = str(len(request.body))
    for name, value in {**request.headers, **fixed}.items():
        connection.putheader(name, value)
    connection.endheaders(request.body or None)
    response = connection.getresponse()
    body = response.read(request.most + 1)
    if response.length and len(body) <= request.most:
        raise http.client.IncompleteRead(body, response.length)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, body[: request.most], len(body) > request.most)


class _Wire:
    """A socket as `http.client` uses one, whose every wait ends with the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline, most: int):
        self.sock, self.deadline, self.most = sock, deadline, most

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK):
            self.sock.settimeout(self.deadline.left())
            self.sock.sendall(data[start : start + CHUNK])

    def makefile(self, *_) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """The caller closes the socket when the answer has been read."""


class _Reader(io.RawIOBase):
    def __init__(self, wire: _Wire):
        self.wire, self.taken = wire, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self.wire.sock.settimeout(self.wire.deadline.left())
        got = self.wire.sock.recv_into(buffer)
        self.taken += got
        if self.taken > self.wire.most:
            raise TooMuch
        return got


@cache
def _context() -> ssl.SSLContext:
    """The system's authorities, or those that SSL_CERT_FILE names."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
