"""The transport knows what the server accepted, refused or may have, told by one that fails at every verb."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.campaigns.ledger import Ledger, assert_promises, envelope, send, transport
from tests.smtp_server import FaultySmtpServer


@pytest.fixture(params=[True, False], ids=["pipelined", "one by one"])
def server(request):
    with FaultySmtpServer(pipelining=request.param) as server:
        yield server


# ---- the good days


def test_all_arrive_on_one_connection(server):
    envelopes = [envelope(n) for n in range(20)]
    ledger = send(server, envelopes)
    assert_promises(server, ledger, envelopes)
    assert ledger.kinds() == ["sent"] * 20
    assert server.connections == 1
    assert server.seen["QUIT"] == 1


def test_an_outcome_is_committed_with_the_mark_of_the_next(server):
    ledger = send(server, [envelope(n) for n in range(3)])
    assert ledger.calls == [([], 0), ([0], 1), ([1], 2), ([2], None)]


def test_nothing_is_accepted_before_its_commit(server):
    arrived = []

    def commit(outcomes, current):
        time.sleep(0.02)
        arrived.append(len(server.accepted))
        return True

    transport(server).send_all([envelope(n) for n in range(4)], commit)
    assert arrived == [0, 1, 2, 3, 4]


def test_the_next_message_rides_on_the_dot_when_the_server_pipelines():
    with FaultySmtpServer() as server:
        server.on("DOT", delay=0.1)
        envelopes = [envelope(n) for n in range(3)]
        ledger = send(server, envelopes)
        assert_promises(server, ledger, envelopes)
        verbs = [verb for _, verb, _ in server.log if verb in ("MAIL", "RCPT", "DATA", "DOT")]
        assert verbs == ["MAIL", "RCPT", "DATA", "DOT"] * 3


def test_the_connection_is_kept_between_calls(server):
    ledger, sender = Ledger(), transport(server)
    for n in range(3):
        sender.send_all([envelope(n)], ledger.commit)
    sender.close()
    assert ledger.kinds() == ["sent"] * 3
    assert server.connections == 1


def test_nothing_to_send_asks_nothing_of_anyone(server):
    ledger = send(server, [])
    assert ledger.calls == [] and server.connections == 0


def test_dots_and_large_bodies_arrive_whole(server):
    bodies = [b".", b"..", b".a\r\n.\r\n..b", b"", b"x" * 3_000_000, b".\r\n" * 1000, b"no line end"]
    envelopes = [envelope(n, data=body + b"\r\n" if body else b"\r\n") for n, body in enumerate(bodies)]
    envelopes.append(envelope(len(bodies), data=b".\r\n"))
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent"] * len(envelopes)
    assert_promises(server, ledger, envelopes)


def test_a_last_line_without_its_end_gets_one(server):
    send(server, [envelope(1, data=b"Subject: x\r\n\r\nend")])
    assert server.wait_for(1)[0].data == b"Subject: x\r\n\r\nend\r\n"


# ---- faults at every verb

REFUSALS = [
    ("MAIL", "451 4.3.0 try later", "retry"),
    ("MAIL", "550 5.7.1 your address is on a block list", "policy"),
    ("MAIL", "550 5.1.8 sender unknown", "policy"),
    ("MAIL", "552 5.3.4 too big", "rejected"),
    ("MAIL", "452 4.3.1 disk full", "retry"),
    ("RCPT", "450 4.7.1 greylisted", "retry"),
    ("RCPT", "451 local error", "retry"),
    ("RCPT", "452 4.2.2 mailbox full", "soft_bounce"),
    ("RCPT", "452 mailbox full", "soft_bounce"),
    ("RCPT", "452 4.5.3 too many recipients", "retry"),
    ("RCPT", "550 5.1.1 no such user", "hard_bounce"),
    ("RCPT", "550 no such user", "hard_bounce"),
    ("RCPT", "550 5.2.1 mailbox disabled", "hard_bounce"),
    ("RCPT", "552 5.2.2 over quota", "soft_bounce"),
    ("RCPT", "554 5.7.1 relay access denied", "policy"),
    ("RCPT", "550 blocked by spamhaus", "policy"),
    ("RCPT", "554 no", "rejected"),
    ("DATA", "451 4.3.0 try later", "retry"),
    ("DATA", "554 5.5.1 no", "rejected"),
    ("DOT", "451 4.3.0 try later", "retry"),
    ("DOT", "452 4.2.2 full", "soft_bounce"),
    ("DOT", "550 5.7.1 looks like spam", "policy"),
    ("DOT", "552 5.3.4 too big", "rejected"),
    ("DOT", "554 5.6.0 content", "rejected"),
    ("DOT", "550 5.1.1 no such user", "hard_bounce"),
]


@pytest.mark.parametrize("verb, reply, kind", REFUSALS)
def test_a_refusal_touches_one_message_and_the_connection_goes_on(server, verb, reply, kind):
    server.on(verb, reply=reply, when=lambda n, line: n == 2)
    envelopes = [envelope(n) for n in range(4)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent", kind, "sent", "sent"]
    assert_promises(server, ledger, envelopes)
    assert server.connections == 1
    code = reply.split(" ")[0]
    assert f"({code}" in ledger.outcomes[1].sentence


VERBS = ["MAIL", "RCPT", "DATA", "BODY", "DOT"]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_dropped_connection_costs_at_most_the_message_in_hand(server, verb, position):
    server.on(verb, drop=True, times=1, when=lambda n, line: n == position)
    envelopes = [envelope(n) for n in range(4)]
    ledger = send(server, envelopes)
    assert_promises(server, ledger, envelopes)
    others = [kind for n, kind in enumerate(ledger.kinds()) if n != position - 1]
    assert others == ["sent"] * 3
    hit = ledger.outcomes[position - 1]
    if verb == "DOT":
        assert hit.kind == "unknown"
    elif verb == "MAIL" and position > 1:
        assert hit.kind == "sent", "a kept connection that ends between messages is no fault of the next"
    elif verb != "BODY":
        assert hit.kind == "retry"
    else:  # the end of the connection may overtake our dot or not
        assert hit.kind in ("retry", "unknown")
    assert server.connections == 2


def test_a_drop_in_mid_body_is_no_mystery_when_it_comes_before_the_dot(server):
    server.on("BODY", drop=True, times=1)
    ledger = Ledger()

    def commit(outcomes, current):
        time.sleep(0.1)  # the server has time to go
        return ledger.commit(outcomes, current)

    envelopes = [envelope(n) for n in range(2)]
    transport(server).send_all(envelopes, commit)
    assert ledger.kinds() == ["retry", "sent"]
    assert_promises(server, ledger, envelopes)


@pytest.mark.parametrize("size", [100, 8_000_000])
def test_a_server_that_refuses_in_mid_body_is_heard_before_the_dot(server, size):
    server.on("BODY", reply="552 5.3.4 too big", close=True, times=1)
    ledger = Ledger()

    def commit(outcomes, current):
        time.sleep(0.1)
        return ledger.commit(outcomes, current)

    envelopes = [envelope(0, data=b"x\r\n" + b"y" * size + b"\r\n"), envelope(1)]
    transport(server).send_all(envelopes, commit)
    assert ledger.kinds()[0] in ("rejected", "retry") and ledger.kinds()[1] == "sent"
    assert_promises(server, ledger, envelopes)


def test_accepted_but_never_told_is_unknown_and_not_sent_again(server):
    server.on("DOT", drop=True, accept=True, when=lambda n, line: n == 2)
    envelopes = [envelope(n) for n in range(4)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent", "unknown", "sent", "sent"]
    assert len(server.accepted) == 4
    assert_promises(server, ledger, envelopes)
    assert "may or may not have arrived" in ledger.outcomes[1].sentence


@pytest.mark.parametrize("verb", VERBS[:3])
def test_silence_before_the_dot_means_try_again(server, verb):
    server.on(verb, delay=0.6, times=1)
    envelopes = [envelope(n) for n in range(2)]
    ledger = send(server, envelopes, timeout=0.3)
    assert ledger.kinds() == ["retry", "sent"]
    assert "0.3 seconds" in ledger.outcomes[0].sentence
    assert_promises(server, ledger, envelopes)


def test_silence_after_the_dot_is_unknown(server):
    server.on("DOT", delay=0.6, times=1)
    envelopes = [envelope(n) for n in range(3)]
    ledger = send(server, envelopes, timeout=0.3)
    time.sleep(0.5)  # the slow server accepts after all
    assert ledger.kinds() == ["unknown", "sent", "sent"]
    assert_promises(server, ledger, envelopes)


def test_a_slow_250_within_the_time_is_sent(server):
    server.on("DOT", delay=0.3, times=1)
    ledger = send(server, [envelope(0)], timeout=5)
    assert ledger.kinds() == ["sent"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
def test_421_puts_off_one_message_and_the_rest_connects_anew(server, verb):
    server.on(verb, reply="421 4.3.2 going down", times=1)
    envelopes = [envelope(n) for n in range(3)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["retry", "sent", "sent"]
    assert server.connections == 2
    assert_promises(server, ledger, envelopes)


@pytest.mark.parametrize("end", [{"reply": "421 4.7.0 enough for one connection"}, {"drop": True}])
def test_a_server_that_takes_two_messages_a_connection_gets_all(server, end):
    server.on("MAIL", when=lambda n, line: n % 3 == 0, **end)
    envelopes = [envelope(n) for n in range(9)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent"] * 9
    assert_promises(server, ledger, envelopes)


def test_a_kept_connection_that_the_server_ended_is_opened_again(server):
    ledger, sender = Ledger(), transport(server)
    server.on("DOT", close=True, times=1)
    for n in range(2):
        sender.send_all([envelope(n)], ledger.commit)
        time.sleep(0.05)
    assert ledger.kinds() == ["sent", "sent"]
    assert server.connections == 2


def test_what_a_server_says_between_calls_is_no_answer_to_the_next(server):
    server.on("DOT", reply="250 2.0.0 queued\n250 by the way", times=1)
    ledger, sender = Ledger(), transport(server)
    for n in range(2):
        sender.send_all([envelope(n)], ledger.commit)
        time.sleep(0.05)
    assert ledger.kinds() == ["sent", "sent"]


def test_greylisted_addresses_pass_the_second_time(server):
    server.greylist()
    envelopes = [envelope(n) for n in range(3)]
    assert send(server, envelopes).kinds() == ["retry"] * 3
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["sent"] * 3
    assert_promises(server, ledger, envelopes)


def test_354_in_spite_of_a_refused_recipient_delivers_nothing():
    with FaultySmtpServer(sloppy=True) as server:
        server.on("RCPT", reply="550 5.1.1 no such user", when=lambda n, line: n in (1, 3))
        envelopes = [envelope(n) for n in range(4)]
        ledger = send(server, envelopes)
        assert ledger.kinds() == ["hard_bounce", "sent", "hard_bounce", "sent"]
        assert_promises(server, ledger, envelopes)
        assert server.connections == 1


def test_a_lone_dot_is_never_written_where_a_recipient_was_taken():
    with FaultySmtpServer(sloppy=True) as server:
        # A server that refuses the sender but takes the rest would deliver an empty message.
        server.on("MAIL", reply="550 5.7.1 no", times=1)
        server.on("RCPT", reply="250 ok", times=1)
        envelopes = [envelope(n) for n in range(2)]
        ledger = send(server, envelopes)
        assert ledger.kinds() == ["policy", "sent"]
        assert server.seen["DOT"] == 1
        assert_promises(server, ledger, envelopes)


def test_nonsense_for_an_answer_is_never_taken_for_a_yes(server):
    server.on("RCPT", reply="hello there", when=lambda n, line: n == 1)
    server.on("DOT", reply="hello there", accept=True, when=lambda n, line: n == 1)
    envelopes = [envelope(n) for n in range(3)]
    ledger = send(server, envelopes)
    assert ledger.kinds() == ["retry", "unknown", "sent"]
    assert_promises(server, ledger, envelopes)


def test_an_extra_answer_cannot_pass_for_the_250_of_the_dot(server):
    server.on("DATA", reply="354 go on\n250 2.0.0 queued", times=1)
    ledger = Ledger()

    def commit(outcomes, current):
        time.sleep(0.05)
        return ledger.commit(outcomes, current)

    envelopes = [envelope(n) for n in range(2)]
    transport(server).send_all(envelopes, commit)
    assert ledger.kinds() == ["retry", "sent"]
    assert_promises(server, ledger, envelopes)


@pytest.mark.parametrize("flood", ["250-" + "x" * 100_000, "\n".join(["250-more"] * 20_000)])
def test_an_endless_answer_ends(server, flood):
    server.on("RCPT", reply=flood, times=1)
    assert "not SMTP" in send(server, [envelope(0)], timeout=5).outcomes[0].sentence


def test_what_a_server_says_is_stored_clean(server):
    server.on("RCPT", reply="550-5.1.1 no\x00such\x1b[31m\n550 5.1.1 user " + "x" * 900)
    outcome = send(server, [envelope(0)]).outcomes[0]
    assert (outcome.code, outcome.enhanced) == (550, "5.1.1")
    assert outcome.text.startswith("no such [31m user xxx") and len(outcome.text) == 500


# ---- the commit says no, or breaks


@pytest.mark.parametrize("refused", [{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}])
def test_a_withdrawn_message_is_never_accepted(server, refused):
    envelopes = [envelope(n) for n in range(3)]
    ledger = send(server, envelopes, Ledger(refuse=refused))
    assert ledger.kinds() == ["abandoned" if n in refused else "sent" for n in range(3)]
    time.sleep(0.05)
    assert_promises(server, ledger, envelopes)


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_commit_that_fails_finishes_nothing_more(server, fails_at):
    ledger = Ledger()

    def commit(outcomes, current):
        if current is not None and current.ref == fails_at:
            raise RuntimeError("database gone")
        return ledger.commit(outcomes, current)

    sender = transport(server)
    with pytest.raises(RuntimeError, match="database gone"):
        sender.send_all([envelope(n) for n in range(4)], commit)
    time.sleep(0.05)
    assert len(server.accepted) == fails_at == len(ledger.marked)
    sender.send_all([envelope(9)], ledger.commit)
    assert ledger.outcomes[9].kind == "sent", "the transport can be used again"


def test_a_source_that_fails_leaves_what_was_begun_finished_and_reported(server):
    def source():
        yield envelope(0)
        yield envelope(1)
        raise RuntimeError("rendering broke")

    ledger = Ledger()
    with pytest.raises(RuntimeError, match="rendering broke"):
        transport(server).send_all(source(), ledger.commit)
    assert ledger.kinds() == ["sent", "sent"]


# ---- everything at once

FAULTS = st.fixed_dictionaries(
    {
        "verb": st.sampled_from(["CONNECT", "EHLO", *VERBS, "RSET"]),
        "position": st.integers(1, 8),
        "what": st.sampled_from(
            [
                {"drop": True},
                {"drop": True, "accept": True},
                {"reply": "421 4.3.2 going down"},
                {"reply": "451 4.3.0 later"},
                {"reply": "550 5.1.1 no such user"},
                {"reply": "554 5.7.1 no"},
                {"reply": "nonsense"},
                {"close": True},
            ]
        ),
    }
)


SERVERS = {"piped": (True, False), "plain": (False, False), "sloppy": (True, True)}


@pytest.fixture(scope="module", params=SERVERS.values(), ids=SERVERS.keys())
def any_server(request):
    with FaultySmtpServer(pipelining=request.param[0], sloppy=request.param[1]) as server:
        yield server


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(FAULTS, max_size=5), refused=st.sets(st.integers(0, 7), max_size=2))
def test_the_promises_hold_under_any_script_of_faults(any_server, faults, refused):
    any_server.reset()
    for fault in faults:
        position = fault["position"]
        any_server.on(fault["verb"], when=lambda n, line, position=position: n == position, **fault["what"])
    ledger, envelopes = Ledger(refuse=refused), [envelope(n) for n in range(8)]
    sender = transport(any_server, timeout=2.0)
    sender.send_all(envelopes[:5], ledger.commit)
    sender.send_all(envelopes[5:], ledger.commit)
    sender.close()
    assert_promises(any_server, ledger, envelopes)


def test_threads_with_a_transport_each_do_not_meet(server):
    ledgers = [Ledger() for _ in range(4)]
    batches = [[envelope(100 * k + n) for n in range(25)] for k in range(4)]
    jobs = zip(batches, ledgers, strict=True)
    threads = [threading.Thread(target=send, args=(server, *job)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(ledger.kinds() == ["sent"] * 25 for ledger in ledgers)
    assert len({message.recipient for message in server.accepted}) == 100
