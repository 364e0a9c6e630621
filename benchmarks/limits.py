"""What PostgreSQL itself can take on this machine at this hour: the limit beside which storing is judged."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg

BATCH = 500
COPY = (
    "COPY bench_event (id, type, contact_id, source_id, occurred_at, received_at, properties, context, hops) FROM STDIN"
)


def copy_events(url: str, count: int) -> float:
    """Rows a second by COPY on two connections, a commit each 500, into a table with the indexes of events."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_event (LIKE events_event INCLUDING ALL)")
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: _copy(url, count // 2), range(2)))
        seconds = time.monotonic() - begun
        connection.execute("DROP TABLE bench_event")
    return count / seconds


def _copy(url: str, count: int) -> None:
    at, properties = "2026-03-02 09:00:00+00", '{"value": 50, "currency": "EUR"}'
    rows = (f"{uuid.uuid4()}\torder.completed\t{n}\t1\t{at}\t{at}\t{properties}\t{{}}\t0\n" for n in range(count))
    blocks = ["".join(block) for block in zip(*[rows] * min(BATCH, count), strict=False)]
    with psycopg.connect(url, autocommit=True) as connection:
        for block in blocks:
            with connection.cursor().copy(COPY) as copy:
                copy.write(block)
