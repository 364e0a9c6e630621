"""Claims on pushes: a lease and a fence, as for calls of webhooks. Of each connection one batch at a time.

So its rows are written in their order, and a CRM that is slow or asks to wait holds up nobody but itself.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models.functions import Now

from automation.webhooks.claiming import MOST_LONE_LOSSES, RESTING
from integrations.models import Connection, Push
from lib.due import Question

LEASE_SECONDS = 90  # connectors.PATIENCE, a last call, and as long again for a name server that thinks

# Materialized: what stands in an IN may be asked for several times, and each time takes as many again.
CLAIM = """
WITH next AS MATERIALIZED (
    SELECT p.id FROM integrations_push p JOIN campaigns_campaign g ON g.id = p.campaign_id
    WHERE p.connection_id = %(connection)s AND p.state = 'queued' AND p.due_at <= %(now)s AND p.alone = %(alone)s
      AND g.state NOT IN ('draft', 'paused')
    ORDER BY p.due_at, p.id LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED
)
UPDATE integrations_push p SET state = 'leased', fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM next WHERE p.id = next.id
RETURNING p.id
"""
# Only leases lost while claimed alone count; after three the push waits for a person.
TAKE_BACK = """
WITH lost AS (
    SELECT id, alone AND losses >= %(most)s - 1 AS over FROM integrations_push
    WHERE state = 'leased' AND lease_until < clock_timestamp() ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE integrations_push p SET state = CASE WHEN over THEN 'parked' ELSE 'queued' END,
    due_at = CASE WHEN NOT over THEN p.due_at END, lease_until = NULL, fence = fence + 1,
    losses = CASE WHEN p.alone THEN losses + 1 ELSE losses END, alone = true,
    reason = CASE WHEN over THEN 'Three attempts ended with the worker''s death.'
             ELSE 'The worker died while it wrote, so it may or may not have arrived; it is written again.' END
FROM lost WHERE p.id = lost.id
"""


def waiting(now: datetime):
    """Pushes that can be made now: neither campaign nor connection rests, and no batch of it is under way."""
    queued = Push.objects.filter(state=Push.State.QUEUED, due_at__lte=now).exclude(campaign__state__in=RESTING)
    busy = Push.objects.filter(state=Push.State.LEASED).values("connection")
    return queued.filter(connection__in=Connection.objects.ready(now)).exclude(connection__in=busy)


# Pushes to be made, or such whose worker has died.
is_due = Question(waiting, lambda now: Push.objects.filter(state=Push.State.LEASED, lease_until__lt=Now()))


@transaction.atomic  # where the reading fails, nobody has them
def claim(now: datetime) -> list[Push]:
    """Lease the next batch of one connection; of those whose lease ran out one, alone."""
    for connection in _free(now):
        limit = connection.connector.batch if connection.connector else 100
        if ids := _leased(connection, now, True, 1) or _leased(connection, now, False, limit):
            return _read(ids)
    return []


def _free(now: datetime) -> list[Connection]:
    """Locked, so that of two workers one takes its batch; what the other has taken shows in the next statement."""
    ids = sorted(set(waiting(now).values_list("connection_id", flat=True)[:1000]))
    rows = Connection.objects.filter(pk__in=ids).order_by("pk").select_for_update(skip_locked=True, no_key=True)
    locked = list(rows)
    busy = Push.objects.filter(connection__in=locked, state=Push.State.LEASED)
    taken = set(busy.values_list("connection_id", flat=True))
    return [row for row in locked if row.pk not in taken]


def _leased(connection: Connection, now: datetime, alone: bool, limit: int) -> list[UUID]:
    values: dict[str, Any] = {
        "connection": connection.pk,
        "now": now,
        "alone": alone,
        "limit": limit,
        "lease": LEASE_SECONDS,
    }
    with database.cursor() as cursor:
        cursor.execute(CLAIM, values)
        return [pk for (pk,) in cursor.fetchall()]


def _read(ids: list[UUID]) -> list[Push]:
    rows = Push.objects.filter(pk__in=ids).order_by("due_at", "pk")
    return list(rows.select_related("contact__address", "enrollment__campaign", "connection"))


def take_back(now: datetime) -> int:
    """Ready again whatever a dead worker held; what kills one worker after the other is parked."""
    with database.cursor() as cursor:
        cursor.execute(TAKE_BACK, {"most": MOST_LONE_LOSSES})
        return cursor.rowcount
