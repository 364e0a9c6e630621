"""The ledger of behaviour: events become contributions of the rules that they fit; the latest ones of a rule count."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

from scoring.models import ScoreRule
from segments import happened
from segments.leaves import SUBJECTS, Scope
from segments.sql import Sql
from segments.timeframes import Window

Pairs = set[tuple[int, int]]


class BigIntegers(ArrayField):
    """As an expression gives it."""

    def __init__(self) -> None:
        super().__init__(models.BigIntegerField())


Source = tuple[str, list[Any]]

_EARN = """
WITH earned AS (
    INSERT INTO scoring_scorechange (model_id, rule_id, contact_id, event_id, at)
    SELECT r.model_id, h.rule_id, h.contact_id, h.event_id, h.at
    FROM ({sources}) AS h (rule_id, contact_id, event_id, at) JOIN scoring_scorerule r ON r.id = h.rule_id
    ORDER BY h.event_id, h.rule_id
    ON CONFLICT (rule_id, event_id) WHERE event_id IS NOT NULL DO NOTHING
    RETURNING model_id, contact_id
)
SELECT DISTINCT model_id, contact_id FROM earned
"""
# Those that any event of their type fits are known without asking.
_KNOWN = """
SELECT rule, contact, event, at
FROM json_to_recordset(%s) AS k (rule bigint, contact bigint, event uuid, at timestamptz)"""
_FITTING_TOGETHER = """
SELECT unnest(f.rules), f.contact_id, f.event_id, f.at FROM ({rows}) AS f (rules, contact_id, event_id, at)"""
_FITTING = "SELECT {rule}::bigint, f.contact_id, f.event_id, f.at FROM ({rows}) AS f (contact_id, event_id, at)"


def earn(rules: Iterable[ScoreRule], events: Sequence) -> Pairs:
    """Write what these events earn by these behavioural rules; (model, contact) of those concerned. One query."""
    by_type: dict[str, list] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    concerned = [rule for rule in rules if rule.event in by_type]
    choosy: dict[str, list[ScoreRule]] = {}
    for rule in concerned:
        if not _takes_all(rule):
            choosy.setdefault(rule.event, []).append(rule)
    sources = [_fitting(its, by_type[event]) for event, its in choosy.items()]
    known = [row for rule in concerned if _takes_all(rule) for row in _known(rule, by_type[rule.event])]
    if known:
        sources.append((_KNOWN, [msgspec.json.encode(known).decode()]))
    if not sources:
        return set()
    return insert(sources)


def insert(sources: Sequence[Source]) -> Pairs:
    """Write contributions from SELECTs of (rule, contact, event, at); (model, contact) of those who got new ones."""
    sql = " UNION ALL ".join(sql for sql, _ in sources)
    with connection.cursor() as cursor:
        cursor.execute(_EARN.format(sources=sql), [value for _, values in sources for value in values])
        return set(cursor.fetchall())


def _takes_all(rule: ScoreRule) -> bool:
    return happened.is_any({"event": rule.event, "where": rule.where})


def _known(rule: ScoreRule, events: Iterable) -> Iterable[dict[str, Any]]:
    for event in events:
        yield {"rule": rule.pk, "contact": event.contact_id, "event": event.pk, "at": event.occurred_at}


class _Ids(Sql):
    """SQL that gives a list of ids."""

    gives = BigIntegers

    def select_format(self, compiler, sql, params):
        return sql, params


def _fitting(rules: Sequence[ScoreRule], events: Sequence) -> Source:
    """Which of these rules, all about one type of event, each of the events fits: each is read once."""
    scope = Scope(SUBJECTS["contact"])
    cases = {f"r{place}": _if_fits(rule, scope) for place, rule in enumerate(rules)}
    fitting_rules = _Ids(f"array_remove(ARRAY[{', '.join(f'{{{name}}}' for name in cases)}]::bigint[], NULL)", **cases)
    rows = happened.rows({"event": rules[0].event}, Window(), scope).filter(*happened.these(events))
    named = rows.annotate(rules=fitting_rules).values_list("rules", "contact_id", "pk", "occurred_at")
    sql, values = named.query.sql_with_params()
    return _FITTING_TOGETHER.format(rows=sql), list(values)


def _if_fits(rule: ScoreRule, scope: Scope) -> Sql:
    fits = happened.fits({"event": rule.event, "where": rule.where}, scope)
    return Sql(f"CASE WHEN {{fits}} THEN {int(rule.pk)} END", fits=fits)


def fits(rule: ScoreRule, only: Collection[int] | None = None):
    """The events that a behavioural rule counts; of these contacts, or of all."""
    scope = Scope(SUBJECTS["contact"], only=only)
    return happened.rows({"event": rule.event, "where": rule.where}, Window(), scope)


def fitting(rule: ScoreRule, rows) -> Source:
    """A source of contributions from a queryset of events."""
    sql, values = rows.values_list("contact_id", "pk", "occurred_at").query.sql_with_params()
    return _FITTING.format(rule=int(rule.pk), rows=sql), list(values)
