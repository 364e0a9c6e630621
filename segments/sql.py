"""Expressions from SQL of our own, with named places for everything that comes from elsewhere."""

import re
from collections.abc import Iterable

from django.db.models import BooleanField, Exists, Field, Func, JSONField, QuerySet, Subquery, Value
from django.db.models.expressions import Combinable

_place = re.compile(r"\{(\w+)\}")


class Sql(Func):
    """`Sql("{x} > {v}", x=F("age"), v=Value(18))`: a place may be used twice; no other text becomes SQL.

    True, false or, where a value is missing, unknown: a filter takes only what is true, and `complement`
    is everything else. (So negate by `complement`, never by `exclude`.)
    """

    gives: type[Field] = BooleanField

    def __init__(self, sql: str, **parts: Combinable):
        super().__init__(*parts.values(), output_field=self.gives(), sql=sql, names=tuple(parts))

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


class Certain(Sql):
    """SQL that is true or false, never unknown: PostgreSQL makes a join of NOT EXISTS, not of EXISTS … IS NOT TRUE."""


class Json(Sql):
    """SQL that gives a jsonb."""

    gives = JSONField

    def select_format(self, compiler, sql, params):
        return sql, params


def joined(word: str, parts: list[Combinable]) -> Combinable:
    """The parts with AND or OR between them; there is at least one."""
    if len(parts) == 1:
        return parts[0]
    named = {f"p{number}": part for number, part in enumerate(parts)}
    made = Certain if all(isinstance(part, Certain) for part in parts) else Sql
    return made("(" + f" {word} ".join(f"{{{name}}}" for name in named) + ")", **named)


def complement(part: Combinable) -> Certain:
    """Everyone for whom `part` is not true: also those of whom it cannot be said."""
    return Certain("(NOT {part})" if isinstance(part, Certain) else "(({part}) IS NOT TRUE)", part=part)


def exists(column: Combinable, rows: QuerySet) -> Certain:
    """Is there a row (of one column, grouped or not) that equals `column`? A join, where it does not stand beside OR.

    Never `column IN (…)`: what does not fit into a small hash table is then read again for every contact.
    """
    return Certain("EXISTS (SELECT FROM {rows} AS found (id) WHERE found.id = {c})", rows=Subquery(rows), c=column)


def some(rows: QuerySet) -> Certain:
    """Is there a row? The rows say by OuterRef whose they are."""
    return Certain("{rows}", rows=Exists(rows))


def among(column: Combinable, ids: Iterable[int]) -> Sql:
    """`column` is one of the ids; one parameter, however many they are."""
    return Sql("({c} = ANY({ids}::bigint[]))", c=column, ids=Value(array(ids)))


def belonging(column: Combinable, ids: Iterable[int]) -> Sql:
    """As `among`, for rows that are many per contact, in many partitions: the array comes from a subselect, as the
    planner else weighs every id for every partition (ten thousand contacts: up to 700 ms)."""
    return Sql("({c} = ANY(ARRAY(SELECT unnest({ids}::bigint[]))))", c=column, ids=Value(array(ids)))


def array(ids: Iterable[int]) -> str:
    """Ids as PostgreSQL writes an array: a text is adapted a hundred times faster than a list."""
    return f"{{{','.join(map(str, ids))}}}"
