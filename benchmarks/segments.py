"""Segments: S1 and S2 of the protocol over the public API, and V, a large site made by SQL."""

import http.client
import json
import time
from typing import TYPE_CHECKING, Any

from benchmarks import load
from benchmarks.site import Timeout

if TYPE_CHECKING:
    from benchmarks.steps import Bench

SCOPES = ["--scope", "segments:read", "--scope", "segments:write"]
GERMANS = {"field": "contact.country", "op": "is", "value": "DE"}
LARGE = {"field": "event.value", "op": "≥", "value": 50, "type": "number"}
BUYERS = {"event": "order.completed", "where": LARGE}


class Api:
    """One kept connection with a server key."""

    def __init__(self, bench: "Bench") -> None:
        arguments = ["createapikey", "--kind", "server", "--source", "Back office", *SCOPES]
        self.headers = {"Authorization": f"Bearer {bench.site.manage(*arguments).strip()}"}
        self.connection = http.client.HTTPConnection("127.0.0.1", bench.site.runner.port, timeout=120)

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        self.connection.request(method, path, json.dumps(body) if body is not None else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"The API answered {answer.status}: {text[:300]!r}")
        return json.loads(text)

    def await_settled(self, segment: int, seconds: float = 120) -> dict:
        until = time.monotonic() + seconds
        while (now := self("GET", f"/api/segments/{segment}/"))["state"] != "settled":
            if time.monotonic() > until or now["state"] != "working_out":
                raise Timeout(f"The segment was not worked out in {seconds:g} s: {now}")
            time.sleep(0.02)
        return now


def attribute(bench: "Bench") -> None:
    """S1: an attribute: who lives in Germany."""
    _made(bench, "S1", "Lives in Germany", GERMANS, {n for n in range(bench.size.contacts) if n % 10 == 0})


def behaviour(bench: "Bench") -> None:
    """S2: behaviour: who bought for 50 or more. Purchases that the steps before sent are not stored again."""
    contacts, numbers = bench.size.contacts, range(bench.size.singles + 2 * bench.size.batched)
    items = (load.purchase(n) | {"userId": f"u{n * 5 % contacts}"} for n in numbers)
    bench.post(load.batches(items, 500))
    bench.site.await_idle()
    _made(bench, "S2", "Bought for 50 or more", BUYERS, {n * 5 % contacts for n in numbers if n % 100 >= 50})


def _made(bench: "Bench", step: str, name: str, condition: dict, people: set[int]) -> None:
    api, cpu, begun = Api(bench), bench.site.cpu(), time.monotonic()
    made = api("POST", "/api/segments/", {"name": name, "condition": condition})
    settled = api.await_settled(made["id"])
    seconds, spent = time.monotonic() - begun, bench.site.cpu() - cpu
    rows = bench.site.database.execute(MEMBERS, [made["id"]]).fetchall()
    bench.note(
        **{
            f"{step}_ready_s": seconds,
            f"{step}_cpu_us_each": spent / bench.size.contacts * 1e6,
            f"{step}_members": settled["size"],
            f"{step}_wrong": len({int(user[1:]) for (user,) in rows} ^ people) + abs(settled["size"] - len(people)),
        }
    )


MEMBERS = """
SELECT i.value FROM segments_membership m JOIN contacts_identity i ON i.contact_id = m.contact_id
WHERE m.segment_id = %s AND m.left_at IS NULL AND i.kind = 'user'
"""


def volume(bench: "Bench") -> None:
    """V: contacts and events by SQL straight into the tables; the worker is stopped, one process does its work."""
    size = bench.size
    bench.site.kill_worker()
    command = f"from benchmarks.volume import measure; measure({size.volume_contacts}, {size.volume_events})"
    said = bench.site.manage("shell", "-v0", "-c", command)
    bench.note(**json.loads(said.strip().splitlines()[-1]))
    bench.site.start_worker()
