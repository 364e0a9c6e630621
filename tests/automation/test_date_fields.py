"""Dates of companies and computed dates let people in, too; and those whose date came before the campaign did."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from automation import backfilling, prospects
from automation.models import DateDue, Enrollment
from campaigns import lifecycle
from campaigns.document import Reentry, Trigger, parse
from events import recording
from events.items import Item
from ops.models import Source
from tests import engine
from tests.automation.test_date_trigger import campaign
from tests.factories import NOW, CampaignFactory, ContactFactory
from tests.segments.test_computed import attribute, order

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def of_company(user, key, now=NOW, **traits):
    shop = Source.objects.get_or_create(name="Shop")[0]
    items = [Item(kind="identify", user_id=user, traits={"email": f"{user}@example.com"})]
    assert not recording.record(
        shop, [*items, Item(kind="group", user_id=user, group_id=key, traits=traits)], now
    ).rejected
    engine.run(now)


def due() -> list[datetime]:
    return sorted(DateDue.objects.filter(due_at__isnull=False).values_list("due_at", flat=True))


def test_the_renewal_of_a_company_brings_all_of_its_people_and_moves_with_the_date(inbox):
    campaign({"field": "company.renews", "offset": -30, "at": "09:00"})
    of_company("ann", "acme", renews="2026-05-01")
    of_company("bob", "acme")
    assert due() == [datetime(2026, 4, 1, 9, tzinfo=UTC)] * 2
    of_company("ann", "acme", renews="2026-05-11")
    assert due() == [datetime(2026, 4, 11, 9, tzinfo=UTC)] * 2, "bob, about whom nothing was told, too"
    engine.run(datetime(2026, 4, 11, 9, tzinfo=UTC))
    assert len(inbox.accepted) == 2 and due() == []


def test_a_computed_date_moves_with_the_events_it_is_made_of(inbox):
    attribute("last_order", "last", "", "date")
    campaign({"field": "computed.last_order", "offset": 60, "at": "10:00"})
    ann = ContactFactory(email="ann@example.com")
    order(ann)
    engine.run(NOW)
    assert due() == [datetime(2026, 5, 1, 10, tzinfo=UTC)]
    order(ann, minutes=60 * 24 * 10)
    engine.run(NOW + 10 * DAY)
    assert due() == [datetime(2026, 5, 11, 10, tzinfo=UTC)]
    engine.run(datetime(2026, 5, 11, 10, tzinfo=UTC))
    assert len(inbox.accepted) == 1


# --- those whose date came before the campaign was activated ---


def draft(config, **more):
    return CampaignFactory(
        active=False, triggers=[Trigger(kind="date", config=config)], reentry=Reentry(mode="every_time"), **more
    )


PEOPLE = [  # born, time zone, days ago of the last birthday before 2 March 2026, 09:00 UTC
    ("1990-03-02", "UTC", 0), ("1990-03-02", "America/New_York", 365), ("1990-03-02", "Asia/Tokyo", 0),
    ("1988-02-29", "UTC", 2), ("1990-02-27", "Nowhere/Land", 3), ("1990-03-03", "Asia/Tokyo", 364),
    ("1990-02-01", "Europe/Berlin", 29), ("2026-02-25", "UTC", 5), ("2026-03-05", "UTC", None), ("soon", "UTC", None),
]  # fmt: skip


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_those_whose_day_came_lately_are_counted_and_come_in_once(inbox, days):
    for number, (born, zone, _) in enumerate(PEOPLE):
        ContactFactory(email=f"p{number}@example.com", timezone=zone, attributes={"birthday": born})
    made = draft({"field": "contact.birthday", "at": "09:00", "anniversary": True})
    expected = [number for number, (*_, ago) in enumerate(PEOPLE) if ago is not None and ago < days]
    found = backfilling.count(parse(made.draft), days, NOW)
    assert found == len(expected)
    many = f"the {found:,} people whose date came"
    assert any(many in words for _, words in prospects.look(parse(made.draft), NOW).choices)
    lifecycle.activate(made, None, NOW, days)
    engine.run(NOW + timedelta(minutes=30))
    entered = Enrollment.objects.order_by("contact").values_list("contact__address__email", flat=True)
    assert list(entered) == [f"p{number}@example.com" for number in expected]
    engine.run(NOW + DAY)
    assert Enrollment.objects.filter(contact__address__email="p0@example.com").count() == 1, "not by the same day again"


@pytest.mark.parametrize(
    ("offset", "born", "ago"), [(-30, "2026-03-30", 2), (14, "2026-02-14", 2), (0, "2025-02-28", None)]
)
def test_days_before_and_after_count_and_what_comes_once_came_once(offset, born, ago):
    ContactFactory(attributes={"ends": born})
    made = draft({"field": "contact.ends", "offset": offset, "at": "09:00"})
    assert backfilling.count(parse(made.draft), 7, NOW) == (ago is not None)
    assert backfilling.count(parse(made.draft), 1, NOW) == 0


def test_filter_and_audience_are_asked_of_them():
    for plan, city in (("pro", "Paris"), ("pro", "Rome"), ("free", "Paris")):
        ContactFactory(attributes={"ends": "2026-03-01", "plan": plan, "city": city})
    made = draft(
        {"field": "contact.ends", "at": "09:00"}, audience={"field": "contact.city", "op": "is", "value": "Paris"}
    )
    document = parse(made.draft)
    document.triggers[0].filter = {"field": "contact.plan", "op": "is", "value": "pro"}
    assert backfilling.count(document, 7, NOW) == 1


def test_all_dates_are_read_once_however_many_windows_are_offered():
    ContactFactory(attributes={"ends": "2026-03-01"})
    document = parse(draft({"field": "contact.ends", "at": "09:00"}).draft)
    with CaptureQueriesContext(connection) as asked:
        assert backfilling.counts(document, NOW) == {1: 0, 7: 1, 30: 1, 90: 1}
    assert sum("dripline_time" in query["sql"] for query in asked) == 1
