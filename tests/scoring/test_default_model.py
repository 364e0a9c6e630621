"""The model that comes with the product, held against a table that was worked out by hand."""

from datetime import timedelta

import pytest

from contacts.models import Contact
from events import recording
from events.items import Item
from ops.models import Source
from scoring import defining, reading, starters
from tests import engine
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ACME = ("acme", {"employees": 250, "industry": "Technology", "revenue": 12_000_000})  # 15 + 10 + 25
SMALL = ("small", {"employees": 100, "industry": "Retail", "revenue": 10_000_000})  # nothing: not over
BANK = ("bank", {"employees": "5000", "industry": "finance"})  # 15 + 10
# Who; title, country, company; how often they did what; fit, engagement, total, band and cell, worked out by hand.
TABLE = [
    ("ann", ("CEO", "US", ACME), {}, 80, 0, 80, "Hot", "A3"),  # 20 + 10 + 50
    ("ben", ("", "", None), {"page.viewed": 50}, 0, 50, 50, "Warm", "C1"),
    ("cleo", ("", "", None), {"page.viewed": 51, "product.viewed": 4}, 0, 70, 70, "Warm", "C1"),  # 50 + 20
    ("dan", ("Engineer", "DE", SMALL), {"form.submitted": 7}, 0, 75, 75, "Warm", "C1"),  # 5 × 15
    ("eve", ("VP of Sales", "Canada", None), {"email.opened": 31}, 30, 60, 90, "Hot", "B1"),  # 20 + 10; 30 × 2
    ("fay", ("Director", "", BANK), {"email.clicked": 21}, 45, 100, 145, "Hot", "A1"),  # 20 + 25; 20 × 5
    ("gus", ("", "GB", None), {"product.added_to_cart": 3}, 10, 30, 40, "Cold", "C2"),  # 3 × 10
    ("hal", ("cto", "", SMALL), {"product.viewed": 25}, 20, 100, 120, "Hot", "B1"),  # 20 × 5
    ("ida", ("", "", ACME), {"product.added_to_cart": 11}, 50, 100, 150, "Hot", "A1"),  # 10 × 10
    ("joe", ("Director", "FR", None), {"machine.opened": 9, "machine.clicked": 9}, 20, 0, 20, "Cold", "B3"),
    ("kim", ("", "USA", BANK), {"email.opened": 6, "email.clicked": 2}, 35, 22, 57, "Warm", "B3"),  # 12 + 10
    ("lea", ("Coach", "Cuba", None), {"page.viewed": 24, "order.completed": 3}, 0, 24, 24, "Cold", "C3"),
    ("max", ("", "", None), {}, 0, 0, 0, "Cold", "C3"),
]  # fmt: skip


@pytest.fixture
def people():
    """Who they are and where they work, and what they did; at most one event a minute."""
    source = Source.objects.create(name="Shop")
    for who, (title, country, company), _, *_ in TABLE:
        items = [Item(kind="identify", user_id=who, traits={"title": title, "country": country})]
        if company:
            items.append(Item(kind="group", user_id=who, group_id=company[0], traits=company[1]))
        assert not recording.record(source, items, NOW).rejected
    engine.run(NOW)
    return dict(Contact.objects.values_list("identities__value", "pk"))


def events(who: str, contact: int, did: dict[str, int]) -> list[recording.OwnEvent]:
    """Mail events are the product's own; those of machines say so."""
    found = []
    for what, times in did.items():
        root, _, verb = what.partition(".")
        type_ = f"email.{verb}" if root == "machine" else what
        for number in range(times):
            at = NOW - timedelta(minutes=number + 1)
            machine = {"machine": root == "machine"} if type_.startswith("email.") else {}
            found.append(recording.OwnEvent(contact, type_, machine, 0, f"{who}-{what}-{number}", at))
    return found


@pytest.mark.parametrize("scored_before", [True, False])
def test_the_default_model_gives_what_the_table_says(people, scored_before):
    """Whether it was on when they did it, or was turned on afterwards."""
    lead = starters.install(NOW)
    if scored_before:
        lead = defining.switch(lead, True, None, NOW)
    for who, _, did, *_ in TABLE:
        recording.record_own(events(who, people[who], did), NOW)
    engine.run(NOW)
    if not scored_before:
        lead = defining.switch(lead, True, None, NOW)
        engine.run(NOW)
    found = reading.standings(lead, people.values(), NOW)
    said = [
        (who, standing.fit, standing.engagement, standing.points, standing.band, standing.cell)
        for who, *_ in TABLE
        for standing in [found[people[who]]]
    ]
    assert said == [(who, *wanted) for who, _, _, *wanted in TABLE]
