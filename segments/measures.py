"""What is measured of the events that fit: how many, a property's sum and the like, the first or last time."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Aggregate, Count, DecimalField, F, Max, Min
from django.db.models.expressions import Combinable

from lib.registry import Registry
from segments.fields import JsonField
from segments.leaves import AT_ANY_TIME, Scope
from segments.operators import Operator
from segments.sql import Sql
from segments.values import read_number

Made = Callable[[Combinable], Aggregate]


@dataclass(frozen=True)
class Measure:
    """`aggregate` makes it of the property, or of every event; `words` come before what people did."""

    key: str
    words: str
    aggregate: Made
    type: str = "number"
    of_property: bool = True
    zero: bool = False  # of nothing it is 0, else missing
    stored: str = ""  # the column of EventRollup that holds it for all events of a type

    @property
    def operators(self) -> tuple[str, ...]:
        return NUMBERS if self.type == "number" else DATES

    def of(self, property_: JsonField | None, type_: str, scope: Scope) -> Aggregate:
        """The aggregate over events, for HAVING."""
        if property_ is None:
            return self.aggregate(F("occurred_at") if self.type == "date" else F("pk"))
        return self.aggregate(property_.expression(scope, type_ if self.key == "distinct" else "number"))


NUMBERS = ("is", "is not", ">", "≥", "<", "≤", "between")
DATES = ("before", "after", "on", "between", "in the last", "more than ago")
DISTINCT_TYPES = ("text", "number", "boolean", "date")
MEASURES: Registry[Measure] = Registry("measure")


def _number(function: str) -> Made:
    return lambda value: Aggregate(value, function=function, output_field=DecimalField())


for measure in (
    Measure("count", "the number of times", lambda value: Count("*"), of_property=False, zero=True, stored="count"),
    Measure("sum", "the sum", _number("SUM"), zero=True),
    Measure("min", "the lowest", _number("MIN")),
    Measure("max", "the highest", _number("MAX")),
    Measure("average", "the average", _number("AVG")),
    Measure("distinct", "the number of different", lambda value: Count(value, distinct=True), zero=True),
    Measure("first", "the first time", Min, type="date", of_property=False, stored="first_at"),
    Measure("last", "the last time", Max, type="date", of_property=False, stored="last_at"),
):
    MEASURES.register(measure.key, measure)


def compared(measure: Measure, operator: Operator, parts: dict[str, Combinable]) -> Sql:
    """Rows with a `measured`: the comparison that the operator, or the one that it negates, makes."""
    x = Sql("coalesce({x}, 0)", x=F("measured")) if measure.zero else F("measured")
    return Sql(f"({operator.sql_for(measure.type)})", x=x, **parts)


def holds_for_none(operator: Operator, value: Any) -> bool:
    """Is 0 what the operator, or the one that it negates, asks for?"""
    asked = [read_number(one, AT_ANY_TIME) for one in (value if isinstance(value, list) else [value])]
    low, high = asked[0], asked[-1]
    zero = Decimal(0)
    return {
        "is": zero == low, ">": zero > low, "≥": zero >= low, "<": zero < low, "≤": zero <= low,
        "between": low <= zero <= high,
    }[operator.positive.key]  # fmt: skip
