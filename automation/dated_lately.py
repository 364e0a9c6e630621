"""Those whose date came in the last days, for a campaign that is activated after it: worked out in one statement."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, F, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from automation import dates
from automation.dating import Rule
from automation.zones import is_known
from contacts.models import Contact
from ops.models import SiteSettings

# Of several anniversaries the last one that is not to come. A 29 February is the 28th in other years.
_LATELY = """
WITH read AS MATERIALIZED (
    SELECT id, zone, (time AT TIME ZONE zone)::date AS first FROM ({rows}) AS rows (id, zone, time)
    WHERE time IS NOT NULL
), counted AS (
    SELECT id, zone, first, CASE WHEN %(yearly)s THEN greatest(0, %(year)s - extract(year FROM first)::int) ELSE 0 END
        AS years FROM read
), days AS (
    SELECT id, zone, (first + make_interval(years => years - past))::date AS day
    FROM counted CROSS JOIN (VALUES (0), (1)) AS earlier (past) WHERE years >= past
), moments AS (
    SELECT id, day, ((day + %(offset)s)::timestamp + %(at)s::time) AT TIME ZONE zone AS moment FROM days
)
SELECT DISTINCT ON (id) id, day, moment FROM moments WHERE moment > %(since)s AND moment <= %(until)s
ORDER BY id, moment DESC
"""
Came = tuple[int, date, datetime]


def whose_date_came(rule: Rule, rows: QuerySet[Contact], since: datetime, until: datetime) -> list[Came]:
    """(contact, day, moment) of those of them whose moment was after `since` and not after `until`."""
    sent = dates.sent(rule.config.field)
    if sent is None:
        return []
    rows = rows.order_by().annotate(zone=_zone())
    rows = rows.annotate(time=dates.Moment(dates.READ, j=sent, zone=F("zone")))
    sql, parameters = rows.values_list("pk", "zone", "time").query.sql_with_params()
    # The latest day that can count anywhere; for whom this year's is to come it is the one of the year before.
    year = (until + timedelta(days=1 - rule.config.offset)).year
    with connection.cursor() as cursor:
        inner = cursor.mogrify(sql, parameters)
        told: dict[str, Any] = {
            "yearly": rule.config.anniversary,
            "year": year,
            "offset": rule.config.offset,
            "at": rule.config.at,
        }
        statement = _LATELY.replace("{rows}", inner.replace("%", "%%"))
        cursor.execute(statement, told | {"since": since, "until": until})
        return cursor.fetchall()


def _zone() -> Case:
    """Each one's, where it is one; else the site's."""
    named = Contact.objects.exclude(timezone="").order_by().values_list("timezone", flat=True).distinct()
    known = [name for name in named if is_known(name)]
    return Case(When(timezone__in=known, then=F("timezone")), default=Value(SiteSettings.get().timezone))


def these(ids: Collection[int]) -> QuerySet[Contact]:
    """Contacts by their ids, however many."""
    return Contact.objects.filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [list(ids)]))
