"""F4: PostgreSQL goes away under a worker that sends; its connections are cut, or there are none left."""

import time
from contextlib import suppress

import psycopg
from django.db import connection

from campaigns.models import Message
from tests import connections
from tests.connections import OTHERS
from tests.faults.scene import CONNECTIONS, PROCESSES, Scene

LEASE_AND_A_MINUTE = 120  # where everything that is left was leased when it happened


def stopped(scene: Scene) -> str:
    seconds = [5, 60] if scene.full else [5]
    scene.server.on("DOT", delay=0.02)
    for length in seconds:
        with scene.worker():
            scene.sign_up(400)
            scene.mails_go_on(60)
            scene.cluster.crash()
            connection.close()
            time.sleep(length)
            scene.cluster.revive()
            scene.kills += 1
            scene.in_flight += CONNECTIONS * PROCESSES
            scene.mails_go_on(20)
            scene.all_is_settled()
    lengths = " and ".join(map(str, seconds))
    return f"stopped at once for {lengths} s; mails went on after at most {max(scene.pauses[1::2]):.0f} s"


def cut_at_random(scene: Scene) -> str:
    """Every connection at once, ten times in a mailing; then none is left for five seconds."""
    scene.server.on("DOT", delay=0.03)
    with scene.worker():
        scene.sign_up(600)
        for _ in range(10):
            scene.mails_go_on(20, LEASE_AND_A_MINUTE)
            connections.cut_others()
            scene.kills += 1
            scene.in_flight += CONNECTIONS * PROCESSES
        taken = take_all(scene)
        scene.in_flight += CONNECTIONS * PROCESSES
        time.sleep(5)
        for one in taken:
            one.close()
        scene.mails_go_on(20, LEASE_AND_A_MINUTE)
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
