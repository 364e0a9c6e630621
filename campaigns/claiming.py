"""Claims on messages: a lease and a fence, because the outside world is called in between.

The lease is measured by the database's clock. The fence advances with every claim and guards every
later write, so a worker that comes back from the dead changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F, Q, prefetch_related_objects
from django.db.models.functions import Now

from campaigns.models import Campaign, Message
from lib.due import Question

LEASE_SECONDS = 60
MOST_LONE_ATTEMPTS = 3
# Of the contact and the address: sending has no use for these, and a time costs as much to read as ten numbers.
UNREAD = [f"contact__{name}" for name in ("name", "created_at", "updated_at", "last_seen_at")]
UNREAD += ["address__digest", "address__created_at"]

# Messages of running campaigns are ready, and those of none (tests, API). Those of an archived campaign were put off
# at the dot while it was archived: they are claimed to be withdrawn.
# Materialized: what stands in an IN may be asked for several times, and each time takes as many again.
CLAIM = """
WITH next AS MATERIALIZED (
    SELECT m.id FROM campaigns_message m LEFT JOIN campaigns_campaign c ON c.id = m.campaign_id
    WHERE m.state = 'queued' AND m.due_at <= %(now)s AND m.alone = %(alone)s
      AND (m.campaign_id IS NULL OR c.state IN ('active', 'draining', 'archived'))
    ORDER BY m.due_at LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED
)
UPDATE campaigns_message m SET state = 'leased', fence = fence + 1,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
FROM next WHERE m.id = next.id
RETURNING m.id
"""
HELD = (
    "FROM unnest(%s::uuid[], %s::int[]) AS held(id, fence) "
    "WHERE m.id = held.id AND m.fence = held.fence AND m.state = 'leased'"
)
RENEW = f"UPDATE campaigns_message m SET lease_until = clock_timestamp() + make_interval(secs => %s) {HELD}"
GIVE_BACK = f"UPDATE campaigns_message m SET state = 'queued', lease_until = NULL, fence = m.fence + 1 {HELD}"


def _ready(now: datetime):
    resting = [Campaign.State.DRAFT, Campaign.State.PAUSED]
    ready = Q(campaign=None) | ~Q(campaign__state__in=resting)
    return Message.objects.filter(ready, state=Message.State.QUEUED, due_at__lte=now)


is_due = Question(_ready)


def claim(now: datetime, limit: int) -> list[Message]:
    """Lease up to `limit` ready messages; one whose lease ran out before is claimed alone."""
    return _claim(now, limit, alone=False) or _claim(now, 1, alone=True)


@transaction.atomic  # where the reading fails, nobody has them
def _claim(now: datetime, limit: int, alone: bool) -> list[Message]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "limit": limit, "alone": alone, "lease": LEASE_SECONDS})
        ids = [pk for (pk,) in cursor.fetchall()]
    messages = list(
        Message.objects.filter(pk__in=ids)
        .select_related("contact", "address")
        .defer(*UNREAD)
        # Templates and campaigns are large and few: read once each, not once a message.
        .prefetch_related("template", "campaign")
        .order_by("due_at", "pk")
    )
    _share_addresses(messages)
    return messages


def _share_addresses(messages: Sequence[Message]) -> None:
    """Most are addressed to their contact's own address, which need not be read twice."""
    for message in messages:
        if message.address_id and message.contact.address_id == message.address_id:
            message.contact.address = message.address
    prefetch_related_objects([message.contact for message in messages], "address")


def renew(messages: Sequence[Message]) -> None:
    """Hold the leases of messages that are still waiting for their turn in a slow batch."""
    _to_held(RENEW, messages, LEASE_SECONDS)


def give_back(messages: Sequence[Message]) -> int:
    """Ready again at once, as if they had never been claimed: those of them that are still leased by us."""
    return _to_held(GIVE_BACK, messages)


def _to_held(statement: str, messages: Sequence[Message], *values: float) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, [one.pk for one in messages], [one.fence for one in messages]])
        return cursor.rowcount


def _lost():
    # The states are said for the partial index: without them every message is read, ten times a second.
    in_hand = [Message.State.LEASED, Message.State.SENDING]
    return Message.objects.filter(state__in=in_hand, lease_until__lt=Now())


has_lost = Question(lambda now: _lost())


def take_back(now: datetime) -> int:
    """What a dead worker held: leased messages are ready again, those being handed over are unknown.

    Only leases lost while claimed alone count as attempts; after three the message is parked. A
    marketing message that may have been accepted is never mailed again by itself; a transactional one
    is, once, under the same Message-ID.
    """
    lost = _lost()
    parked = lost.filter(state=Message.State.LEASED, alone=True, attempts__gte=MOST_LONE_ATTEMPTS - 1).update(
        state=Message.State.PARKED,
        attempts=F("attempts") + 1,
        due_at=None,
        lease_until=None,
        fence=F("fence") + 1,
        reason="Three attempts to send it ended with the worker's death.",
    )
    again = lost.filter(state=Message.State.LEASED, alone=True).update(
        state=Message.State.QUEUED, attempts=F("attempts") + 1, lease_until=None, fence=F("fence") + 1
    )
    again += lost.filter(state=Message.State.LEASED).update(
        state=Message.State.QUEUED, alone=True, lease_until=None, fence=F("fence") + 1
    )
    sending = lost.filter(state=Message.State.SENDING)
    again += sending.filter(purpose=Message.Purpose.TRANSACTIONAL, resent=False).update(
        state=Message.State.QUEUED, resent=True, alone=True, due_at=now, lease_until=None, fence=F("fence") + 1
    )
    unknown = sending.update(
        state=Message.State.UNKNOWN,
        outcome=Message.Outcome.UNKNOWN,
        lease_until=None,
        settled_at=now,
        fence=F("fence") + 1,
        reason="The worker died while the message was being handed over, so it may or may not have arrived.",
    )
    return parked + again + unknown
