"""A mail server that accepts everything and writes down when and for whom: `python -m benchmarks.sink FILE`.

It prints the port it listens on. A process of its own, so that its CPU time is nobody else's.
"""

import asyncio
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import IO, Self

OFFERS = b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


class Sink:
    """The sink as the benchmark sees it: `got` maps addresses to the times of their mails since `forget()`."""

    def __init__(self, folder: Path) -> None:
        self.path, self.rest = folder / "accepted.log", ""
        self.got: dict[str, list[float]] = defaultdict(list)

    def __enter__(self) -> Self:
        self.path.touch()
        command = [sys.executable, "-m", "benchmarks.sink", str(self.path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        self.log = self.path.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def forget(self) -> None:
        self.read()
        self.got.clear()

    def read(self) -> int:
        """Take in what was accepted meanwhile; how many mails since `forget()`."""
        *lines, self.rest = (self.rest + self.log.read()).split("\n")  # the last may be half written
        for line in lines:
            at, address = line.split()
            self.got[address].append(float(at))
        return sum(map(len, self.got.values()))

    @property
    def times(self) -> list[float]:
        return sorted(at for times in self.got.values() for at in times)


class Session(asyncio.Protocol):
    """One connection; commands may come pipelined, also behind the body of the mail before."""

    def __init__(self, log: IO[str]) -> None:
        self.log, self.buffer, self.in_body, self.recipient = log, b"", False, ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(b"220 sink\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        answers = []
        while (end := self.buffer.find(b"\r\n.\r\n" if self.in_body else b"\r\n")) >= 0:
            line, self.buffer = self.buffer[:end], self.buffer[end + (5 if self.in_body else 2) :]
            answers.append(self._body() if self.in_body else self._command(line))
        self.transport.write(b"".join(answers))  # type: ignore[attr-defined]

    def _body(self) -> bytes:
        self.in_body = False
        self.log.write(f"{time.time():.6f} {self.recipient}\n")
        return b"250 accepted\r\n"

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return OFFERS
        if verb == b"RCPT":
            self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        if verb == b"DATA":
            self.in_body = True
            return b"354 go on\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"


async def serve(path: str) -> None:
    with open(path, "a") as log:
        server = await asyncio.get_running_loop().create_server(lambda: Session(log), "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        while True:
            await asyncio.sleep(0.02)
            log.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
