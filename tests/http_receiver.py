"""A real HTTP server on loopback that can be told what to answer, in what order, and how badly."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPMessage

from tests.certificates import self_signed


@dataclass
class Got:
    """One request as it arrived."""

    method: str
    path: str
    headers: HTTPMessage
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self):
        return json.loads(self.body)


def answer(status: int = 200, body: str | bytes | dict = b"", **headers: str) -> Callable[[socket.socket], None]:
    """An ordinary answer; `retry_after="5"` becomes the header Retry-After."""
    raw = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return lambda sock: sock.sendall("\r\n".join([*lines, "", ""]).encode() + raw)


def raw(data: bytes, then: float = 0) -> Callable[[socket.socket], None]:
    """Whatever bytes, and a silence."""

    def act(sock: socket.socket) -> None:
        sock.sendall(data)
        time.sleep(then)

    return act


def drip(data: bytes, seconds: float) -> Callable[[socket.socket], None]:
    """A byte at a time, each soon enough for a time-out on silence."""

    def act(sock: socket.socket) -> None:
        for byte in data:
            sock.sendall(bytes([byte]))
            time.sleep(seconds)

    return act


def hang(sock: socket.socket) -> None:
    """No answer, until the caller has gone."""
    sock.recv(1)


def nothing(sock: socket.socket) -> None:
    """The connection ends without a word."""


class Receiver:
    """`with Receiver() as shop: shop.answers = [answer(500), answer(200, {"url": "…"})]`; the last one stays."""

    def __init__(self, tls: bool = False, host: str = "127.0.0.1"):
        self.got: list[Got] = []
        self.answers: list[Callable[[socket.socket], None]] = [answer()]
        self.host, self.tls = host, None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(self_signed())
        self.names: list[str] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    def __enter__(self) -> "Receiver":
        self.socket = socket.create_server((self.host, 0))
        self.port = self.socket.getsockname()[1]
        if self.tls:
            self.tls.sni_callback = lambda _, name, __: self.names.append(name or "")
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[sock], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with self.tls.wrap_socket(sock, server_side=True) if self.tls else sock as wrapped:
                wrapped.settimeout(60)
                with self.lock:
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                act = self._take(_read(wrapped))
                act(wrapped)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.at_once -= 1

    def _take(self, got: Got) -> Callable[[socket.socket], None]:
        with self.lock:
            self.got.append(got)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def _read(sock: socket.socket) -> Got:
    from http.client import parse_headers

    with sock.makefile("rb") as stream:
        method, path, _ = stream.readline().decode().split(" ", 2)
        headers = parse_headers(stream)
        body = stream.read(int(headers.get("Content-Length") or 0))
        return Got(method, path, headers, body)
