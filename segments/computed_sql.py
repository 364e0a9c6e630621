"""The statements that write computed attributes: sources of values, and how two values become one.

A source is a SELECT of (attribute_id, contact_id, number, text, date, at). Values of the same contact from two
sources, such as what was kept and what a batch of events adds, are combined by the measure; so events may
come in any order and in any parts, and merged contacts need no second look at their events.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Value

from segments import happened
from segments.computed_models import ComputedAttribute
from segments.fields import JsonField
from segments.leaves import HAPPENING, SUBJECTS, Scope
from segments.sql import Json
from segments.timeframes import Window
from segments.values import TYPES

Source = tuple[str, list[Any]]
Measure = ComputedAttribute.Measure
SPELT = "left(dripline_text({j}), 200)"  # as it was written, other than in comparisons
CASTS = {"number": "numeric", "text": "text", "date": "timestamptz"}

_TALLY = """
tallied AS (
    INSERT INTO segments_computedtally AS t (attribute_id, contact_id, value, count, last_at)
    SELECT attribute_id, contact_id, value, count(*), max(at) FROM ({rows}) AS r (attribute_id, contact_id, at, value)
    WHERE value IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (attribute_id, contact_id, value) DO UPDATE SET
        count = t.count + excluded.count, last_at = greatest(t.last_at, excluded.last_at)
    RETURNING t.attribute_id, t.contact_id, t.value, t.count, t.last_at
), every AS (
    SELECT * FROM tallied UNION ALL
    SELECT t.attribute_id, t.contact_id, t.value, t.count, t.last_at FROM segments_computedtally t
    WHERE (t.attribute_id, t.contact_id) IN (SELECT attribute_id, contact_id FROM tallied)
        AND (t.attribute_id, t.contact_id, t.value) NOT IN (SELECT attribute_id, contact_id, value FROM tallied)
)"""
_FAVOURITE = """
SELECT * FROM (
    SELECT DISTINCT ON (attribute_id, contact_id)
        attribute_id, contact_id, NULL::numeric, value, NULL::timestamptz, last_at
    FROM {tallies} ORDER BY attribute_id, contact_id, count DESC, last_at DESC, value
) AS favourite"""

_rank = "({0}.at, coalesce({0}.text, ''), coalesce({0}.number, 0), coalesce({0}.date, 'epoch'))"
_THEIRS = f"""CASE
    WHEN v.attribute_id = ANY(%(first)s::bigint[]) THEN {_rank.format("excluded")} < {_rank.format("v")}
    WHEN v.attribute_id = ANY(%(last)s::bigint[]) THEN {_rank.format("excluded")} > {_rank.format("v")}
    ELSE true END"""
_WRITE = f"""
{{with_}}
INSERT INTO segments_computedvalue AS v (attribute_id, contact_id, number, text, date, at)
SELECT * FROM ({{sources}}) AS source ORDER BY 1, 2
ON CONFLICT (attribute_id, contact_id) DO UPDATE SET
    number = CASE
        WHEN v.attribute_id = ANY(%(sum)s::bigint[]) THEN v.number + excluded.number
        WHEN v.attribute_id = ANY(%(min)s::bigint[]) THEN least(v.number, excluded.number)
        WHEN v.attribute_id = ANY(%(max)s::bigint[]) THEN greatest(v.number, excluded.number)
        WHEN {_THEIRS} THEN excluded.number ELSE v.number END,
    date = CASE
        WHEN v.attribute_id = ANY(%(min)s::bigint[]) THEN least(v.date, excluded.date)
        WHEN v.attribute_id = ANY(%(max)s::bigint[]) THEN greatest(v.date, excluded.date)
        WHEN {_THEIRS} THEN excluded.date ELSE v.date END,
    text = CASE WHEN {_THEIRS} THEN excluded.text ELSE v.text END,
    at = CASE WHEN {_THEIRS} THEN excluded.at ELSE v.at END
"""


def rows(attribute: ComputedAttribute, only: Iterable[int] | None = None) -> QuerySet:
    """The events that count: contact, time, value; of these contacts, or of all."""
    scope = Scope(SUBJECTS["contact"], only=list(only) if only is not None else None)
    part = {"event": attribute.event, "where": attribute.where}
    found = happened.rows(part, Window(), scope)
    if not attribute.of:
        return found.annotate(value=Json("NULL::timestamptz")).values_list("contact_id", "occurred_at", "value")
    field = JsonField(f"event.{attribute.of}", "", tuple(attribute.of.split(".")))
    sql = SPELT if attribute.type == "text" else TYPES[attribute.type].json
    value = Json(sql, j=field.sent(Scope(HAPPENING)), zone=Value("UTC"))
    return found.annotate(value=value).values_list("contact_id", "occurred_at", "value")


def write(pairs: Sequence[tuple[ComputedAttribute, QuerySet]], by_root: bool = False) -> None:
    """Combine what these events say with what is kept; one statement.

    `by_root`: what a contact did who became another one counts for that one.
    """
    tallied = [_row_source(*pair, by_root) for pair in pairs if pair[0].measure == Measure.FAVOURITE]
    sources = [_value_source(*pair, by_root) for pair in pairs if pair[0].measure != Measure.FAVOURITE]
    with_: Source = ("", [])
    if tallied:
        sql, values = _united(tallied)
        with_ = ("WITH " + _TALLY.format(rows=sql), values)
        sources.append((_FAVOURITE.format(tallies="every"), []))
    combine(sources, [attribute for attribute, _ in pairs], with_)


def combine(sources: list[Source], attributes: Iterable[ComputedAttribute], with_: Source = ("", [])) -> None:
    """Write the values of the sources, combined with those that are kept."""
    if not sources:
        return
    sql, values = _united(sources)
    statement = _WRITE.format(with_=with_[0], sources=sql)
    # Our own parameters are few and named in the text; those of the sources are in their order.
    groups = _groups(attributes)
    for name, ids in groups.items():
        statement = statement.replace(f"%({name})s", f"'{{{','.join(map(str, ids))}}}'")
    with connection.cursor() as cursor:
        cursor.execute(statement, [*with_[1], *values])


def _groups(attributes: Iterable[ComputedAttribute]) -> dict[str, list[int]]:
    """How values of an attribute are combined → the attributes. A first or last time is the lowest or highest one."""
    found: dict[str, list[int]] = {"sum": [], "min": [], "max": [], "first": [], "last": []}
    same = {"count": "sum"}
    for attribute in attributes:
        times = {} if attribute.of else {"first": "min", "last": "max"}
        how = (same | times).get(attribute.measure, attribute.measure)
        if how in found:
            found[how].append(attribute.pk)
    return found


def _united(sources: Iterable[Source]) -> Source:
    found = list(sources)
    return " UNION ALL ".join(f"({sql})" for sql, _ in found), [value for _, values in found for value in values]


def _row_source(attribute: ComputedAttribute, found: QuerySet, by_root: bool) -> Source:
    """(attribute_id, contact_id, at, value) of each event."""
    sql, values = found.query.sql_with_params()
    root = "coalesce(c.merged_into_id, c.id)" if by_root else "e.contact_id"
    join = "JOIN contacts_contact c ON c.id = e.contact_id" if by_root else ""
    text = f"SELECT {int(attribute.pk)}::bigint, {root}, e.at, e.value FROM ({sql}) AS e (contact_id, at, value) {join}"
    return text, list(values)


def _value_source(attribute: ComputedAttribute, found: QuerySet, by_root: bool) -> Source:
    """The contacts' values, by the measure."""
    sql, values = _row_source(attribute, found, by_root)
    inner = f"({sql}) AS r (attribute_id, contact_id, at, value)"
    if attribute.measure in (Measure.FIRST, Measure.LAST) and attribute.of:
        way = "" if attribute.measure == Measure.FIRST else "DESC"
        order = f"ORDER BY attribute_id, contact_id, at {way}, value {way}"
        column = _columns(attribute, "value")
        where = "WHERE value IS NOT NULL"
        keys = "DISTINCT ON (attribute_id, contact_id) attribute_id, contact_id"
        return f"SELECT {keys}, {column}, at FROM {inner} {where} {order}", values
    made = {
        Measure.COUNT: "count(*)", Measure.SUM: "sum(value)", Measure.MIN: "min(value)", Measure.MAX: "max(value)",
        Measure.FIRST: "min(at)", Measure.LAST: "max(at)",
    }[Measure(attribute.measure)]  # fmt: skip
    having = "HAVING count(value) > 0" if attribute.of else ""
    column = _columns(attribute, made)
    return f"SELECT attribute_id, contact_id, {column}, max(at) FROM {inner} GROUP BY 1, 2 {having}", values


def _columns(attribute: ComputedAttribute, value: str) -> str:
    """number, text, date: the value in the one of its type."""
    return ", ".join(
        f"({value})::{cast}" if type_ == attribute.type else f"NULL::{cast}" for type_, cast in CASTS.items()
    )


def favourites_of(contact_id: int, attributes: Sequence[ComputedAttribute]) -> Source:
    ids = ",".join(str(int(attribute.pk)) for attribute in attributes)
    tallies = f"segments_computedtally WHERE attribute_id IN ({ids}) AND contact_id = {int(contact_id)}"
    return _FAVOURITE.format(tallies=tallies), []


def values_now(attribute: ComputedAttribute, only: Sequence[int]) -> dict[int, Any]:
    """Contact → value, from all their events; nothing is written."""
    found = rows(attribute, only)
    if attribute.measure == Measure.FAVOURITE:
        sql, values = _row_source(attribute, found, by_root=False)
        tallies = (
            "(SELECT attribute_id, contact_id, value, count(*) AS count, max(at) AS last_at"
            f" FROM ({sql}) AS r (attribute_id, contact_id, at, value) WHERE value IS NOT NULL GROUP BY 1, 2, 3) AS t"
        )
        sql = _FAVOURITE.format(tallies=tallies)
    else:
        sql, values = _value_source(attribute, found, by_root=False)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {row[1]: next((one for one in row[2:5] if one is not None), None) for row in cursor.fetchall()}
