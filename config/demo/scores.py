"""The demo's score model, and what it reads: titles and companies of the customers, what they look at and ask for."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from events import recording
from events.items import Item
from ops.models import Source
from scoring import defining, starters
from scoring.document import Fading, Stage
from scoring.models import ScoreModel

KEEN = 0.2  # so many of them have been on the site a lot lately
TITLES = ["CEO", "CTO", "VP of Operations", "Director of Facilities", "Office manager", "Buyer", "Designer", "Gardener"]
COMPANIES: list[tuple[str, str, str, int, int]] = [
    ("northwind", "Northwind Clinics", "Healthcare", 240, 31_000_000),
    ("brightside", "Brightside Bank", "Finance", 1_200, 410_000_000),
    ("kessel", "Kessel Software", "Technology", 85, 9_500_000),
    ("hafen", "Hafen Hotels", "Hospitality", 420, 52_000_000),
    ("lumenworks", "Lumenworks", "Technology", 34, 4_100_000),
    ("oakfield", "Oakfield Schools", "Education", 160, 12_500_000),
    ("petit", "Petit Bistro", "Restaurants", 12, 900_000),
    ("studio9", "Studio 9", "Design", 9, 700_000),
]
PAGES = ["Pricing", "Office plants", "Care service", "About us", "Delivery"]


def load(source: Source, customers: int, now: datetime) -> None:
    """Tell who they are and what they did, and turn the ready-made model on, with stages, and points that fade."""
    recording.record(source, list(_told(customers, now)), now, triggers=False)
    model = starters.install(now) or ScoreModel.objects.filter(key=starters.KEY).first()
    if model is None or model.is_active:
        return
    document = defining.opened(model)
    for rule in document.rules:
        if rule.kind == "behavioural":
            rule.fading = Fading(how="half", amount=30)
    document.stages = [Stage(name="Lead", points=20), Stage(name="Qualified", points=60), Stage(name="Customer")]
    model = defining.save_draft(model, document, model.draft_revision, None, now)
    model = defining.put_in_force(model, None, now)
    defining.switch(model, True, None, now)


def _told(customers: int, now: datetime) -> Iterator[Item]:
    dice = random.Random(11)  # noqa: S311  not a secret
    for number in range(customers):
        user = f"customer-{number + 1}"
        if dice.random() < 0.5:
            yield from _at_work(user, number, dice)
        keen = dice.random() < KEEN
        for visit in range(dice.randint(8, 16) if keen else dice.choice([0, 0, 1, 2, 3])):
            ago = timedelta(days=dice.uniform(0, 6 if keen else 50))
            yield from _visit(user, now - ago, f"{number}-{visit}", dice)


def _at_work(user: str, number: int, dice: random.Random) -> Iterator[Item]:
    key, name, industry, employees, revenue = dice.choice(COMPANIES)
    title: dict[str, Any] = {"title": dice.choice(TITLES)}
    company: dict[str, Any] = {"name": name, "industry": industry, "employees": employees, "revenue": revenue}
    yield Item(kind="identify", user_id=user, message_id=f"demo-t-{number}", traits=title)
    yield Item(kind="group", user_id=user, group_id=key, message_id=f"demo-g-{number}", traits=company)


def _visit(user: str, at: datetime, key: str, dice: random.Random) -> Iterator[Item]:
    properties: dict[str, Any]
    chance = dice.random()
    if chance < 0.55:
        event, properties = "page.viewed", {"title": dice.choice(PAGES)}
    elif chance < 0.85:
        event, properties = "product.viewed", {"name": "Office plants, 12 pots", "price": 480}
    elif chance < 0.95:
        event, properties = "product.added_to_cart", {"name": "Office plants, 12 pots", "price": 480}
    else:
        event, properties = "form.submitted", {"form": "Ask for an offer"}
    yield Item(kind="track", user_id=user, event=event, message_id=f"demo-a-{key}", properties=properties, timestamp=at)
