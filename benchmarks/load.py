"""The load: events as a product's server sends them, over kept connections."""

import base64
import http.client
import json
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

CONNECTIONS = 4
# A campaign for each step that sends, so that every contact may enter each of them once.
SINGLE, JOURNEY, BLAST, KILLED, REPEATED = (
    "article.viewed", "users.signed_up", "button.clicked", "product.viewed", "form.submitted",
)  # fmt: skip
PLANS = ("free", "pro", "team")


def person(n: int) -> dict:
    """An `identify` with nine traits; contact n lives in country n mod 10."""
    traits = {
        "email": address(n),
        "first_name": f"Ann{n}",
        "last_name": f"Bench{n % 997}",
        "country": ["DE", "FR", "IT", "ES", "PL", "NL", "AT", "BE", "SE", "DK"][n % 10],
        "plan": PLANS[n % 3],
        "age": 18 + n % 60,
        "city": f"City {n % 300}",
        "visits": n % 50,
        "premium": n % 4 == 0,
    }
    return {"type": "identify", "userId": f"u{n}", "traits": traits}


def address(n: int) -> str:
    return f"u{n}@example.com"


def event(kind: str, contact: int, key: str = "", **properties: object) -> dict:
    item = {"type": "track", "userId": f"u{contact}", "event": kind, "properties": properties}
    return item | ({"messageId": key} if key else {})


def purchase(n: int) -> dict:
    """Number n of the behaviour events: contacts 0, 5, 10 …, value n mod 100."""
    return event("order.completed", n * 5, f"order-{n}", value=n % 100, currency="EUR")


def batches(items: Iterable[dict], size: int) -> list[bytes]:
    rest = iter(items)
    return [json.dumps({"batch": some}).encode() for some in iter(lambda: list(islice(rest, size)), [])]


class Client:
    """One kept connection with a write key."""

    def __init__(self, port: int, key: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        token = base64.b64encode(f"{key}:".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def post(self, body: bytes) -> float:
        """Seconds until the 200."""
        begun = time.monotonic()
        self.connection.request("POST", "/v1/batch", body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"The event API answered {answer.status}: {text[:300]!r}")
        return time.monotonic() - begun


def post_all(port: int, key: str, bodies: Sequence[bytes], connections: int = CONNECTIONS) -> list[float]:
    """Post all of them over a few connections; the seconds that each took."""

    def share(start: int) -> list[float]:
        client = Client(port, key)
        return [client.post(body) for body in bodies[start::connections]]

    with ThreadPoolExecutor(connections) as pool:
        return [seconds for some in pool.map(share, range(connections)) for seconds in some]


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
