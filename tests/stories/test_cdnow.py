"""Real customers: the CDNOW sample, replayed over HTTP with its own dates.

2,357 people who bought for the first time in early 1997, and every order until mid 1998 (Fader and Hardie).
Some lines are equal to each other, so the message ids carry the line's number.
"""

import os
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import requests
from django.db.models import Count, DecimalField, IntegerField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from contacts.models import Change, Contact, Identity
from events.models import Event, EventKey, RejectedEvent
from ops.models import ApiKey, Source

ROOT = Path(__file__).resolve().parents[2]
NEARBY = next(ROOT.parent.glob("*/data/cdnow_sample.txt"), Path("cdnow_sample.txt"))
SAMPLE = Path(os.environ.get("CDNOW_SAMPLE") or NEARBY)
CUSTOMERS, ORDERS, BATCH = 2357, 6919, 500

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not SAMPLE.exists(), reason="CDNOW_SAMPLE does not name cdnow_sample.txt"),
]


def calls(lines):
    """One identify for each customer, when they first appear; one order for each line."""
    known = set()
    for number, line in enumerate(lines, start=1):
        master, customer, day, quantity, dollars = line.split()
        when = f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z"
        if customer not in known:
            known.add(customer)
            yield {
                "type": "identify", "userId": customer, "messageId": f"cdnow-customer-{customer}", "timestamp": when,
                "traits": {"email": f"customer{customer}@example.com", "master_id": master},
            }  # fmt: skip
        yield {
            "type": "track", "event": "Order Completed", "userId": customer, "messageId": f"cdnow-line-{number}",
            "timestamp": when, "properties": {"quantity": int(quantity), "dollars": float(dollars)},
        }  # fmt: skip


def replay(url, write_key, items):
    with requests.Session() as session:
        session.auth = (write_key, "")
        for start in range(0, len(items), BATCH):
            batch = {"batch": items[start : start + BATCH], "sentAt": datetime.now(UTC).isoformat()}
            answer = session.post(f"{url}/v1/batch", json=batch, timeout=30)
            assert (answer.status_code, answer.json()) == (200, {"received": len(batch["batch"])})


def totals():
    dollars = Cast(KT("properties__dollars"), DecimalField(max_digits=12, decimal_places=2))
    orders = Event.objects.filter(type="order.completed")
    return {
        "contacts": Contact.objects.count(),
        "ids": Identity.objects.count(),
        "orders": orders.count(),
        "dollars": orders.aggregate(total=Sum(dollars))["total"],
        "quantity": orders.aggregate(total=Sum(Cast(KT("properties__quantity"), IntegerField())))["total"],
        "changes": Change.objects.count(),
        "keys": EventKey.objects.count(),
        "days": orders.values("occurred_at").distinct().count(),
    }


def test_every_customer_and_order_arrives_once_with_its_own_date(live_server):
    lines = SAMPLE.read_text().splitlines()
    assert len(lines) == ORDERS
    assert sum(times > 1 for times in Counter(lines).values()) == 19
    write_key = ApiKey.objects.create_key("write", Source.objects.create(name="CDNOW"))[1]
    items = list(calls(lines))
    replay(live_server.url, write_key, items)

    first = totals()
    assert (first["contacts"], first["ids"], first["orders"]) == (CUSTOMERS, CUSTOMERS, ORDERS)
    assert first["dollars"] == sum(Decimal(line.split()[4]) for line in lines)
    assert first["quantity"] == sum(int(line.split()[3]) for line in lines)
    assert first["days"] == len({line.split()[2] for line in lines})
    assert not RejectedEvent.objects.exists()
    customer = Identity.objects.get(value="0001").contact
    assert customer.email == "customer0001@example.com"
    assert customer.last_seen_at == datetime(1997, 12, 12, 12, tzinfo=UTC)
    per_contact = dict(Event.objects.values_list("contact").annotate(Count("id")))
    assert max(per_contact.values()) == 56 and len(per_contact) == CUSTOMERS

    replay(live_server.url, write_key, items)
    assert totals() == first, "sending everything again changes nothing"
