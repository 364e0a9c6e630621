"""A morning in the demo shop, over the public HTTP API, as its own code would send it."""

import time
from collections.abc import Iterator
from datetime import datetime

import requests

from config.demo.company import PRODUCTS, SOURCE, person
from ops.models import ApiKey, Source

VISITORS = range(1000, 1012)
BATCH = 10


def play(url: str, now: datetime) -> int:
    """Send the events with a key that is made for this and revoked afterwards; returns how many were sent.

    Their message ids are always the same, so that a second performance changes nothing.
    """
    source, _ = Source.objects.get_or_create(name=SOURCE)
    key, text = ApiKey.objects.create_key("write", source)
    try:
        items = list(morning(now))
        for start in range(0, len(items), BATCH):
            answer = requests.post(
                f"{url}/v1/batch", json={"batch": items[start : start + BATCH]}, auth=(text, ""), timeout=30
            )
            answer.raise_for_status()
            time.sleep(0.1)
        return len(items)
    finally:
        key.revoke(now)


def morning(now: datetime) -> Iterator[dict]:
    """Everybody looks at a lamp before they sign up; some buy at once, one leaves a full cart behind."""
    for place, number in enumerate(VISITORS):
        visitor, user = f"visitor-{number}", f"customer-{number}"
        product, price = PRODUCTS[place % len(PRODUCTS)]
        seen = {"name": product, "price": price}
        yield _track("Product Viewed", f"demo-seen-{number}", now, seen, anonymousId=visitor)
        yield {"type": "identify", "anonymousId": visitor, "userId": user, "traits": person(number),
               "messageId": f"demo-identify-{number}", "timestamp": now.isoformat()}  # fmt: skip
        yield _track("Signed Up", f"demo-signed-up-{number}", now, {"method": "web"}, userId=user)
        if place % 4 == 0:
            order = {"order_id": f"M{number}", "total": price * 2, "currency": "USD"}
            yield _track("Order Completed", f"demo-order-{number}", now, order, userId=user)
        elif place % 4 == 1:
            yield _track("Cart Abandoned", f"demo-cart-{number}", now, {"cart_id": f"C{number}"}, userId=user)


def _track(event: str, key: str, now: datetime, properties: dict, **who) -> dict:
    return {
        "type": "track",
        "event": event,
        "messageId": key,
        "timestamp": now.isoformat(),
        "properties": properties,
        **who,
    }
