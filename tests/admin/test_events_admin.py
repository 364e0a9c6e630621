"""Events in the admin: sentences, adoption of unknown types, late limits in words."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events import types
from events.models import Event, EventTypeRow, RejectedEvent
from lib import clock
from tests.factories import ContactFactory

LIST = reverse("admin:events_event_changelist")


def page(client, url, **query):
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def unknown(db):
    return EventTypeRow.objects.create(key="Wishlist Shared", first_seen_at=clock.now(), last_seen_at=clock.now())


def test_events_are_listed_newest_first_as_sentences(boss, ada, happen):
    happen(ada, "order.completed", hours_ago=2, dollars=29.33)
    happen(ada, "users.signed_up", hours_ago=1)
    text = page(boss, LIST)
    assert "Completed an order" in text and "dollars 29.33" in text and "2 hours ago" in text and "Web shop" in text
    assert text.index("Signed up") < text.index("Completed an order")


def test_events_are_found_by_type_and_by_contact(boss, ada, happen):
    happen(ada, "order.completed")
    happen(ContactFactory(attributes={"name": "Grace"}), "page.viewed")
    EventTypeRow.objects.filter(key="order.completed").update(last_seen_at=clock.now())
    found = boss.get(LIST, {"type": "order.completed"}).context["cl"].result_list
    assert [event.type for event in found] == ["order.completed"]
    found = boss.get(LIST, {"q": "gra"}).context["cl"].result_list
    assert [event.type for event in found] == ["page.viewed"]


def test_the_number_of_queries_does_not_grow_with_the_list(boss, ada, happen):
    happen(ada, "Unknown")
    page(boss, LIST)
    with CaptureQueriesContext(connection) as few:
        page(boss, LIST)
    for number in range(20):
        happen(ContactFactory(), f"Unknown {number}")
    with CaptureQueriesContext(connection) as many:
        page(boss, LIST)
    assert len(many) == len(few)


def test_an_event_shows_its_properties_as_a_table_and_cannot_be_changed(boss, ada, happen):
    event = happen(ada, "order.completed", cart={"items": [{"sku": "x-1"}]})
    text = page(boss, reverse("admin:events_event_change", args=[event.pk]))
    assert "cart.items 1.sku" in text and "x-1" in text and 'name="_save"' not in text
    assert boss.get(reverse("admin:events_event_add")).status_code == 403
    assert boss.post(reverse("admin:events_event_delete", args=[event.pk]), {"post": "yes"}).status_code == 403
    assert Event.objects.count() == 1


def test_an_unknown_type_is_shown_as_such_and_adopted_on_request(boss, unknown):
    url = reverse("admin:events_eventtyperow_adopt", args=[unknown.pk])
    text = page(boss, reverse("admin:events_eventtyperow_change", args=[unknown.pk]))
    assert "Not registered" in text and url in text
    assert ("Wishlist Shared", "Wishlist Shared") not in types.choices()
    boss.get(url)
    unknown.refresh_from_db()
    assert unknown.adopted_at is None
    assert "can be used in campaigns now" in boss.post(url, follow=True).content.decode()
    assert ("Wishlist Shared", "Wishlist Shared") in types.choices()
    assert "Not registered" not in page(boss, reverse("admin:events_eventtyperow_change", args=[unknown.pk]))


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("12 hours", timedelta(hours=12)),
        ("1 day and 6 hours", timedelta(hours=30)),
        ("45 minutes", timedelta(minutes=45)),
    ],
)
def test_a_late_limit_is_written_and_read_in_words(boss, written, limit):
    row = EventTypeRow.objects.get(key="order.completed")
    url = reverse("admin:events_eventtyperow_change", args=[row.pk])
    assert boss.post(url, {"late_limit": written}).status_code == 302
    assert types.late_limits()["order.completed"] == limit
    assert f'value="{written}"' in page(boss, url)


@pytest.mark.parametrize("written", ["soon", "3", "days", "3 fortnights", "-3 days", "0 days", "999999 weeks"])
def test_a_late_limit_that_cannot_be_read_is_refused_in_a_sentence(boss, written):
    row = EventTypeRow.objects.get(key="order.completed")
    text = boss.post(
        reverse("admin:events_eventtyperow_change", args=[row.pk]), {"late_limit": written}
    ).content.decode()
    assert "Write a number and a unit, such as 3 days" in text or "Write something between" in text
    row.refresh_from_db()
    assert row.late_limit is None


def test_events_of_any_age_can_be_let_in(boss):
    row = EventTypeRow.objects.get(key="order.completed")
    boss.post(reverse("admin:events_eventtyperow_change", args=[row.pk]), {"late_limit": "", "no_late_limit": "on"})
    assert types.late_limits()["order.completed"] is None
    assert "never too late" in page(boss, reverse("admin:events_eventtyperow_changelist"), q="order.completed")


def test_the_name_of_a_built_in_type_is_the_codes(boss):
    row = EventTypeRow.objects.get(key="order.completed")
    boss.post(reverse("admin:events_eventtyperow_change", args=[row.pk]), {"label": "Mine", "late_limit": ""})
    row.refresh_from_db()
    assert row.label == "Order completed"


@pytest.mark.parametrize("status", ["seen", "built_in", "adopted", "unknown"])
def test_types_can_be_listed_by_where_they_come_from(boss, unknown, status):
    found = boss.get(reverse("admin:events_eventtyperow_changelist"), {"status": status}).context["cl"].result_list
    assert ("Wishlist Shared" in [row.key for row in found]) == (status in ("seen", "unknown"))


@pytest.mark.parametrize("payload", ['{"event": "<script>alert(1)</script>"}', "not json <script>", "[" * 100_000, ""])
def test_a_rejected_event_shows_the_reason_and_what_arrived_harmlessly(boss, shop, payload):
    row = RejectedEvent.objects.create(source=shop, reason="The event has no name.", payload=payload)
    text = page(boss, reverse("admin:events_rejectedevent_change", args=[row.pk]))
    assert "The event has no name." in text and "<script>alert" not in text and "not json <script>" not in text
