"""One connection to the FaultySmtpServer: what is said, and what becomes of the mail."""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.smtp_server import FaultySmtpServer

_PATH = re.compile(r"(?:FROM|TO):\s*<([^>]*)>", re.I)


class Hangup(Exception):
    """The connection ends here."""


@dataclass
class Dialogue:
    """One connection: its transaction and its log-in."""

    server: "FaultySmtpServer"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    signed_in: bool = False
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)

    async def run(self) -> None:
        await self._answer("CONNECT", "", "220 faulty.example ESMTP")
        while True:
            line = (await self._line()).decode("utf-8", "replace")
            verb = line.split(" ")[0].upper()
            if not self.server.pipelining or verb in ("DATA", "EHLO", "QUIT"):
                self._expect_silence(verb)
            handler = getattr(self, f"_do_{verb.lower()}", None)
            await (handler(line) if handler else self._say("500 5.5.2 what?"))

    async def _line(self) -> bytes:
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise Hangup
        if not line.endswith(b"\r\n"):
            self.server.violations.append(f"bare line feed: {line!r}")
        return line[:-2]

    def _expect_silence(self, verb: str) -> None:
        """Nothing may follow in the same write: it would have been sent without waiting for the answer."""
        if self.reader._buffer:  # type: ignore[attr-defined]
            self.server.violations.append(f"did not wait for the answer to {verb}")

    async def _answer(self, verb: str, line: str, normal: str) -> bool:
        """Answer as the rules have it; True if the verb took effect."""
        self.server.log.append((self.number, verb, line))
        rule = self.server.match(verb, line)
        await asyncio.sleep(rule.delay) if rule.delay else None
        if rule.drop:
            self.server.log.append((self.number, "DROP", verb))
            raise Hangup
        await self._say(rule.reply or normal)
        if rule.close:
            await self._linger()
        return (rule.reply or normal)[0] in "23"

    async def _say(self, reply: str) -> None:
        self.writer.write(reply.replace("\n", "\r\n").encode() + b"\r\n")
        await self.writer.drain()
        if reply.startswith("421"):
            await self._linger()

    async def _linger(self) -> None:
        """Close without losing what was said: a reset would overtake the reply."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            await asyncio.wait_for(self.reader.read(), 10)  # until the client has read it and closes
        raise Hangup

    async def _do_ehlo(self, line: str) -> None:
        server = self.server
        offers = ["faulty.example", "8BITMIME", "ENHANCEDSTATUSCODES"]
        offers += ["PIPELINING"] * server.pipelining + ["SMTPUTF8"] * server.smtputf8
        offers += [f"SIZE {server.size}"] * bool(server.size) + ["STARTTLS"] * self._can_encrypt
        offers += [f"AUTH {server.auth_methods}"] * bool(server.auth)
        lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
        await self._answer("EHLO", line, "\n".join(lines))

    async def _do_helo(self, line: str) -> None:
        await self._answer("HELO", line, "250 faulty.example")

    @property
    def _can_encrypt(self) -> bool:
        return self.server.starttls and self.writer.get_extra_info("ssl_object") is None

    async def _do_starttls(self, line: str) -> None:
        self._expect_silence("STARTTLS")
        if await self._answer("STARTTLS", line, "220 2.0.0 go on"):
            await self.writer.start_tls(self.server.tls)

    async def _do_auth(self, line: str) -> None:
        _, method, *initial = line.split(" ")
        if method.upper() == "PLAIN":
            secret = initial[0] if initial else await self._challenge("")
            _, user, password = base64.b64decode(secret).decode().split("\0")
        else:
            user = base64.b64decode(await self._challenge("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(await self._challenge("UGFzc3dvcmQ6")).decode()
        right = self.server.auth.get(user) == password
        said = await self._answer("AUTH", line, "235 2.7.0 welcome" if right else "535 5.7.8 wrong password")
        self.signed_in = right and said

    async def _challenge(self, question: str) -> str:
        await self._say(f"334 {question}")
        return (await self._line()).decode()

    async def _do_mail(self, line: str) -> None:
        match = _PATH.search(line)
        normal = "250 2.1.0 ok" if match else "501 5.1.7 bad address"
        if self.server.auth and not self.signed_in:
            normal = "530 5.7.0 log in first"
        elif self.sender is not None:
            normal = "503 5.5.1 one at a time"
            self.server.violations.append("MAIL inside a transaction")
        if await self._answer("MAIL", line, normal):
            self.sender, self.recipients = match[1], []

    async def _do_rcpt(self, line: str) -> None:
        match = _PATH.search(line)
        normal = "250 2.1.5 ok" if match else "501 5.1.3 bad address"
        if await self._answer("RCPT", line, normal if self.sender is not None else "503 5.5.1 MAIL first"):
            self.recipients.append(match[1])

    async def _do_data(self, line: str) -> None:
        normal = "354 go on" if self.recipients or self.server.sloppy else "554 5.5.1 no valid recipients"
        if await self._answer("DATA", line, normal):
            await self._body()

    async def _body(self) -> None:
        lines: list[bytes] = []
        refused = False
        while (line := await self._line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
            if len(lines) == 1:
                refused = await self._interrupt()
        if refused:
            self.sender, self.recipients = None, []
        else:
            await self._dot(b"".join(line + b"\r\n" for line in lines))

    async def _interrupt(self) -> bool:
        """True if the message had its answer in mid-body: then its dot gets none."""
        rule = self.server.match("BODY", "")
        await asyncio.sleep(rule.delay) if rule.delay else None
        if rule.drop:
            raise Hangup
        if rule.reply:
            await self._say(rule.reply)
        if rule.close:
            await self._linger()
        return bool(rule.reply)

    async def _dot(self, data: bytes) -> None:
        sender, recipients = self.sender, tuple(self.recipients)
        self.sender, self.recipients = None, []
        self.server.log.append((self.number, "DOT", ",".join(recipients)))
        rule = self.server.match("DOT", ",".join(recipients))
        reply = rule.reply or ("250 2.0.0 queued" if recipients else "554 5.5.1 no valid recipients")
        await asyncio.sleep(rule.delay) if rule.delay else None
        accept = rule.accept if rule.accept is not None else reply[0] == "2" and not rule.drop
        if accept and recipients:
            self.server.accept(sender or "", recipients, data, self.number)
        if rule.drop:
            raise Hangup
        await self._say(reply)
        if rule.close:
            await self._linger()

    async def _do_rset(self, line: str) -> None:
        if await self._answer("RSET", line, "250 2.0.0 ok"):
            self.sender, self.recipients = None, []

    async def _do_noop(self, line: str) -> None:
        await self._answer("NOOP", line, "250 2.0.0 ok")

    async def _do_quit(self, line: str) -> None:
        await self._answer("QUIT", line, "221 2.0.0 bye")
        raise Hangup
