"""F5: every fault of a mail server, at every verb, under a real worker in one mailing."""

from itertools import takewhile

from django.db.models.functions import Now

from campaigns.models import Message
from contacts.models import Address
from tests.faults.scene import Scene
from tests.smtp_server import FaultySmtpServer

VERBS = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"]
LATER = ["421 4.3.2 closing", "450 4.7.1 greylisted", "451 4.3.0 busy", "452 4.3.1 no room"]
NEVER = [("RCPT", "550 5.1.1 no such user"), ("RCPT", "552 5.2.2 mailbox full"), ("DOT", "552 5.3.4 too large"),
         ("DOT", "554 5.6.0 not like that")]  # fmt: skip
SILENCE, SLOW = 33, 25  # seconds: longer than our patience of 30, and just within it


def misbehave(server: FaultySmtpServer, unheard: set[str]) -> None:
    """Each fault twice, a silence once; `unheard` takes the addresses whose mails get no answer to their dot."""

    def noted(number: int, recipients: str) -> bool:
        unheard.add(recipients)
        return True

    for verb in VERBS:
        for reply in LATER if verb not in ("CONNECT", "EHLO") else LATER[:1]:
            server.on(verb, reply=reply, times=2)
        server.on(verb, drop=True, times=2, when=noted if verb == "DOT" else lambda *_: True)
    server.on("BODY", drop=True, times=2)
    server.on("BODY", reply="451 4.3.0 enough", times=2)
    for verb, reply in NEVER:
        server.on(verb, reply=reply, times=2)
    server.on("DOT", drop=True, accept=True, times=4, when=noted)
    for verb in VERBS:
        server.on(verb, delay=SILENCE, drop=True, times=1, when=noted if verb == "DOT" else lambda *_: True)
    server.on("DOT", delay=SLOW, times=4)


def overtaken(server: FaultySmtpServer) -> set[str]:
    """Whose answer was under way when the connection was dropped over the next mail: a reset may overtake it."""
    found = set()
    for number in range(1, server.connections + 1):
        last = [(verb, line) for one, verb, line in reversed(server.log) if one == number]
        if last and last[0][0] == "DROP":
            begun = list(takewhile(lambda said: said[0] in ("MAIL", "RCPT", "DATA"), last[1:]))
            verb, line = last[len(begun) + 1]
            found |= {line} if begun and verb == "DOT" else set()
    return found


def later_comes(scene: Scene) -> None:
    """What was put off by seconds or by a day is due now."""
    Message.objects.filter(state="queued").update(due_at=Now())
    Address.objects.filter(held_until__isnull=False).update(held_until=None)


def run(scene: Scene) -> str:
    unheard: set[str] = set()
    misbehave(scene.server, unheard)
    faults = sum(rule.times or 0 for rule in scene.server.rules)
    with scene.worker():
        scene.sign_up(500)

        def settled() -> bool:
            later_comes(scene)
            return scene.is_settled()

        scene.wait_until(settled, 240, "in spite of it all everything is settled")
    left = [f"{rule.verb} {rule.reply}" for rule in scene.server.rules if rule.times]
    unheard |= overtaken(scene.server)
    scene.in_hand = {one.pk.hex for one in Message.objects.filter(address__email__in=unheard)}
    assert not left, f"faults that did not come up: {left}"
    return f"{faults} faults of {len(scene.server.rules)} kinds in one mailing, silences of {SILENCE} s among them"


def slow(scene: Scene) -> str:
    """On every connection at once: a server that thinks for long is no reason to take the worker for dead."""
    scene.server.on("DOT", delay=SLOW, times=16)
    with scene.worker():
        scene.sign_up(420)
        scene.wait_until(lambda: not scene.server.rules[0].times, 120, "all connections wait for an answer, twice")
        scene.sign_up(30)
        scene.all_is_settled()
    assert not Message.objects.filter(state="unknown").exists(), "the worker was not killed meanwhile"
    return f"{SLOW} s for an answer, on all connections at once, twice; nothing unknown"
