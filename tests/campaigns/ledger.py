"""What the tests of the transport share: envelopes, a stand-in for the database, and the promises."""

from collections import Counter

from campaigns.delivery import Envelope, Outcome
from campaigns.smtp import SmtpTransport
from tests.smtp_server import FaultySmtpServer


def envelope(n: int, **changes) -> Envelope:
    fields = {
        "ref": n,
        "sender": "shop@example.com",
        "recipient": f"c{n}@example.org",
        "data": f"Subject: {n}\r\n\r\nHello {n}\r\n".encode(),
    }
    return Envelope(**(fields | changes))


class Ledger:
    """Stands for the database: what was marked as being sent, and the outcomes, as they were committed."""

    def __init__(self, refuse: set[int] = frozenset()) -> None:
        self.refuse, self.marked, self.outcomes, self.calls = refuse, [], {}, []

    def commit(self, outcomes: list[Outcome], envelope: Envelope | None) -> bool:
        self.calls.append(([outcome.ref for outcome in outcomes], envelope and envelope.ref))
        for outcome in outcomes:
            assert outcome.ref not in self.outcomes, "reported twice"
            self.outcomes[outcome.ref] = outcome
        if envelope is None or envelope.ref in self.refuse:
            return False
        self.marked.append(envelope.ref)
        return True

    def kinds(self) -> list[str]:
        return [self.outcomes[ref].kind for ref in sorted(self.outcomes)]


def transport(server: FaultySmtpServer, **options) -> SmtpTransport:
    return SmtpTransport("127.0.0.1", server.port, **({"timeout": 5.0} | options))


def send(server: FaultySmtpServer, envelopes, ledger: Ledger | None = None, **options) -> Ledger:
    ledger = ledger or Ledger()
    sender = transport(server, **options)
    sender.send_all(envelopes, ledger.commit)
    sender.close()
    return ledger


def assert_promises(server: FaultySmtpServer, ledger: Ledger, envelopes: list[Envelope]) -> None:
    """P1 nothing accepted twice, P3 sent implies accepted, and what is certainly unsent is nowhere."""
    accepted = Counter(message.recipient for message in server.accepted)
    assert set(ledger.outcomes) == {e.ref for e in envelopes}, "every envelope has an outcome"
    for e in envelopes:
        kind, times = ledger.outcomes[e.ref].kind, accepted[e.recipient]
        assert times <= 1, f"{e.ref} was accepted {times} times"
        if kind == "sent":
            assert times == 1, f"{e.ref} is called sent but never arrived"
        elif kind != "unknown":
            assert times == 0, f"{e.ref} is called {kind} but arrived"
        if times:
            assert e.ref in ledger.marked, f"{e.ref} arrived without a mark"
    by_recipient = {e.recipient: e.data for e in envelopes}
    for message in server.accepted:
        assert message.data == by_recipient[message.recipient], "a message arrived mangled"
    assert server.violations == []
