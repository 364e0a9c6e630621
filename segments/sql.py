"""Expressions from SQL of our own, with named places for everything that comes from elsewhere."""

import re
from collections.abc import Iterable

from django.db.models import BooleanField, Func, Value
from django.db.models.expressions import Combinable

_place = re.compile(r"\{(\w+)\}")


class Sql(Func):
    """`Sql("{x} > {v}", x=F("age"), v=Value(18))`: a place may be used twice; no other text becomes SQL.

    True, false or, where a value is missing, unknown: a filter takes only what is true, and `complement`
    is everything else. (So negate by `complement`, never by `exclude`.)
    """

    def __init__(self, sql: str, **parts: Combinable):
        super().__init__(*parts.values(), output_field=BooleanField(), sql=sql, names=tuple(parts))

    def as_sql(self, compiler, connection, function=None, template=None, arg_joiner=None, **extra_context):
        compiled = [compiler.compile(part) for part in self.get_source_expressions()]
        parts, params = dict(zip(self.extra["names"], compiled, strict=True)), []

        def put(match):
            sql, its_params = parts[match[1]]
            params.extend(its_params)
            return sql

        return _place.sub(put, self.extra["sql"]), params

    def select_format(self, compiler, sql, params):
        """As a column of an answer: true or false."""
        return f"({sql}) IS TRUE", params

    def __invert__(self):
        return complement(self)


def joined(word: str, parts: list[Combinable]) -> Combinable:
    """The parts with AND or OR between them; there is at least one."""
    if len(parts) == 1:
        return parts[0]
    named = {f"p{number}": part for number, part in enumerate(parts)}
    return Sql("(" + f" {word} ".join(f"{{{name}}}" for name in named) + ")", **named)


def complement(part: Combinable) -> Sql:
    """Everyone for whom `part` is not true: also those of whom it cannot be said."""
    return Sql("(({part}) IS NOT TRUE)", part=part)


def among(column: Combinable, ids: Iterable[int]) -> Sql:
    """`column` is one of the ids; one parameter, however many they are."""
    return Sql("({c} = ANY({ids}::bigint[]))", c=column, ids=Value(array(ids)))


def array(ids: Iterable[int]) -> str:
    """Ids as PostgreSQL writes an array: a text is adapted a hundred times faster than a list."""
    return f"{{{','.join(map(str, ids))}}}"
