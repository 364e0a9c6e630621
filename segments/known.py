"""Looking into the data for what conditions can ask about: every minute, samples of what was written since.

Nothing here is the truth about anybody: names, types and common values to choose from. Values that may be
personal or secret are not kept: long ones, addresses, ids that differ from row to row, and whatever a telling
name (password, phone) warns of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F, Model, Value

from segments.entries import ATTRIBUTES, COMPANY, EVENT, Choice, Entry
from segments.known_models import KnownField, KnownRoot
from segments.leaves import Scope, Subject
from segments.sql import Sql

MOST_PATHS, MOST_VALUES, LONGEST_VALUE = 500, 12, 60
SAMPLE, TYPES_AT_ONCE = 5_000, 20
FORGOTTEN_AFTER = timedelta(days=90)
LOCK = "SELECT pg_try_advisory_xact_lock(7303)"
PRIVATE = (
    "(last|sur|family|full|user)_?name|pass(word|wd|phrase)|secret|token|api_?key|phone|mobile|e_?mail|street|address"
    "|birth|iban|card|ssn|passport"
)

_NEWEST = "SELECT {column} FROM {table} {where} ORDER BY {order} DESC LIMIT {sample}"
_ANYWHERE = "SELECT {column} FROM {table} TABLESAMPLE SYSTEM ({percent}) LIMIT {sample}"

# Every path of every sampled row: an array is one value here, and its entries are what is counted.
_WALK = """
WITH RECURSIVE sampled AS MATERIALIZED (
    SELECT row_number() OVER () AS n, json FROM ({sample}) AS s (json)
), walk (n, path, value, depth) AS (
    SELECT n, key, value, 1 FROM sampled, jsonb_each(json) WHERE strpos(key, '.') = 0 AND length(key) BETWEEN 1 AND 100
    UNION ALL
    SELECT n, path || '.' || key, e.value, depth + 1 FROM walk,
        jsonb_each(CASE WHEN jsonb_typeof(walk.value) = 'object' THEN walk.value ELSE '{{}}' END) AS e
    WHERE depth < 5 AND strpos(key, '.') = 0 AND length(key) BETWEEN 1 AND 100
), leaf AS MATERIALIZED (
    SELECT n, path, value, CASE jsonb_typeof(value)
        WHEN 'number' THEN 'number' WHEN 'boolean' THEN 'boolean' WHEN 'array' THEN 'list'
        ELSE CASE WHEN dripline_time(value, 'UTC') IS NOT NULL THEN 'date' ELSE 'text' END END AS type
    FROM walk
    WHERE jsonb_typeof(value) <> 'object' AND value NOT IN ('null', '""', '[]') AND length(path) <= 300
), field AS MATERIALIZED (
    SELECT path, mode() WITHIN GROUP (ORDER BY type) AS type, count(*) AS filled FROM leaf
    GROUP BY path ORDER BY count(*) DESC, path LIMIT %(paths)s
), word AS (
    SELECT leaf.path, leaf.value #>> '{{}}' AS word FROM leaf JOIN field USING (path, type)
    WHERE type IN ('text', 'boolean')
    UNION ALL
    SELECT leaf.path, entry #>> '{{}}' FROM leaf JOIN field USING (path, type),
        jsonb_array_elements(CASE WHEN jsonb_typeof(value) = 'array' THEN value ELSE '[]' END) AS entry
    WHERE type = 'list' AND jsonb_typeof(entry) IN ('string', 'number')
), counted AS (
    SELECT path, word, count(*) AS times FROM word GROUP BY path, word
), open AS (
    SELECT path FROM counted GROUP BY path
    HAVING count(*) <= 0.5 * sum(times) AND max(length(word)) <= %(longest)s AND NOT bool_or(strpos(word, '@') > 0)
), common AS (
    SELECT path, word, times, row_number() OVER (PARTITION BY path ORDER BY times DESC, word) AS place
    FROM counted JOIN open USING (path) WHERE times > 1 AND path !~* %(private)s
)
SELECT field.path, field.type, round(100.0 * field.filled / (SELECT count(*) FROM sampled))::int,
    coalesce((SELECT jsonb_agg(word ORDER BY place) FROM common
              WHERE common.path = field.path AND place <= %(values)s), '[]')::text
FROM field
"""
_WRITES = """
SELECT pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid), reltuples
FROM pg_class WHERE oid = %s::regclass
"""


@dataclass(frozen=True)
class Root:
    """Where to look: a table of which one column is JSON."""

    key: str
    table: str
    column: str


ROOTS = (Root("contact", "contacts_contact", "attributes"), Root("company", "contacts_company", "attributes"))


@transaction.atomic
def look(now: datetime) -> int:
    """A sweep: look at what was written to since the last look; how many roots. One worker at a time."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        if not cursor.fetchone()[0]:
            return 0
    looked = sum(_look_at_table(root, now) for root in ROOTS)
    KnownField.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    return looked + sum(_look_at_type(key, now) for key in _types_to_look_at())


def _look_at_table(root: Root, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WRITES, [root.table])
        writes, rows = cursor.fetchone()
    before = KnownRoot.objects.filter(root=root.key).first()
    if before and before.writes == writes:
        return False
    sample = _NEWEST.format(column=root.column, table=root.table, where="", order="id", sample=SAMPLE)
    if rows > 2 * SAMPLE:
        anywhere = _ANYWHERE.format(
            column=root.column, table=root.table, percent=min(100, 150 * SAMPLE / rows), sample=SAMPLE
        )
        sample = f"({anywhere}) UNION ALL ({sample.replace(str(SAMPLE), str(SAMPLE // 10))})"
    _keep(root.key, sample, [], now, writes)
    return True


_TYPES = """
SELECT t.key FROM events_eventtyperow t LEFT JOIN segments_knownroot r ON r.root = 'event:' || t.key
WHERE t.last_seen_at IS NOT NULL AND (r.id IS NULL OR EXISTS (
    SELECT FROM events_event e WHERE e.type = t.key AND e.occurred_at > r.looked_at - interval '1 minute'))
ORDER BY r.looked_at NULLS FIRST LIMIT %s
"""


def _types_to_look_at() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_TYPES, [TYPES_AT_ONCE])
        return [key for (key,) in cursor.fetchall()]


def _look_at_type(key: str, now: datetime) -> bool:
    where = "WHERE type = %(type)s"
    sample = _NEWEST.format(
        column="properties", table="events_event", where=where, order="occurred_at", sample=SAMPLE // 5
    )
    _keep(f"event:{key}", sample, [key], now, 0)
    return True


def _keep(root: str, sample: str, parameters: list, now: datetime, writes: int) -> None:
    values: dict[str, Any] = {"paths": MOST_PATHS, "longest": LONGEST_VALUE, "private": PRIVATE, "values": MOST_VALUES}
    with connection.cursor() as cursor:
        cursor.execute(_WALK.format(sample=sample), values | ({"type": parameters[0]} if parameters else {}))
        rows = [
            KnownField(root=root, path=path, type=type_, share=share, values=_read(words), seen_at=now)
            for path, type_, share, words in cursor.fetchall()
        ]
    found = ["type", "share", "values", "seen_at"]
    KnownField.objects.bulk_create(rows, update_conflicts=True, unique_fields=["root", "path"], update_fields=found)
    beyond = KnownField.objects.filter(root=root).order_by("-seen_at", "-share", "path").values("pk")[MOST_PATHS:]
    KnownField.objects.filter(pk__in=list(beyond.values_list("pk", flat=True))).delete()
    looked = KnownRoot(root=root, looked_at=now, writes=writes)
    KnownRoot.objects.bulk_create(
        [looked], update_conflicts=True, unique_fields=["root"], update_fields=["looked_at", "writes"]
    )


def _read(words: str) -> list[str]:
    return msgspec.json.decode(words)


def is_held(model: type[Model], keys: tuple[str, ...], scope: Scope) -> bool:
    """Does any row of contacts or companies have this attribute? True while there are no rows."""
    root = model._meta.model_name
    if "known" not in scope.memo:
        scope.memo["known"] = set(KnownField.objects.values_list("root", "path"))
    if (root, ".".join(keys)) in scope.memo["known"]:
        return True
    rows = model._default_manager.order_by()
    has = Sql("({j} #> {keys}::text[] IS NOT NULL)", j=F("attributes"), keys=Value(list(keys)))
    return rows.filter(has).exists() or not rows.exists()


def entries(subject: Subject) -> Iterator[Entry]:
    """A source of the catalogue: attributes of contacts and of companies."""
    yield Entry("field", "company.name", "name of the company", COMPANY, "text")
    yield Entry("field", "company.key", "id of the company", COMPANY, "text")
    for row in KnownField.objects.filter(root__in=["contact", "company"]).order_by("root", "path"):
        company = row.root == "company"
        yield _entry(row, row.root, COMPANY if company else ATTRIBUTES, " of the company" if company else "")


def properties() -> dict[str, list[Entry]]:
    """Event type → the properties that its events have; one query."""
    found: dict[str, list[Entry]] = {}
    for row in KnownField.objects.filter(root__startswith="event:").order_by("path"):
        found.setdefault(row.root.partition(":")[2], []).append(_entry(row, "event", EVENT))
    return found


def _entry(row: KnownField, root: str, group: str, suffix: str = "") -> Entry:
    label = row.path.replace("_", " ").replace(".", " ")
    values = tuple(Choice(value, value) for value in row.values)
    return Entry("field", f"{root}.{row.path}", f"{label}{suffix}", group, row.type, values, row.share)
