"""The score model that comes with the product, off: installed once, into a site that has none."""

from datetime import datetime
from typing import Any

from django.db import transaction

from scoring import defining
from scoring.document import Band, Document, Kind, Rule
from scoring.models import ScoreModel

KEY, NAME = "lead", "Lead score"
DESCRIPTION = "How warm somebody is: who they are and where they work, and what they do on the site and with our mail."

# Uid, name, event, points, how often at most.
BEHAVIOUR = [
    ("page", "Views a page", "page.viewed", 1, 50),
    ("product", "Views a product", "product.viewed", 5, 20),
    ("cart", "Puts a product into the cart", "product.added_to_cart", 10, 10),
    ("open", "Opens an e-mail", "email.opened", 2, 30),
    ("click", "Clicks a link in an e-mail", "email.clicked", 5, 20),
    ("form", "Submits a form", "form.submitted", 15, 5),
]
# As a word of its own, so that “VP of Sales” fits and “Directory editor” does not.
SHORT = r"\m(CEO|CTO|VP|SVP|EVP|Director)\M"
LONG = ["Chief Executive", "Chief Technology", "Vice President"]
TITLES = {
    "any": [
        {"field": "contact.title", "op": "matches", "value": SHORT},
        *({"field": "contact.title", "op": "contains", "value": words} for words in LONG),
    ]
}
INDUSTRIES = [
    "Technology", "Information Technology", "Finance", "Financial Services", "Healthcare", "Health Care",
]  # fmt: skip
COUNTRIES = [
    "US", "USA", "U.S.", "U.S.A.", "United States", "United States of America",
    "UK", "U.K.", "GB", "GBR", "United Kingdom", "Great Britain",
    "CA", "CAN", "Canada",
]  # fmt: skip


def _field(name: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": name, "op": op, "value": value}


# Uid, kind, name, condition, points.
FIT: list[tuple[str, Kind, str, dict[str, Any], int]] = [
    ("title", "demographic", "Is a CEO, CTO, VP or Director", TITLES, 20),
    ("country", "demographic", "Lives in the US, the UK or Canada", _field("contact.country", "any of", COUNTRIES), 10),
    ("size", "firmographic", "The company has over 100 people", _field("company.employees", ">", 100), 15),
    (
        "industry", "firmographic", "The company is in technology, finance or healthcare",
        _field("company.industry", "any of", INDUSTRIES), 10,
    ),
    (
        "revenue", "firmographic", "The company earns over 10 million a year",
        _field("company.revenue", ">", 10_000_000), 25,
    ),
]  # fmt: skip


def document() -> Document:
    """The ready-made model; nothing in it fades."""
    behaviour = [
        Rule(uid=uid, kind="behavioural", name=name, event=event, points=points, at_most=times)
        for uid, name, event, points, times in BEHAVIOUR
    ]
    fit = [
        Rule(uid=uid, kind=kind, name=name, points=points, condition=condition)
        for uid, kind, name, condition, points in FIT
    ]
    bands = [Band(name="Cold", points=0), Band(name="Warm", points=50), Band(name="Hot", points=80)]
    return Document(name=NAME, description=DESCRIPTION, rules=[*fit, *behaviour], bands=bands)


@transaction.atomic
def install(now: datetime) -> ScoreModel | None:
    """The ready-made model, off. None where there are models already."""
    if ScoreModel.objects.exists():
        return None
    return defining.create(KEY, document(), None, now)
