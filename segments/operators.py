"""The operators: each is one line that carries its SQL and its English.

In the SQL, {x} is the field's value (null where it is missing), the other places come from the operand.
An operator with `of` is the complement of that one: it is true also where the value is missing.
"""

from dataclasses import dataclass, field

from lib.registry import Registry
from segments.operands import (
    CALENDAR_DAYS,
    COUNT,
    MANY,
    NOTHING,
    ONE,
    PAIR,
    PATTERN,
    SPAN,
    WEEKDAY,
    Operand,
)


@dataclass(frozen=True)
class Operator:
    """`phrase` follows the field's name, {} in it is the value; `sql` is keyed by types (“text number”)."""

    key: str
    phrase: str
    takes: Operand
    sql: dict[str, str] = field(default_factory=dict)
    of: str = ""
    plural: str = ""  # the phrase after a list
    ages: tuple[int, ...] = ()  # in spans: at which age of a date its answer turns (ahead: below 0)

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(type_ for types in self.positive.sql for type_ in types.split())

    @property
    def positive(self) -> "Operator":
        return OPERATORS[self.of] if self.of else self

    def phrase_for(self, type_: str) -> str:
        return self.plural if type_ == "list" and self.plural else self.phrase

    def sql_for(self, type_: str) -> str:
        return next(sql for types, sql in self.positive.sql.items() if type_ in types.split())


OPERATORS: Registry[Operator] = Registry("operator")
SPELLINGS = {">=": "≥", "<=": "≤"}
# One mention of {x}, so that a date is read once a row.
_within = "{x} <@ tstzrange({start}, {end})"
_is = {"text number boolean": "{x} = {value}", "date": _within}
_contains = {"text": "strpos({x}, {value}) > 0", "list": "{value} = ANY({x})"}
_any_of = {"text number": "{x} = ANY({values})"}
_set = {"any text number boolean date": "{x} IS NOT NULL", "list": "cardinality({x}) > 0"}
_between = {"number": "{x} >= {low} AND {x} <= {high}", "date": _within}
_next = "dripline_next_anniversary(({x} AT TIME ZONE {zone})::date, {today})"
_anniversary = {"date": f"{_next} <= {{today}} + {{days}}"}
_length = {word: {"list": f"cardinality({{x}}) {word} {{count}}"} for word in ("=", ">=", "<=")}
_weekday = "extract(isodow FROM {x} AT TIME ZONE {zone})::int = ANY({numbers})"

for operator in (
    Operator("is", "is {}", ONE, _is),
    Operator("is not", "is not {}", ONE, of="is"),
    Operator("contains", "contains {}", ONE, _contains, plural="include {}"),
    Operator("does not contain", "does not contain {}", ONE, of="contains", plural="do not include {}"),
    Operator("starts with", "starts with {}", ONE, {"text": "starts_with({x}, {value})"}),
    Operator("ends with", "ends with {}", ONE, {"text": "right({x}, length({value})) = {value}"}),
    Operator("matches", "matches the pattern {}", PATTERN, {"text": "{x} ~* {pattern}"}),
    Operator("any of", "is any of {}", MANY, _any_of),
    Operator("none of", "is none of {}", MANY, of="any of"),
    Operator(">", "is more than {}", ONE, {"number": "{x} > {value}"}),
    Operator("≥", "is at least {}", ONE, {"number": "{x} >= {value}"}),
    Operator("<", "is less than {}", ONE, {"number": "{x} < {value}"}),
    Operator("≤", "is at most {}", ONE, {"number": "{x} <= {value}"}),
    Operator("between", "is between {}", PAIR, _between),
    Operator("before", "is before {}", ONE, {"date": "{x} < {start}"}),
    Operator("after", "is after {}", ONE, {"date": "{x} >= {end}"}),
    Operator("on", "is on {}", ONE, {"date": _within}),
    Operator("in the last", "is in the last {}", SPAN, {"date": "{x} <@ tstzrange({past}, {now}, '(]')"}, ages=(0, 1)),
    Operator("more than ago", "is more than {} ago", SPAN, {"date": "{x} <= {past}"}, ages=(1,)),
    Operator(
        "in the next", "is in the next {}", SPAN, {"date": "{x} <@ tstzrange({now}, {future}, '(]')"}, ages=(0, -1)
    ),
    Operator("anniversary in the next", "has its anniversary in the next {}", CALENDAR_DAYS, _anniversary),
    Operator("day of week", "falls on {}", WEEKDAY, {"date": _weekday}),
    Operator("contains any", "include any of {}", MANY, {"list": "{x} && {values}"}),
    Operator("contains all", "include all of {}", MANY, {"list": "{x} @> {values}"}),
    Operator("length", "have a length of {}", COUNT, _length["="]),
    Operator("length at least", "have a length of at least {}", COUNT, _length[">="]),
    Operator("length at most", "have a length of at most {}", COUNT, _length["<="]),
    Operator("is set", "is set", NOTHING, _set, plural="are set"),
    Operator("is not set", "is not set", NOTHING, of="is set", plural="are not set"),
):
    OPERATORS.register(operator.key, operator)


def operator_named(key: object) -> Operator | None:
    return OPERATORS.get(SPELLINGS.get(key, key)) if isinstance(key, str) else None
