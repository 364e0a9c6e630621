"""Segments that are ready to be used: each a condition over what the product knows from the start.

They open the form filled in; what is saved is an ordinary segment. docs/segments.md lists them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from events import types as event_types
from events.models import Event
from segments import conditions, rfm
from segments.defining import SUBJECT
from segments.models import Segment
from segments.rfm import ORDER, Thresholds, days

Tree = dict[str, Any]
# What products call the worth of an order; the first that is found in the latest orders is taken.
AMOUNTS = ("total", "revenue", "value", "dollars")
LOOKED_AT = 200
READ_IN_WORDS = {
    "seen": "when they were last seen",
    "everything": "when they became known",
    "tags": "tags",
    "email": "e-mail address",
}


@dataclass(frozen=True)
class Starter:
    """`tree` makes the condition; it is given the property that holds the worth of an order."""

    key: str
    name: str
    about: str
    group: str
    tree: Callable[[Thresholds], Tree]


def _last_seen(op: str, number: int) -> Tree:
    return {"field": "contact.last_seen_at", "op": op, "value": days(number)}


def _did_not_order_after(event: str) -> Tree:
    return {
        "sequence": [{"event": event}, {"event": ORDER}],
        "then": "did not",
        "within": days(1),
        "when": {"in the last": days(7)},
    }


def _recent(number: int) -> Tree:
    return {"in the last": days(number)}


STARTERS = [
    Starter(
        "active", "Active", "Seen in the last 30 days, whatever they did.", "Activity",
        lambda _: _last_seen("in the last", 30),
    ),
    Starter(
        "churned", "Churned", "Not seen for 90 days: they were here, and went.", "Activity",
        lambda _: _last_seen("more than ago", 90),
    ),
    Starter(
        "new", "New", "Became known in the last 7 days.", "Activity",
        lambda _: {"field": "contact.created_at", "op": "in the last", "value": days(7)},
    ),
    Starter(
        "trial", "In a trial", "Started a trial in the last 30 days and has not subscribed.", "Plans",
        lambda _: {"all": [
            {"event": "trial.started", "when": _recent(30)},
            {"not": {"event": "subscription.started", "when": _recent(30)}},
        ]},
    ),
    Starter(
        "paid", "Paying", "Subscribed to a plan and never cancelled it.", "Plans",
        lambda _: {"all": [{"event": "subscription.started"}, {"not": {"event": "subscription.cancelled"}}]},
    ),
    Starter(
        "high_value", "High value", "Spent more than 500 in all their orders.", "Buying",
        lambda settings: {
            "event": ORDER, "measure": "sum", "property": settings.amount, "op": ">", "value": settings.much,
        },
    ),
    Starter(
        "first_time_buyers", "First-time buyers", "Completed one order so far.", "Buying",
        lambda _: {"event": ORDER, "op": "is", "value": 1},
    ),
    Starter(
        "lapsed_buyers", "Lapsed buyers", "Bought, but not in the last 90 days.", "Buying",
        lambda _: {"event": ORDER, "measure": "last", "op": "more than ago", "value": days(90)},
    ),
    Starter(
        "cart_abandoners", "Cart abandoners",
        "Put something into the cart this week and did not order within a day.", "Buying",
        lambda _: {"any": [_did_not_order_after("cart.abandoned"), _did_not_order_after("product.added_to_cart")]},
    ),
    Starter(
        "engaged_readers", "Engaged readers", "Opened a mail of ours in the last 30 days; machines do not count.",
        "Reading", lambda _: {"message": "opened", "when": _recent(30)},
    ),
    Starter(
        "unengaged_readers", "Unengaged readers", "Got at least 3 mails in 90 days and opened none.", "Reading",
        lambda _: {"all": [
            {"message": "sent", "op": "≥", "value": 3, "when": _recent(90)},
            {"not": {"message": "opened", "when": _recent(90)}},
        ]},
    ),
    *(
        Starter(f"rfm_{group.key}", group.name, group.about, "RFM", group.tree)
        for group in rfm.GROUPS
    ),
]  # fmt: skip
BY_KEY = {starter.key: starter for starter in STARTERS}


def usual() -> Thresholds:
    """The thresholds before anybody changed them, with the property that this site's orders hold."""
    return Thresholds(amount=amount_property())


def segment_of(starter: Starter, settings: Thresholds) -> Segment:
    """A new segment, not saved."""
    tree = conditions.typed(starter.tree(settings), SUBJECT)
    return Segment(name=_free(starter.name), description=starter.about, condition=tree)


def _free(name: str) -> str:
    """The name, or the name with a number."""
    taken = {one.lower() for one in Segment.objects.filter(name__istartswith=name).values_list("name", flat=True)}
    names: Iterator[str] = (f"{name} {number}" if number > 1 else name for number in range(1, len(taken) + 2))
    return next(one for one in names if one.lower() not in taken)


def amount_property() -> str:
    """The property of orders that says what they are worth, by what the latest ones hold."""
    held = {name for properties in latest_orders() for name in AMOUNTS if properties.get(name) is not None}
    return next((name for name in AMOUNTS if name in held), AMOUNTS[0])


def latest_orders():
    """Their properties. In the order of an index: by id, a site without orders would be read from end to end."""
    orders = Event.objects.filter(type=ORDER).order_by("-occurred_at")
    return orders.values_list("properties", flat=True)[:LOOKED_AT]


def reads_in_words(tree: Tree) -> list[str]:
    """What must be written for somebody to enter or leave, in words."""
    return sorted({_token_in_words(token) for token in conditions.reads(tree, SUBJECT)}) or [
        READ_IN_WORDS["everything"]
    ]


def _token_in_words(token: str) -> str:
    kind, _, name = token.partition(":")
    if kind == "event":
        known = event_types.find(name)
        return f"“{known.label}”" if known else name
    return READ_IN_WORDS.get(kind, name or kind)
