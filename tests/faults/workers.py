"""F2, F3, F15: the worker as people run it; its parts are killed, idle and busy, and it is asked to stop."""

import signal

from campaigns.models import Message
from tests.faults.scene import Scene
from tests.processes import descendants

# As django-q2 starts them, by process id: the cluster's own process first.
PARTS = ["cluster", "sentinel", "worker 1", "worker 2", "monitor", "pusher"]


def parts(scene: Scene, process) -> dict[str, int]:
    """The cluster's processes by name, once all are there."""
    scene.wait_until(lambda: len(descendants(process.pid)) >= len(PARTS), 30, "the cluster is up")
    return dict(zip(PARTS, sorted(descendants(process.pid)), strict=False))


def choose(found: dict[str, int], name: str) -> list[int]:
    return list(found.values()) if name == "all" else [found[name]]


def mail_senders(found: dict[str, int]) -> list[int]:
    return [pid for name, pid in found.items() if name.startswith("worker")]


def idle(scene: Scene) -> str:
    """F2: each part is killed while there is nothing to do; then people sign up."""
    for name in [*PARTS, "all"]:
        with scene.worker() as process:
            found = parts(scene, process)
            scene.sign_up(3)
            scene.mails_go_on()
            scene.kill(choose(found, name), mail_senders(found))
            scene.sign_up(10)
            scene.mails_go_on(5)
            scene.all_is_settled()
    return f"each of {len(PARTS)} processes and all at once; mails went on after at most {max(scene.pauses):.0f} s"


def busy(scene: Scene) -> str:
    """F2: each part is killed in the middle of a mailing, by real leases; the ticker, too."""
    scene.server.on("DOT", delay=0.03)
    for name in [*PARTS, "all", "ticker"]:
        with scene.worker() as process:
            found = parts(scene, process)
            scene.sign_up(180)
            scene.mails_go_on(40)
            scene.kill([process.pid] if name == "ticker" else choose(found, name), mail_senders(found))
            if name != "ticker":  # that one has a supervisor: the next worker here
                scene.sign_up(40)  # what the dead one had leased waits for its lease to end; others must not
                scene.mails_go_on(20)
            scene.kill_all(process)
    with scene.worker():
        last = scene.all_is_settled()
    after = f"went on after at most {max(scene.pauses):.0f} s, all settled {last:.0f} s later"
    return f"each process, all at once, and the ticker; {after}"


def three(scene: Scene) -> str:
    """F3: nothing is killed, so nothing may be unknown."""
    with scene.worker(), scene.worker(), scene.worker():
        scene.sign_up(900)
        scene.all_is_settled()
    return "three workers share one mailing"


def asked_to_stop(scene: Scene) -> str:
    """F15: one worker is asked to stop in the middle while the next one is up, as when a version is rolled out."""
    scene.server.on("DOT", delay=0.02)
    for _ in range(3):
        with scene.worker() as old:
            parts(scene, old)
            scene.sign_up(200)
            scene.mails_go_on(40)
            with scene.worker():
                old.send_signal(signal.SIGTERM)
                scene.wait_until(lambda old=old: old.poll() is not None, 60, "it stops")
                assert old.returncode == 0, "it stops of its own accord"
                scene.all_is_settled(60)
    assert not Message.objects.filter(state="unknown").exists()
    return "three times in mid-mailing; it stops with code 0, nothing unknown"
