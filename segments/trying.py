"""Trying a condition: how many it describes just now, and some of them. Nothing is saved."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from contacts.models import Contact
from ops.models import SiteSettings
from segments import conditions
from segments.counting import at_most
from segments.sql import among

SAMPLE = 10

_TRY = """
WITH found (id) AS MATERIALIZED ({inside})
SELECT (SELECT count(*) FROM found), ARRAY(SELECT id FROM found LIMIT %s)
"""


class TakesTooLong(Exception):
    """It could not be counted in the time that was given."""


@dataclass(frozen=True)
class Found:
    count: int
    ids: list[int]
    """Of some of them; of all where certain contacts were asked about."""


def tried(tree: conditions.Tree, now: datetime, seconds: float, only: Collection[int] | None = None) -> Found:
    """Everybody, or `only` some contacts, against a tree. Raises InvalidCondition, TakesTooLong."""
    moment = now.astimezone(SiteSettings.get().zone)
    rows = Contact.objects.current()
    if only is not None:
        rows = rows.filter(among(conditions.CONTACT, only))
    rows = rows.filter(conditions.compiled(tree, "contact", moment, only=only))
    sql, values = rows.order_by().values_list("pk").query.sql_with_params()
    limit = SAMPLE if only is None else len(only)
    try:
        with transaction.atomic(), at_most(seconds), connection.cursor() as cursor:
            if only is None:
                cursor.execute(_NO_LOOPS)
            cursor.execute(_TRY.format(inside=sql), [*values, limit])
            count, ids = cursor.fetchone()
    except OperationalError as fault:
        if isinstance(fault.__cause__, QueryCanceled):
            raise TakesTooLong from fault
        raise
    return Found(count, sorted(ids))


# Where statistics are stale a nested loop over everybody takes a hundred times as long.
_NO_LOOPS = "SET LOCAL enable_nestloop = off"
