"""Claims on calls: a lease and a fence, because the outside world is called in between.

As with mail: leases are by the database's clock, the fence advances with every claim and guards every later write. A
receiver has only so many calls made at once, and one that does not answer a single one, so that it never holds up the
others.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from automation.call_models import Call
from automation.models import Visit
from campaigns.models import Campaign
from lib.due import Question

LEASE_SECONDS = 90  # the longest time-out, and as long again for a name server that thinks
MOST_LONE_LOSSES = 3
RESTING = [Campaign.State.DRAFT, Campaign.State.PAUSED]

# Materialized: what stands in an IN may be asked for several times, and each time takes as many again.
CLAIM = """
WITH next AS MATERIALIZED (
    SELECT due.id FROM automation_receiver r CROSS JOIN LATERAL (
        SELECT c.id, c.due_at FROM automation_call c JOIN campaigns_campaign g ON g.id = c.campaign_id
        WHERE c.receiver_id = r.id AND c.state = 'queued' AND NOT c.alone AND c.due_at <= %(now)s
          AND g.state NOT IN ('draft', 'paused')
        ORDER BY c.due_at
        LIMIT greatest(0, CASE WHEN r.failing THEN 1 ELSE %(most)s END - (
            SELECT count(*) FROM automation_call l WHERE l.receiver_id = r.id AND l.state = 'leased'))
        FOR UPDATE OF c SKIP LOCKED
    ) due
    ORDER BY due.due_at LIMIT %(limit)s
)
UPDATE automation_call c SET state = 'leased', fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM next WHERE c.id = next.id
RETURNING c.id
"""
CLAIM_ALONE = """
WITH next AS MATERIALIZED (
    SELECT c.id FROM automation_call c JOIN campaigns_campaign g ON g.id = c.campaign_id
    WHERE c.state = 'queued' AND c.alone AND c.due_at <= %(now)s AND g.state NOT IN ('draft', 'paused')
    ORDER BY c.due_at LIMIT 1 FOR UPDATE OF c SKIP LOCKED
)
UPDATE automation_call c SET state = 'leased', fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM next WHERE c.id = next.id
RETURNING c.id
"""
# Only leases lost while claimed alone count; after three the call waits for a person.
TAKE_BACK = """
WITH lost AS (
    SELECT id, alone AND losses >= %(most)s - 1 AS over FROM automation_call
    WHERE state = 'leased' AND lease_until < clock_timestamp() ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED
), noted AS (
    INSERT INTO automation_attempt (call_id, at, outcome, next_at)
    SELECT id, %(now)s, 'The worker died while it made the call, so it may or may not have arrived.',
           CASE WHEN NOT over THEN %(now)s::timestamptz END FROM lost
)
UPDATE automation_call c SET state = CASE WHEN over THEN 'parked' ELSE 'queued' END,
    due_at = CASE WHEN NOT over THEN c.due_at END, lease_until = NULL, fence = fence + 1,
    losses = CASE WHEN c.alone THEN losses + 1 ELSE losses END, alone = true,
    reason = CASE WHEN over THEN 'Three attempts to make the call ended with the worker''s death.' ELSE reason END
FROM lost WHERE c.id = lost.id
"""


is_due = Question(  # calls to be made, or such whose worker has died
    lambda now: Call.objects.filter(state=Call.State.QUEUED, due_at__lte=now).exclude(campaign__state__in=RESTING),
    lambda now: Call.objects.filter(state=Call.State.LEASED, lease_until__lt=Now()),
)


def claim(now: datetime, limit: int) -> list[Call]:
    """Lease up to `limit` due calls, of no receiver more than it may have at once."""
    most = max(1, settings.WEBHOOK_CONNECTIONS * 3 // 4)
    return _claim(CLAIM, {"now": now, "limit": limit, "most": most, "lease": LEASE_SECONDS})


def claim_alone(now: datetime) -> list[Call]:
    """Lease one whose last lease ran out: whatever it does to its worker, it does it to nobody else."""
    return _claim(CLAIM_ALONE, {"now": now, "lease": LEASE_SECONDS})


@transaction.atomic  # where the reading fails, nobody has them
def _claim(statement: str, values: dict) -> list[Call]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        ids = [pk for (pk,) in cursor.fetchall()]
    rows = Call.objects.filter(pk__in=ids).select_related("enrollment__contact__address", "receiver")
    return list(rows.prefetch_related("campaign").order_by("due_at", "pk")) if ids else []


def withdrawn(calls: Sequence[Any]) -> set[UUID]:
    """Of calls, or the like: whose contact stands elsewhere by now. What a person asked for is made all the same."""
    theirs = Visit.objects.filter(enrollment__in={call.enrollment_id for call in calls}, left_at=None)
    here = set(theirs.values_list("enrollment_id", "step_uid", "occurrence"))
    place = {call.pk: (call.enrollment_id, call.step_uid, call.occurrence) for call in calls}
    return {call.pk for call in calls if not call.by_hand and place[call.pk] not in here}


def take_back(now: datetime) -> int:
    """Ready again, under the same id, whatever a dead worker held; what kills one worker after the other is parked."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_BACK, {"now": now, "most": MOST_LONE_LOSSES})
        return cursor.rowcount
