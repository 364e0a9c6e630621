"""The demo company: its settings, its sequences, its customers of the last two months. Written once."""

import random
from datetime import datetime, timedelta

from django.db import transaction

from campaigns import lifecycle, starters
from campaigns.document import Document, Reentry, Trigger
from campaigns.linear import Row, from_rows
from campaigns.models import Campaign
from campaigns.starters.install import template_of
from campaigns.starters.mails import StarterMail
from config.demo import scores
from contacts.models import Topic
from events import recording
from events.items import Item
from ops.models import SiteSettings, Source
from segments import defining
from segments.starters import BY_KEY, segment_of, usual

SOURCE = "Leaf & Lumen shop"
SEGMENTS = ["active", "high_value", "first_time_buyers", "cart_abandoners"]
CUSTOMERS = 120
PRODUCTS = [
    ("Monstera deliciosa", 34.0),
    ("Snake plant", 22.5),
    ("Fiddle-leaf fig", 89.0),
    ("Terracotta pot", 14.0),
    ("Reading lamp", 119.0),
    ("Grow light", 64.0),
    ("Watering can", 28.0),
    ("Olive tree", 149.0),
]
FIRST = [
    "Ada",
    "Ben",
    "Carla",
    "Dario",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
    "Mats",
    "Nora",
    "Omar",
    "Paula",
    "Quentin",
    "Rosa",
    "Sven",
    "Tara",
]
LAST = [
    *("Amato", "Berg", "Costa", "Dahl", "Evans", "Fischer", "Garcia", "Haas"),
    *("Ito", "Jansen", "Kowalski", "Lindgren", "Moreau", "Novak", "Okafor", "Petrov"),
]
CITIES = [
    ("Berlin", "DE", "Europe/Berlin"),
    ("Paris", "FR", "Europe/Paris"),
    ("New York", "US", "America/New_York"),
    ("Lisbon", "PT", "Europe/Lisbon"),
    ("Kathmandu", "NP", "Asia/Kathmandu"),
]

THANKS = StarterMail(
    name="Thank you for a large order",
    subject="Thank you{% if contact.first_name %}, {{ contact.first_name }}{% endif %}",
    preheader="A small thank-you for a large order.",
    title="That was a lovely order",
    paragraphs=(
        'You just spent ${{ event.total | default: "quite a bit" }} with us, and we would like to say thank you.',
        "Here is how to keep what you bought happy for years.",
    ),
    button="Read the care guide",
    url="https://leafandlumen.example/care",
)
CART = StarterMail(
    name="Your cart is waiting",
    subject="You left something behind",
    preheader="Your plants are still in the cart.",
    title="Still thinking about it?",
    paragraphs=("Your cart is just as you left it. Plants like to be decided on while they are fresh.",),
    button="Back to my cart",
    url="https://leafandlumen.example/cart",
)


@transaction.atomic
def load(now: datetime) -> bool:
    """Write the company; False where it has been written before."""
    if Source.objects.filter(name=SOURCE).exists():
        return False
    source = Source.objects.create(name=SOURCE, created_at=now)
    _settings()
    starters.install(now)
    welcome = Campaign.objects.get(name="Welcome sequence")
    lifecycle.activate(welcome, None, now)
    _thank_you(now)
    _cart(now)
    recording.record(source, list(history(now)), now, triggers=False)
    _segments(now)
    scores.load(source, CUSTOMERS, now)
    return True


def _segments(now: datetime) -> None:
    """Some of the ready-made ones: who is in them is worked out as soon as the worker is up."""
    for key in SEGMENTS:
        defining.save(segment_of(BY_KEY[key], usual()), None, now)


def _settings() -> None:
    SiteSettings.get()
    SiteSettings.objects.update(
        name="Leaf & Lumen",
        timezone="Europe/Berlin",
        postal_address="Leaf & Lumen GmbH, Lindenstr. 12, 10969 Berlin, Germany",
        sender_name="Ann from Leaf & Lumen",
        sender_email="ann@leafandlumen.example",
    )
    Topic.objects.get_or_create(key="tips", defaults={"name": "Tips and news"})


def _thank_you(now: datetime) -> None:
    large = {"field": "event.total", "op": "≥", "value": 100, "type": "number"}
    document = Document(
        name="Thank you for a large order",
        type=Campaign.Type.POST_PURCHASE,
        objective="Say thank you for orders of $100 and more, once per customer.",
        triggers=[Trigger(event="order.completed", filter={"all": [large]})],
        steps=from_rows([Row(template=template_of(THANKS, now).pk)]),
    )
    lifecycle.activate(lifecycle.create(document, None, now), None, now)


def _cart(now: datetime) -> None:
    document = Document(
        name="Abandoned cart",
        type=Campaign.Type.ABANDONED_CART,
        objective="Bring people back to a cart that they left.",
        triggers=[Trigger(event="cart.abandoned")],
        reentry=Reentry(mode="once_per", amount=7, unit="days"),
        steps=from_rows([Row(wait_amount=2, wait_unit="hours", template=template_of(CART, now).pk)]),
    )
    lifecycle.create(document, None, now)


def person(number: int) -> dict:
    """The same person for the same number."""
    dice = random.Random(number)  # noqa: S311  not a secret
    first, last = dice.choice(FIRST), dice.choice(LAST)
    city, country, zone = dice.choice(CITIES)
    return {
        "email": f"{first}.{last}{number}@example.com".lower(),
        "first_name": first, "last_name": last, "city": city, "country": country, "timezone": zone,
        "plan": dice.choice(["free", "free", "plus"]),
    }  # fmt: skip


def history(now: datetime):
    """Two months of a shop: who signed up, looked around and bought."""
    dice = random.Random(7)  # noqa: S311
    for number in range(CUSTOMERS):
        user = f"customer-{number + 1}"
        joined = now - timedelta(days=dice.uniform(1, 60))
        yield Item(
            kind="identify", user_id=user, message_id=f"demo-i-{number}", traits=person(number), timestamp=joined
        )
        yield _event(user, "users.signed_up", joined, f"demo-s-{number}", {"method": "web"})
        for visit in range(dice.randint(0, 6)):
            at = joined + (now - joined) * dice.random()
            product, price = dice.choice(PRODUCTS)
            key = f"{number}-{visit}"
            yield _event(user, "product.viewed", at, f"demo-v-{key}", {"name": product, "price": price})
            if dice.random() < 0.4:
                total = round(price * dice.randint(1, 2), 2)
                yield _event(user, "order.completed", at, f"demo-o-{key}", {"order_id": f"D{key}", "total": total})


def _event(user: str, name: str, at: datetime, key: str, properties: dict) -> Item:
    return Item(kind="track", user_id=user, event=name, message_id=key, properties=properties, timestamp=at)
