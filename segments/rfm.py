"""RFM: buyers grouped by recency, frequency and monetary worth; every buyer is in exactly one group."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

ORDER = "order.completed"
Tree = dict[str, Any]


def days(number: int) -> dict[str, Any]:
    return {"amount": number, "unit": "days"}


@dataclass(frozen=True)
class Thresholds:
    """What is recent and what long ago (days), often (orders) and much (the sum of `amount`)."""

    recent: int = 60
    long_ago: int = 180
    often: int = 4
    much: int = 500
    amount: str = "total"

    def last_order(self, op: str, number: int) -> Tree:
        return {"event": ORDER, "measure": "last", "op": op, "value": days(number)}

    @property
    def lately(self) -> Tree:
        return self.last_order("in the last", self.recent)

    @property
    def before(self) -> list[Tree]:
        """Neither lately nor long ago."""
        return [self.last_order("more than ago", self.recent), self.last_order("in the last", self.long_ago)]

    @property
    def long_before(self) -> Tree:
        return self.last_order("more than ago", self.long_ago)

    @property
    def many(self) -> Tree:
        return {"event": ORDER, "op": "≥", "value": self.often}

    @property
    def worth_much(self) -> Tree:
        return {"event": ORDER, "measure": "sum", "property": self.amount, "op": "≥", "value": self.much}

    @property
    def valuable(self) -> Tree:
        return {"any": [self.many, self.worth_much]}


@dataclass(frozen=True)
class Group:
    key: str
    name: str
    about: str
    tree: Callable[[Thresholds], Tree]


def _all(*parts: Tree) -> Tree:
    return {"all": list(parts)}


AGAIN, ONE = {"event": ORDER, "op": "≥", "value": 2}, {"event": ORDER, "op": "is", "value": 1}
GROUPS = [
    Group(
        "champions", "Champions", "Bought lately, often, and much.",
        lambda t: _all(t.lately, t.many, t.worth_much),
    ),
    Group(
        "loyal", "Loyal", "Bought lately and more than once, but are no champions yet.",
        lambda t: _all(t.lately, AGAIN, {"not": _all(t.many, t.worth_much)}),
    ),
    Group(
        "new_buyers", "New buyers", "Bought lately, once so far.",
        lambda t: _all(t.lately, ONE, {"not": _all(t.many, t.worth_much)}),
    ),
    Group(
        "need_attention", "Need attention", "Bought often or much, but not lately.",
        lambda t: _all(*t.before, t.valuable),
    ),
    Group(
        "cooling_off", "Cooling off", "Bought a little, and not lately.",
        lambda t: _all(*t.before, {"not": t.valuable}),
    ),
    Group(
        "at_risk", "At risk", "Bought often or much, long ago.",
        lambda t: _all(t.long_before, t.valuable),
    ),
    Group(
        "lost", "Lost", "Bought a little, long ago.",
        lambda t: _all(t.long_before, {"not": t.valuable}),
    ),
]  # fmt: skip


def _number(label: str, help_text: str, high: int) -> forms.IntegerField:
    sentence = f"{label}: write a whole number from 1 to {high:,}."
    return forms.IntegerField(
        label=label,
        min_value=1,
        max_value=high,
        help_text=help_text,
        widget=UnfoldAdminIntegerFieldWidget,
        error_messages=dict.fromkeys(["required", "invalid", "min_value", "max_value"], sentence),
    )


class ThresholdsForm(forms.Form):
    """The thresholds, to be changed."""

    recent = _number("Lately", "The last order was at most this many days ago.", 3650)
    long_ago = _number("Long ago", "The last order was more than this many days ago.", 3650)
    often = _number("Often", "At least this many orders.", 1000)
    much = _number("Much", "All orders together are worth at least this much.", 1_000_000_000)
    amount = forms.RegexField(
        r"^[\w.-]+$",
        label="Worth",
        max_length=60,
        widget=UnfoldAdminTextInputWidget,
        help_text="The property of “Order completed” that says what an order is worth.",
        error_messages={
            "required": "Worth: write the property of orders that says what one is worth, such as total.",
            "invalid": "Worth: write the name of one property, such as total.",
        },
    )

    def clean(self):
        data = super().clean() or {}
        if data.get("recent") and data.get("long_ago") and data["recent"] >= data["long_ago"]:
            raise forms.ValidationError("“Long ago” must be more days than “Lately”.")
        return data

    def thresholds(self) -> Thresholds:
        return Thresholds(**self.cleaned_data)
