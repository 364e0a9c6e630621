"""A server as a whole: reaching it, signing in, encryption, and what it cannot take."""

import socket
import time
from collections import Counter

import pytest

from campaigns.smtp import MAX_BROKEN, SmtpTransport
from tests.campaigns.ledger import Ledger, assert_promises, envelope, send
from tests.smtp_server import FaultySmtpServer


@pytest.fixture(params=[True, False], ids=["pipelined", "one by one"])
def server(request):
    with FaultySmtpServer(pipelining=request.param) as server:
        yield server


# ---- the server as a whole


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_a_refused_connection_puts_all_off_at_once():
    ledger = Ledger()
    start = time.monotonic()
    SmtpTransport("127.0.0.1", free_port()).send_all([envelope(n) for n in range(500)], ledger.commit)
    assert time.monotonic() - start < 1
    assert ledger.kinds() == ["retry"] * 500 and ledger.marked == []
    assert "refused the connection" in ledger.outcomes[7].sentence


@pytest.mark.parametrize(
    "verb, what, kind",
    [
        ("CONNECT", {"reply": "421 4.3.2 too busy"}, "retry"),
        ("CONNECT", {"reply": "554 5.7.1 you are listed"}, "policy"),
        ("CONNECT", {"drop": True}, "retry"),
        ("CONNECT", {"delay": 0.6}, "retry"),
        ("EHLO", {"drop": True}, "retry"),
        ("EHLO", {"reply": "451 later"}, "retry"),
        ("EHLO", {"reply": "nonsense"}, "retry"),
    ],
)
def test_a_server_that_will_not_talk_puts_all_off_after_one_try(server, verb, what, kind):
    server.on(verb, **what)
    ledger = send(server, [envelope(n) for n in range(50)], timeout=0.3)
    assert ledger.kinds() == [kind] * 50
    assert server.connections == 1


def test_a_server_without_ehlo_is_greeted_the_old_way():
    with FaultySmtpServer(pipelining=False) as server:
        server.on("EHLO", reply="502 what?")
        assert send(server, [envelope(0)]).kinds() == ["sent"]


def test_a_server_that_keeps_breaking_is_left_in_peace(server):
    server.on("RCPT", drop=True)
    ledger = send(server, [envelope(n) for n in range(100)])
    assert ledger.kinds() == ["retry"] * 100
    assert server.connections == MAX_BROKEN


def test_poisonous_messages_apart_from_each_other_do_not_stop_the_rest(server):
    server.on("RCPT", drop=True, when=lambda n, line: line.endswith("0@example.org>"))
    envelopes = [envelope(n) for n in range(50)]
    ledger = send(server, envelopes)
    assert Counter(ledger.kinds()) == {"sent": 45, "retry": 5}
    assert_promises(server, ledger, envelopes)


# ---- log-in and encryption


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN"])
def test_the_log_in_works(methods):
    with FaultySmtpServer(auth={"shop": "geheim ü"}, auth_methods=methods) as server:
        assert send(server, [envelope(0)], username="shop", password="geheim ü").kinds() == ["sent"]


@pytest.mark.parametrize(
    "options, methods",
    [
        ({"username": "shop", "password": "wrong"}, "PLAIN"),
        ({"username": "shop", "password": "wrong"}, "LOGIN"),
        ({"username": "shop", "password": "right"}, "CRAM-MD5"),
        ({}, "PLAIN"),
    ],
)
def test_a_refused_log_in_stops_the_sender_after_one_try(options, methods):
    with FaultySmtpServer(auth={"shop": "right"}, auth_methods=methods) as server:
        ledger = send(server, [envelope(n) for n in range(10)], **options)
        assert ledger.kinds() == ["login"] * 10
        assert server.connections == 1 and server.accepted == []


def test_a_log_in_that_cannot_be_checked_now_is_tried_later():
    with FaultySmtpServer(auth={"shop": "right"}) as server:
        server.on("AUTH", reply="454 4.7.0 directory down")
        assert send(server, [envelope(0)], username="shop", password="right").kinds() == ["retry"]


@pytest.mark.parametrize("security", ["starttls", "ssl"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_mail_goes_encrypted_to_a_server_that_proves_itself(security, pipelining):
    with FaultySmtpServer(pipelining=pipelining, auth={"shop": "x"}, **{security: True}) as server:
        options = {"security": security, "username": "shop", "password": "x", "tls": server.client_tls()}
        envelopes = [envelope(n) for n in range(5)] + [envelope(5, data=b"x" * 500_000 + b"\r\n")]
        ledger = send(server, envelopes, **options)
        assert ledger.kinds() == ["sent"] * 6
        assert_promises(server, ledger, envelopes)
        assert server.connections == 1


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_a_certificate_nobody_vouches_for_stops_the_sender(security):
    with FaultySmtpServer(**{security: True}) as server:
        ledger = send(server, [envelope(n) for n in range(3)], security=security)
        assert ledger.kinds() == ["login"] * 3
        assert "certificate is not trusted" in ledger.outcomes[0].sentence
        assert server.seen["MAIL"] == 0


def test_without_starttls_nothing_goes_out_in_clear_text(server):
    ledger = send(server, [envelope(0)], security="starttls", username="shop", password="x")
    assert ledger.kinds() == ["login"]
    assert server.seen["MAIL"] == 0 and server.seen["AUTH"] == 0


def test_starttls_refused_for_now_is_tried_later_and_answers_hidden_in_clear_text_are_not_believed():
    with FaultySmtpServer(starttls=True) as server:
        server.on("STARTTLS", reply="454 4.7.0 not now", times=1)
        server.on("STARTTLS", reply="220 go on\n250 injected", times=1)
        for _ in range(2):
            ledger = send(server, [envelope(0)], security="starttls", tls=server.client_tls(), timeout=1)
            assert ledger.kinds() == ["retry"]
        assert server.seen["MAIL"] == 0


def test_tls_on_a_clear_text_port_names_the_mistake(server):
    ledger = send(server, [envelope(0)], security="ssl", timeout=1)
    assert ledger.kinds() == ["login"]
    assert "speaks no TLS" in ledger.outcomes[0].sentence


# ---- envelopes that cannot go


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "a@b.c>\r\nRCPT TO:<x@y.z"},
        {"recipient": "a@b.c\nDATA"},
        {"recipient": "a\x00@b.c"},
        {"recipient": "a@b.c> NOTIFY=NEVER"},
        {"recipient": "a@b.c,x@y.z"},
        {"recipient": "a\ud800@b.c"},
        {"recipient": ""},
        {"sender": "a@b.c\r\nRSET"},
        {"sender": "a@b.c> SIZE=1"},
        {"data": b"Subject: x\n\n.\r\nMAIL FROM:<a@b.c>\r\n"},
        {"data": b"x\r\n\r.\r\n"},
        {"data": b"x\n.\n"},
    ],
)
def test_hostile_envelopes_are_refused_and_the_rest_goes_on(server, changes):
    envelopes = [envelope(0), envelope(1, **changes), envelope(2)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent", "rejected", "sent"]
    assert ledger.outcomes[1].sentence.startswith("The message could not be sent: ")
    assert [message.recipient for message in server.accepted] == ["c0@example.org", "c2@example.org"]
    assert server.connections == 1 and server.violations == []


def test_quoted_and_tagged_addresses_and_the_null_sender_pass(server):
    envelopes = [
        envelope(0, recipient='"a b"@example.org'),
        envelope(1, recipient="a+b=c@[127.0.0.1]", sender=""),
    ]
    ledger = send(server, envelopes)
    assert_promises(server, ledger, envelopes)
    assert ledger.kinds() == ["sent", "sent"]


def test_letters_beyond_ascii_need_a_server_that_takes_them():
    wide = [envelope(0), envelope(1, recipient="jürgen@bücher.example"), envelope(2)]
    with FaultySmtpServer() as server:
        assert send(server, wide).kinds() == ["sent"] * 3
        asked = [line.endswith(" SMTPUTF8") for _, verb, line in server.log if verb == "MAIL"]
        assert asked == [False, True, False]
    with FaultySmtpServer(smtputf8=False) as server:
        ledger = send(server, wide)
        assert ledger.kinds() == ["sent", "rejected", "sent"]
        assert "letters outside a to z" in ledger.outcomes[1].sentence


def test_a_message_over_the_servers_limit_stays_here():
    with FaultySmtpServer(size=1000) as server:
        ledger = send(server, [envelope(0), envelope(1, data=b"x" * 2000 + b"\r\n"), envelope(2)])
        assert ledger.kinds() == ["sent", "rejected", "sent"]
        assert "1,000 bytes" in ledger.outcomes[1].sentence
