"""A large site: rules, refreshes and writes, measured inside the product (`manage.py shell`), alone.

Contacts and events are written by SQL straight into the tables, and no ANALYZE follows: statistics are stale, as
after a large import, for the first figures. A bare rule is the SQL that one would write by hand for it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from contacts.models import Contact
from events import partitions
from lib import clock
from ops import jobs
from ops.models import Source
from segments import defining, membership
from segments.membership import Cause, Occasion
from segments.models import Segment

TIMES, TOUCHED = 3, 1000
MONTH = {"in the last": {"amount": 30, "unit": "days"}}
RULES = {
    "attribute": {"field": "contact.region", "op": "is", "value": "L3"},
    "behaviour": {"event": "order.completed", "op": "≥", "value": 2, "when": MONTH},
    "never": {"not": {"event": "order.completed"}},
}
BARE = {
    "attribute": "SELECT id FROM contacts_contact WHERE attributes ->> 'region' = 'L3'",
    "behaviour": """
        SELECT contact_id FROM events_event WHERE type = 'order.completed'
        AND occurred_at > %(now)s - interval '30 days' AND received_at > %(now)s - interval '30 days'
        GROUP BY 1 HAVING count(*) >= 2
    """,
    "never": """
        SELECT id FROM contacts_contact c WHERE NOT EXISTS (
            SELECT FROM events_event e WHERE e.contact_id = c.id AND e.type = 'order.completed'
        )
    """,
}
CONTACTS = """
INSERT INTO contacts_contact (attributes, timezone, is_test, fence, created_at, updated_at)
SELECT jsonb_build_object(
    'region', 'L' || i %% 10, 'plan', (ARRAY['free', 'pro', 'team'])[i %% 3 + 1], 'age', 18 + i %% 60,
    'first_name', 'Ann' || i, 'city', 'City ' || i %% 300
), '', false, 0, %(now)s, %(now)s
FROM generate_series(1, %(contacts)s) AS i
"""
# A tenth are orders; over 360 days, spread evenly.
EVENTS = """
INSERT INTO events_event (id, type, contact_id, source_id, occurred_at, received_at, properties, context, hops)
SELECT (lpad(to_hex(i), 16, '0') || 'a000000000000000')::uuid,
    (ARRAY['order.completed', 'product.viewed', 'article.viewed', 'page.viewed', 'cart.viewed'])[least(i %% 10, 4) + 1],
    %(first)s + (hashint8(i) & 2147483647) %% %(contacts)s, %(source)s, at, at,
    jsonb_build_object('value', i %% 100), '{}', 0
FROM generate_series(1::bigint, %(events)s) AS i,
    LATERAL (SELECT %(now)s - interval '360 days' * (1 - i / %(events)s::float8) AS at) AS t
"""
ROLLUPS = """
INSERT INTO events_eventrollup (contact_id, type, count, first_at, last_at)
SELECT contact_id, type, count(*), min(occurred_at), max(occurred_at) FROM events_event WHERE contact_id >= %(first)s
GROUP BY 1, 2 ON CONFLICT DO NOTHING
"""


def measure(contacts: int, events: int) -> None:
    """Print the figures as JSON, on one line."""
    now = clock.now()
    found = {"V_load_s": _seconds(lambda: _load(contacts, events, now))}
    for name in RULES:
        found |= _rule(name, now)
    _run("VACUUM (ANALYZE)")
    for name in RULES:
        found |= _fresh(name, now)
    found |= _touched(contacts, now)
    sys.stdout.write(json.dumps(found) + "\n")


def _run(statement: str, **values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _load(contacts: int, events: int, now: datetime) -> None:
    """Once a site: a step before may have done it."""
    if Contact.objects.filter(attributes__has_key="region").exists():
        return
    for months in (11, 7, 3, 0):
        partitions.ensure(now - timedelta(days=30 * months))
    for table in ("contacts_contact", "events_eventrollup", "segments_membership"):
        _run(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    first = (Contact.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) + 1
    source = Source.objects.get_or_create(name="Volume")[0].pk
    _run(CONTACTS, now=now, contacts=contacts)
    _run(EVENTS, now=now, contacts=contacts, events=events, first=first, source=source)
    _run(ROLLUPS, first=first)


def _bare(name: str, now: datetime) -> float:
    statement = f"SELECT count(*) FROM ({BARE[name]}) AS found"
    return min(_seconds(lambda: _run(statement, now=now)) for _ in range(TIMES))


def _rule(name: str, now: datetime) -> dict[str, float]:
    """With stale statistics: the bare rule, the fill of a new segment, a refresh that finds nothing to do."""
    segment = Segment(name=f"Volume: {name}", condition=RULES[name])
    bare = _bare(name, now)
    fill = _seconds(lambda: (defining.save(segment, None, now), _work(now)))
    size = segment.memberships.current().count()
    again = _compared(segment, now)
    return {
        f"V_{name}_members": size,
        f"V_{name}_bare_s": bare,
        f"V_{name}_fill_s": fill,
        f"V_{name}_fill_s_per_100000": (fill - again) / size * 100_000,
        f"V_{name}_stale_refresh_s": again,
        f"V_{name}_stale_us_a_member_over": max(0.0, again - bare) / size * 1e6,
    }


def _fresh(name: str, now: datetime) -> dict[str, float]:
    segment = Segment.objects.get(name=f"Volume: {name}")
    bare = _bare(name, now)
    again = min(_compared(segment, now) for _ in range(TIMES))
    over = max(0.0, again - bare) / segment.memberships.current().count() * 1e6
    return {f"V_{name}_fresh_bare_s": bare, f"V_{name}_refresh_s": again, f"V_{name}_us_a_member_over": over}


def _compared(segment: Segment, now: datetime) -> float:
    """Seconds of the statement that compares everybody with the rules, in a refresh that changes nothing."""
    defining.refresh(segment, None, now)
    _work(now)
    segment.refresh_from_db()
    assert segment.refresh_ms is not None and segment.is_settled and segment.refresh.result.startswith("Nobody")
    return segment.refresh_ms / 1000


def _work(now: datetime) -> None:
    while jobs.run_due(now):
        pass


def _twenty() -> dict[str, dict]:
    """Ten by attribute, ten by behaviour."""
    trees = {f"Region {n}": {"field": "contact.region", "op": "is", "value": f"L{n}"} for n in range(10)}
    for n in range(10):
        when = {"in the last": {"amount": 10 * (n + 1), "unit": "days"}}
        trees[f"Bought {n}"] = {"event": "order.completed", "op": "≥", "value": 1 + n % 3, "when": when}
    return trees


def _touched(contacts: int, now: datetime) -> dict[str, float]:
    """Twenty segments: some contacts asked again, of whom one in ten moves, beside refreshes of everybody."""
    segments = [defining.save(Segment(name=name, condition=tree), None, now) for name, tree in _twenty().items()]
    _work(now)
    full = _seconds(lambda: ([defining.refresh(segment, None, now) for segment in segments], _work(now)))
    everybody = list(Contact.objects.filter(attributes__has_key="region").values_list("pk", flat=True))
    some = min(TOUCHED, contacts)
    thousand = min(_settled(segments, everybody[7 :: len(everybody) // some][:some], now) for _ in range(TIMES))
    share = everybody[11 :: max(1000, 1)]
    return {
        "V_full_refresh_of_20_s": full,
        "V_touched_us_each": thousand / some / len(segments) * 1e6,
        "V_touched_percent_of_full": 100 * min(_settled(segments, share, now) for _ in range(TIMES)) / full,
    }


def _settled(segments: list[Segment], ids: list[int], now: datetime) -> float:
    """Seconds to ask these contacts by all segments, as a stage of the pipeline does; rolled back."""
    with _rolled_back():
        Contact.objects.filter(pk__in=ids[::10]).update(attributes={"region": "L1"})
        asked = {segment.pk: set(ids) for segment in segments}
        return _seconds(lambda: membership.settle(asked, Occasion(now, Cause.CHANGE)))


@contextmanager
def _rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
