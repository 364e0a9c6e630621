"""Mail over SMTP by a transport that always knows the stage: what the server accepted, refused or may have.

SMTP has one window that cannot be closed (RFC 1047): after our final dot, before its answer has reached us.
So the dot is held back until `commit` has recorded that it is about to be written. Any fault before it has a
certain outcome; only a fault after it leaves `unknown`.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Literal, TypeVar

from campaigns.delivery import Envelope, Outcome, kind_of
from campaigns.smtp_session import Account, Session, Unavailable, open_session
from campaigns.smtp_wire import Lost, Reply

Commit = Callable[[list[Outcome], Envelope | None], bool]
Item = TypeVar("Item")

# So many connections in a row that broke before a message was answered: the server is ill, not the message.
MAX_BROKEN = 3


class SmtpTransport:
    """A kept connection to one mail server; use one transport per thread.

    `security="starttls"` never falls back to clear text; certificates are verified, against `tls` if given.
    `timeout` is in seconds and holds for each answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str = "",
        password: str = "",
        security: Literal["none", "starttls", "ssl"] = "none",
        timeout: float = 30.0,
        local_hostname: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._account = Account(host, port, username, password, security, timeout, local_hostname, tls)
        self._session: Session | None = None
        self._broken = 0
        self._verdict: Outcome | None = None

    def send_all(self, envelopes: Iterable[Envelope], commit: Commit) -> None:
        """Send each envelope at most once, reporting through `commit(outcomes, envelope)`.

        `commit` stores the outcomes that were not reported yet and marks `envelope` as being sent, in one
        transaction; only if it returns True is the message finished, else it is `abandoned`. The last call
        has no envelope. If `commit` raises, nothing more is finished and the exception propagates; if
        `envelopes` raises, what was begun is finished and reported first. `envelopes` is read one ahead.
        """
        queue = Queue(envelopes)
        self._broken, self._verdict = 0, None
        try:
            self._work(queue, commit)
        except BaseException:
            self._drop()
            raise
        if queue.error is not None:
            raise queue.error

    def close(self) -> None:
        """Take leave of the server; the transport may be used again and then connects anew."""
        if self._session is not None:
            self._session.wire.quit()
            self._session = None

    def _work(self, queue: "Queue[Envelope]", commit: Commit) -> None:
        done: list[Outcome] = []
        envelope = next(queue, None)
        while envelope is not None and self._verdict is None:
            ready = self._hand_over(envelope)
            following = next(queue, None)
            if isinstance(ready, Outcome):
                done.append(ready)
            elif commit(done, envelope):
                done = [self._finish(ready, envelope, following)]
            else:
                self._drop()
                done = [Outcome(envelope.ref, "abandoned", "commit")]
            envelope = following
        while envelope is not None and self._verdict is not None:
            done.append(replace(self._verdict, ref=envelope.ref))
            envelope = next(queue, None)
        if done:
            commit(done, None)

    def _hand_over(self, envelope: Envelope) -> Session | Outcome:
        """Bring `envelope` to where only the final dot is missing, or say why the server does not take it."""
        ready = self._invite(envelope)
        if isinstance(ready, Outcome):
            return ready
        try:
            ready.write_body(envelope.data)
        except Lost as lost:
            return self._early(ready, envelope) or self._lost(envelope, "body", lost)
        return self._early(ready, envelope) or ready

    def _invite(self, envelope: Envelope) -> Session | Outcome:
        kept = self._keep()
        try:
            session = self._session = self._session or open_session(self._account)
        except Unavailable as error:
            self._verdict = error.outcome
            return replace(error.outcome, ref=envelope.ref)
        if problem := session.objection(envelope):
            return Outcome(envelope.ref, "rejected", "mail", text=problem)
        try:
            refusal = session.invite(envelope)
        except Lost as lost:
            if kept and session.stage == "mail":
                return self._once_more(envelope)
            return self._lost(envelope, session.stage, lost)
        if refusal is None:
            return session
        if kept and refusal[0] == "mail" and refusal[1].code == 421:
            return self._once_more(envelope)
        return self._refused(session, envelope, *refusal)

    def _keep(self) -> bool:
        """Tell whether there is a connection from before, letting go of one that the server has ended."""
        session = self._session
        if session is not None and not session.ahead and session.wire.pending():
            self._drop()
        return self._session is not None

    def _once_more(self, envelope: Envelope) -> Session | Outcome:
        """Servers end a connection after a while or so many messages: no fault of the one that meets it."""
        self._drop()
        return self._invite(envelope)

    def _finish(self, session: Session, envelope: Envelope, following: Envelope | None) -> Outcome:
        if early := self._early(session, envelope):
            return early
        try:
            reply = session.finish(following)
        except Lost as lost:
            self._break()
            return Outcome(envelope.ref, "unknown", "dot", text=str(lost))
        return self._answered(envelope, reply)

    def _answered(self, envelope: Envelope, reply: Reply) -> Outcome:
        if reply.code == 421:
            self._break()
        else:
            self._broken = 0
        if reply.code >= 400:
            return _refusal(envelope, "dot", reply)
        if reply.code >= 300:
            self._drop()
        kind: Literal["sent", "unknown"] = "sent" if reply.code < 300 else "unknown"
        return Outcome(envelope.ref, kind, "dot", reply.code, reply.enhanced, reply.text)

    def _early(self, session: Session, envelope: Envelope) -> Outcome | None:
        """What the server says before the dot: it wants no more of this message, which is surely unsent."""
        if not session.wire.pending():
            return None
        try:
            reply = session.wire.read()
        except Lost as lost:
            return self._lost(envelope, "body", lost)
        self._break()
        if reply.code >= 400:
            return _refusal(envelope, "body", reply)
        return Outcome(envelope.ref, "retry", "body", text="it spoke out of turn")

    def _refused(self, session: Session, envelope: Envelope, stage: str, reply: Reply) -> Outcome:
        if not session.alive:
            self._break()
        if reply.code < 400:
            self._drop()
            return Outcome(envelope.ref, "retry", stage, text="it gave an answer that does not fit")
        outcome = _refusal(envelope, stage, reply)
        if outcome.kind == "login":
            self._drop()
            self._verdict = outcome
        return outcome

    def _lost(self, envelope: Envelope, stage: str, lost: Lost) -> Outcome:
        """The connection broke before the dot: nothing was accepted."""
        self._break()
        return Outcome(envelope.ref, "retry", stage, text=str(lost))

    def _break(self) -> None:
        """Drop a connection that failed; after too many in a row the rest of the batch is put off."""
        self._drop()
        self._broken += 1
        if self._broken >= MAX_BROKEN:
            self._verdict = Outcome(None, "retry", "connect", text="its connections keep breaking")

    def _drop(self) -> None:
        if self._session is not None:
            self._session.wire.abort()
            self._session = None


class Queue(Iterator[Item]):
    """What is to be sent; an exception of its source ends it and is kept for later."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._source = iter(items)
        self.error: Exception | None = None

    def __next__(self) -> Item:
        if self.error is not None:
            raise StopIteration
        try:
            return next(self._source)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise StopIteration from None


def _refusal(envelope: Envelope, stage: str, reply: Reply) -> Outcome:
    kind = kind_of(stage, reply.code, reply.enhanced, reply.text)
    return Outcome(envelope.ref, kind, stage, reply.code, reply.enhanced, reply.text)
