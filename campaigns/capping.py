"""Frequency limits: when the next marketing message to an address may go out. All limits hold; the strictest decides.

What was sent counts, and what is on its way; transactional messages, tests and whatever goes to test contacts neither
count nor wait. Whoever asks holds the address's lane until what it queues is committed, so that two campaigns never
take the same place.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from campaigns.models import FrequencyCap
from lib import lanes

LOCK_CLASS = 7306
LANES = 256
GIVING_WAY = timedelta(minutes=1)

# What is on its way may go out at any moment until it is too late: it counts as if it did so now.
_COUNTED = """
SELECT m.address_id, m.topic_id, at
FROM campaigns_message m JOIN contacts_contact c ON c.id = m.contact_id AND NOT c.is_test,
    LATERAL coalesce(m.sent_at, m.settled_at, least(m.stale_after, %(now)s)) AS at
WHERE m.address_id = ANY(%(addresses)s) AND m.purpose = 'marketing' AND m.state <> 'not_sent' AND at > %(since)s
"""


class Blocked(NamedTuple):
    """The limit that holds a message back, and until when."""

    cap: FrequencyCap
    until: datetime


class Places:
    """What was sent to some addresses lately, and what these limits leave free."""

    def __init__(self, caps: Collection[FrequencyCap], addresses: Collection[int], now: datetime):
        self.caps, self.now = caps, now
        self.counted: dict[int, list[tuple[datetime, int | None]]] = {}
        longest = max((cap.window for cap in caps), default=timedelta())
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED, {"addresses": list(addresses), "now": now, "since": now - longest})
            for address, topic, at in cursor.fetchall():
                self.take(address, topic, at)

    def take(self, address: int, topic: int | None, at: datetime) -> None:
        """One more goes to this address."""
        self.counted.setdefault(address, []).append((at, topic))

    def blocked(self, address: int, yielding: int = 0) -> Blocked | None:
        """The limit by which nothing may go there now; `yielding`: how many more important ones wait for a place."""
        found = [blocked for cap in self.caps if (blocked := self.by(cap, address, yielding))]
        return max(found, key=lambda blocked: blocked.until, default=None)

    def count(self, cap: FrequencyCap, address: int) -> int:
        """How many of those that count for this limit went there within its time."""
        return len(self._taken(cap, address))

    def _taken(self, cap: FrequencyCap, address: int) -> list[datetime]:
        since = self.now - cap.window
        return sorted(
            at
            for at, topic in self.counted.get(address, ())
            if at > since and (cap.topic_id is None or topic == cap.topic_id)
        )

    def by(self, cap: FrequencyCap, address: int, yielding: int = 0) -> Blocked | None:
        """The same of one limit."""
        taken = self._taken(cap, address)
        over = len(taken) + yielding - cap.most
        if over < 0:
            return None
        if len(taken) < cap.most:  # a place is free, and those who take it are due now
            return Blocked(cap, self.now + GIVING_WAY)
        return Blocked(cap, taken[min(over, len(taken) - 1)] + cap.window)


def caps_for(topic_id: int | None) -> list[FrequencyCap]:
    """The limits that hold for a message of this topic."""
    return list(FrequencyCap.objects.filter(Q(topic=None) | Q(topic=topic_id)).select_related("topic"))


def hold_free(addresses: Iterable[int]) -> set[int]:
    """Take the lanes of these addresses that nobody has in hand; the addresses whose lanes are held."""
    asked = set(addresses)
    free = lanes.hold_free(LOCK_CLASS, (pk % LANES for pk in asked))
    return {pk for pk in asked if pk % LANES in free}
