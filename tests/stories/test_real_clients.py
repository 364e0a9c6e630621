"""The clients that product teams already have, unchanged, with only their host set to us."""

from datetime import UTC, datetime, timedelta

import pytest
from rudderstack.analytics import request as rudder_request
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics import request as segment_request
from segment.analytics.client import Client as SegmentClient

from contacts.models import Address, Company, Contact, Identity
from events.models import Event, EventKey, RejectedEvent
from ops.models import ApiKey, Source

pytestmark = pytest.mark.django_db(transaction=True)
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def write_key(transactional_db):
    yield ApiKey.objects.create_key("write", Source.objects.create(name="Web shop"))[1]
    for client in (segment_request, rudder_request):
        client._session.close()  # a kept connection keeps the server's thread, and that its database connection


def segment(write_key, url, faults, **options):
    return SegmentClient(write_key, host=url, on_error=lambda *fault: faults.append(fault), max_retries=2, **options)


def rudder(write_key, url, faults, **options):
    return RudderClient(write_key, host=url, on_error=lambda *fault: faults.append(fault), max_retries=2, **options)


CLIENTS = {
    "segment": (segment, {}),
    "segment, packed": (segment, {"gzip": True}),
    "segment, one by one": (segment, {"sync_mode": True}),
    "rudder": (rudder, {}),
    "rudder, plain": (rudder, {"gzip": False}),
    "rudder, one by one": (rudder, {"sync_mode": True}),
}


def a_day_in_the_shop(client, customers):
    """Everything that the client can say, and one message id twice."""
    for n in range(customers):
        client.track(f"user-{n}", "Order Completed", {"total": n, "at": YESTERDAY}, timestamp=YESTERDAY)
    client.identify("user-0", {"email": "zoë@example.com", "firstName": "Zoë", "plan": {"name": "pro", "seats": 3}})
    client.page("user-1", "Docs", "Pricing", {"url": "https://example.com/pricing"})
    client.screen("user-1", "App", "Home")
    client.group("user-2", "acme", {"name": "Acme", "employees": 12})
    client.track(None, "Product Viewed", {"sku": "7"}, anonymous_id="visitor-1")
    client.alias("visitor-1", "user-3")
    for _ in range(2):
        client.track("user-4", "Signed Up", message_id="the-same")


@pytest.mark.parametrize("name", CLIENTS)
def test_every_item_arrives_once(live_server, write_key, name):
    make, options = CLIENTS[name]
    faults: list = []
    client = make(write_key, live_server.url, faults, **options)
    customers = 20 if options.get("sync_mode") else 250
    a_day_in_the_shop(client, customers)
    client.flush()
    if not options.get("sync_mode"):
        client.shutdown()
    assert not faults
    assert not RejectedEvent.objects.exists()
    orders = Event.objects.filter(type="order.completed")
    assert sorted(order.properties["total"] for order in orders) == list(range(customers))
    assert all(abs(order.occurred_at - YESTERDAY) < timedelta(seconds=1) for order in orders)
    assert sorted(Event.objects.exclude(type="order.completed").values_list("type", flat=True)) == [
        "page.viewed", "page.viewed", "product.viewed", "users.signed_up",
    ]  # fmt: skip
    assert EventKey.objects.count() == customers + 7
    assert Contact.objects.current().count() == customers
    zoe = Identity.objects.get(value="user-0").contact
    assert (zoe.name, zoe.email) == ("Zoë", "zoë@example.com")
    assert zoe.attributes["plan"] == {"name": "pro", "seats": 3}
    assert list(Company.objects.get(key="acme").contacts.all()) == [Identity.objects.get(value="user-2").contact]
    visitor = Identity.objects.get(value="visitor-1").contact
    assert visitor == Identity.objects.get(value="user-3").contact
    assert Event.objects.get(type="product.viewed").contact_id in {visitor.pk, *merged_into(visitor)}
    assert Address.objects.count() == 1


def merged_into(contact):
    return contact.merged_from.values_list("pk", flat=True)


def test_a_revoked_key_is_told_to_the_client_at_once(live_server, write_key):
    ApiKey.objects.get().revoke(datetime.now(UTC))
    client = segment(write_key, live_server.url, [], sync_mode=True)
    with pytest.raises(segment_request.APIError) as fault:
        client.track("user-1", "Signed Up")
    assert fault.value.status == 401
    assert not Contact.objects.exists()
