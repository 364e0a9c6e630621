"""F4: PostgreSQL goes away under a worker that sends; its connections are cut, or there are none left."""

import time
from contextlib import suppress

import psycopg
from django.db import connection

from campaigns.models import Message
from tests import connections
from tests.connections import OTHERS
from tests.faults.scene import Scene

AGAIN = 30  # seconds within which mails must go on once the database is there


def stopped(scene: Scene) -> str:
    lengths = [5, 60, 120] if scene.full else [5, 60]
    scene.server.on("DOT", delay=0.02)
    back = []
    for length in lengths:
        with scene.worker():
            scene.sign_up(400)
            scene.mails_go_on(60)
            stop_for(scene, length)
            back.append(scene.mails_go_on(20, AGAIN))
            scene.all_is_settled()
    told = " and ".join(f"{length} s" for length in lengths)
    return f"stopped at once for {told}; mails went on after at most {max(back):.0f} s"


def stop_for(scene: Scene, seconds: float) -> None:
    """What was in hand when it stopped is counted before anybody else sees it again."""
    with scene.standstill():  # in mid-statement, some of them
        scene.cluster.crash()
        connection.close()
    scene.kills += 1
    time.sleep(seconds)
    with scene.standstill():
        scene.cluster.revive()
        scene.note_in_hand()


def cut_at_random(scene: Scene) -> str:
    """Every connection at once, ten times in a mailing; then none is left for five seconds."""
    scene.server.on("DOT", delay=0.03)
    with scene.worker():
        scene.sign_up(900)
        for _ in range(10):
            scene.mails_go_on(20, AGAIN)
            with scene.standstill():
                connections.cut_others()
                scene.nobody_else_is_connected()
                scene.kills += 1
                scene.note_in_hand()
        with scene.standstill():
            taken = take_all(scene)
            scene.nobody_else_is_connected(but=len(taken))
            scene.note_in_hand()
        time.sleep(5)
        for one in taken:
            one.close()
        scene.mails_go_on(20, AGAIN)
        scene.all_is_settled()
    assert Message.objects.filter(state="sent").exists()
    return f"10 cuts, then no connection left for 5 s; mails went on after at most {max(scene.pauses):.0f} s"


def take_all(scene: Scene) -> list[psycopg.Connection]:
    """Every connection that the server allows: what is free, then what others held."""
    taken: list[psycopg.Connection] = []
    for _ in range(3):
        with suppress(psycopg.OperationalError):
            while True:
                taken.append(psycopg.connect(scene.cluster.url, connect_timeout=5, autocommit=True))
        with connection.cursor() as cursor:
            ours = [one.info.backend_pid for one in taken]
            cursor.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND pid <> ALL(%s)", [ours]
            )
    return taken
