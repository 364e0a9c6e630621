"""F1, F8 and part of F4: senders that die or lose their database at chosen points, and senders of other clocks."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from campaigns.models import Message
from tests.faults.dying_sender import CUTS, KILLS
from tests.faults.scene import CONNECTIONS, Scene
from tests.processes import ROOT, kill

BATCH = 16


class Senders:
    """Real processes, forked by one that is ready to send."""

    def __init__(self, scene: Scene):
        environment = os.environ | {
            "EMAIL_URL": scene.server.url, "MAIL_CONNECTIONS": str(CONNECTIONS), "BATCH": str(BATCH),
            "SECRET_KEY": settings.SECRET_KEY, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "CRITICAL",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.faults.dying_sender"]
        self.nursery = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.pids: list[int] = []

    def start(self, point: str = "", nth: int = 0, offset: str = "") -> int:
        self.nursery.stdin.write(f"{point}|{nth}|{offset}\n")
        self.nursery.stdin.flush()
        self.pids.append(int(self.nursery.stdout.readline()))
        return self.pids[-1]

    def close(self) -> None:
        for pid in self.pids[-4:]:
            kill(pid)
        self.nursery.stdin.close()
        self.nursery.wait(60)


@contextmanager
def senders(scene: Scene):
    started = Senders(scene)
    try:
        yield started
    finally:
        started.close()


def die_again_and_again(scene: Scene, points: list[str], times: int) -> None:
    """Each point in turn; what is marked when it dies is all that may become unknown."""
    with senders(scene) as started:
        for number in range(times):
            point = points[number % len(points)]
            # At least the second time: what was in hand before must get through first, or it would be parked.
            nth = scene.chance.randint(2, 3) if point == "after the claim" else scene.chance.randint(2, 12)
            pid = started.start(point, nth)
            gone = Path(f"/proc/{pid}")
            scene.wait_until(lambda gone=gone: not gone.exists(), 30, f"it dies {point}")
            scene.nobody_else_is_connected()
            scene.kills += 1
            scene.note_in_hand()
            scene.a_minute_passes()
        assert Message.objects.filter(state="queued").exists(), "it was still sending when it died last"
        started.start()
        scene.wait_until(scene.is_settled, 300, "the last one sends the rest")


def killed(scene: Scene) -> str:
    """F1."""
    times, mails = (210, 4000) if scene.full else (105, 2000)
    if small := int(os.environ.get("FAULT_KILLS", "0")):
        times, mails = small, small * 30
    scene.server.on("DOT", delay=0.002)
    scene.queue(mails)
    die_again_and_again(scene, list(KILLS), times)
    return f"{times // len(KILLS)} kills at each of {len(KILLS)} points"


def cut(scene: Scene) -> str:
    """F4: the connection ends at either commit, before it has taken effect or before that is heard."""
    times = 80 if scene.full else 40
    scene.queue(times * 15)
    die_again_and_again(scene, list(CUTS), times)
    return f"{times // len(CUTS)} cuts at each of {len(CUTS)} points of the two commits"


CLOCKS = ["600", "-600", "86400", "-86400"]


def clocks(scene: Scene) -> str:
    """F8: a sender whose host is fast or slow beside one that is right, both of them killed in the middle."""
    for offset in CLOCKS:
        scene.queue(120)
        with senders(scene) as started:
            pids = [started.start(), started.start(offset=offset)]
            scene.mails_go_on(30)
            for pid in pids:
                kill(pid)
            scene.nobody_else_is_connected()
            scene.kills += 2
            scene.note_in_hand()
            scene.a_minute_passes()
            started.start(offset=offset), started.start()
            scene.wait_until(scene.is_settled, 60, f"with a clock {offset} s off, all is sent")
    return "senders 10 minutes and a day fast and slow, each beside one that is right"
