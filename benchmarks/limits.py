"""What PostgreSQL itself can take on this machine at this hour: the limit beside which storing is judged."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
from psycopg.abc import Query

BATCH = 500
COPY = (
    "COPY bench_event (id, type, contact_id, source_id, occurred_at, received_at, properties, context, hops) FROM STDIN"
)


KEYS = "COPY bench_key (key, received_at) FROM STDIN"


def copy_events(url: str, count: int, with_keys: bool = False) -> float:
    """Rows a second by COPY on two connections, a commit each 500, into a table with the indexes of events.

    `with_keys`: and into one like that of event keys, without which nothing that is sent twice is noticed.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_event (LIKE events_event INCLUDING ALL)")
        connection.execute("CREATE TABLE bench_key (LIKE events_eventkey INCLUDING ALL)")
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: _copy(url, count // 2, with_keys), range(2)))
        seconds = time.monotonic() - begun
        connection.execute("DROP TABLE bench_event, bench_key")
    return count / seconds


def _copy(url: str, count: int, with_keys: bool) -> None:
    at, properties = "2026-03-02 09:00:00+00", '{"value": 50, "currency": "EUR"}'
    rows = (f"{uuid.uuid4()}\torder.completed\t{n}\t1\t{at}\t{at}\t{properties}\t{{}}\t0\n" for n in range(count))
    blocks = ["".join(block) for block in zip(*[rows] * min(BATCH, count), strict=False)]
    with psycopg.connect(url, autocommit=True) as connection:
        for block in blocks:
            with connection.transaction():
                _write(connection, COPY, block)
                if with_keys:
                    _write(connection, KEYS, "".join(f"{uuid.uuid4()}\t{at}\n" for _ in range(BATCH)))


def _write(connection: psycopg.Connection, copy: Query, block: str) -> None:
    with connection.cursor().copy(copy) as copying:
        copying.write(block)
