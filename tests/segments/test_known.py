"""What the data really holds: names, types, how many have it, and common values that give nobody away."""

from datetime import timedelta

import pytest
from django.db import connection

from contacts.models import Company
from events.models import Event, EventTypeRow
from segments import known
from segments.catalogue import catalogue, properties
from segments.known_models import KnownField, KnownRoot
from segments.leaves import SUBJECTS
from tests.factories import NOW, ContactFactory

pytestmark = pytest.mark.django_db


def look(now=NOW):
    KnownRoot.objects.all().delete()
    known.look(now)


def rows(root="contact"):
    return {row.path: row for row in KnownField.objects.filter(root=root)}


def test_paths_with_type_and_share():
    for number in range(4):
        ContactFactory(
            attributes={
                "plan": "pro",
                "age": 30 + number,
                "since": f"2026-01-0{number + 1}",
                "beta": True,
                "none": None,
            }
            | ({"subscription": {"plan": {"name": "gold"}}, "likes": ["tea", "cups"], "empty": ""} if number else {})
        )
    look()
    found = {path: (row.type, row.share) for path, row in rows().items()}
    assert found == {
        "plan": ("text", 100), "age": ("number", 100), "since": ("date", 100), "beta": ("boolean", 100),
        "subscription.plan.name": ("text", 75), "likes": ("list", 75),
    }  # fmt: skip
    assert rows()["plan"].values == ["pro"] and rows()["likes"].values == ["cups", "tea"]
    assert rows()["beta"].values == ["true"] and rows()["age"].values == []


def test_the_most_common_values_come_first_and_rare_ones_are_not_kept():
    for country in ["DE"] * 5 + ["FR"] * 3 + ["IS"]:
        ContactFactory(attributes={"country": country})
    look()
    assert rows()["country"].values == ["DE", "FR"]


def test_nothing_personal_or_secret_is_kept():
    for number in range(12):
        ContactFactory(
            attributes={
                "backup": f"person{number % 2}@example.com", "user": f"id-{number}", "note": "x" * 80,
                "password": "hunter2", "api_key": "k", "phone": "123", "home": {"street": "Main Street"},
            }
        )  # fmt: skip
    look()
    assert set(rows()) == {"backup", "user", "note", "password", "api_key", "phone", "home.street"}
    assert [row.path for row in rows().values() if row.values] == []


def test_companies_and_events_are_looked_at_too():
    contact = ContactFactory()
    Company.objects.create(key="acme", attributes={"seats": 5})
    EventTypeRow.objects.create(key="wishlist.shared", last_seen_at=NOW)
    for size in ("large", "large", "large", "small"):
        Event.objects.create(
            type="wishlist.shared", contact=contact, source_id=1, occurred_at=NOW, received_at=NOW,
            properties={"size": size, "wrapped": {"paper": "red"}},
        )  # fmt: skip
    look()
    assert rows("company")["seats"].type == "number"
    found = {entry.key: entry for entry in properties("wishlist.shared")}
    assert set(found) == {"event.size", "event.wrapped.paper"}
    assert [choice.value for choice in found["event.size"].values] == ["large"] and found["event.size"].share == 100


def test_what_is_registered_keeps_its_type_and_gains_share_and_values():
    contact = ContactFactory()
    EventTypeRow.objects.get_or_create(key="order.completed", defaults={"last_seen_at": NOW})
    EventTypeRow.objects.filter(key="order.completed").update(last_seen_at=NOW)
    for coupon in ("SPRING", "SPRING"):
        Event.objects.create(
            type="order.completed", contact=contact, source_id=1, occurred_at=NOW, received_at=NOW,
            properties={"coupon": coupon, "total": "12", "gift": True},
        )  # fmt: skip
    look()
    found = {entry.key: entry for entry in properties("order.completed")}
    assert found["event.total"].type == "number" and found["event.total"].share == 100
    assert [choice.value for choice in found["event.coupon"].values] == ["SPRING"]
    assert found["event.gift"].type == "boolean" and found["event.discount"].share is None


def test_the_catalogue_offers_them():
    ContactFactory(attributes={"plan": "pro", "subscription": {"plan": "gold"}})
    Company.objects.create(key="acme", attributes={"seats": 5})
    look()
    found = {entry.key: entry for entry in catalogue("contact") if entry.kind == "field"}
    assert (found["contact.plan"].group, found["contact.plan"].label, found["contact.plan"].share) == (
        "Attributes",
        "plan",
        100,
    )
    assert found["contact.subscription.plan"].label == "subscription plan"
    assert (found["company.seats"].group, found["company.seats"].type) == ("Company", "number")


def test_at_most_500_paths_and_none_with_a_dot_inside():
    ContactFactory(attributes={f"n{number}": 1 for number in range(600)} | {"a.b": 1})
    ContactFactory(attributes={"plan": "pro", "x" * 200: 1})
    ContactFactory(attributes={"plan": "pro"})
    look()
    assert len(rows()) == 500 and "plan" in rows() and "a.b" not in rows()


def test_what_was_not_seen_for_long_is_forgotten():
    contact = ContactFactory(attributes={"old": 1})
    look()
    type(contact).objects.update(attributes={"new": 1})
    look(NOW + timedelta(days=1))
    assert set(rows()) == {"old", "new"}
    look(NOW + timedelta(days=91))
    assert set(rows()) == {"new"}


@pytest.mark.django_db(transaction=True)
def test_nobody_looks_where_nothing_was_written():
    ContactFactory(attributes={"plan": "pro"})
    flush()
    assert known.look(NOW) >= 1
    assert not known._look_at_table(known.ROOTS[0], NOW)
    ContactFactory(attributes={"colour": "red"})
    flush()
    assert known.look(NOW + timedelta(minutes=1)) == 1 and "colour" in rows()


def flush():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")


def test_nasty_values_do_no_harm():
    from tests.segments.population import populate

    populate()
    look()
    assert rows()["v"].share
    assert list(known.entries(SUBJECTS["contact"]))
