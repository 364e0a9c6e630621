"""The statements by which events are written: one JSON parameter, whatever the number of rows."""

# Keys come first in every transaction and in their order: two requests that carry the same events wait for
# each other, never in a circle. The number says which items were new.
TAKE_KEYS = """
WITH item AS MATERIALIZED (
    SELECT n, key FROM json_to_recordset(%s) AS item (n integer, key uuid)
), taken AS (
    INSERT INTO events_eventkey (key, received_at) SELECT key, %s FROM item ORDER BY key
    ON CONFLICT (key) DO NOTHING RETURNING key
)
SELECT item.n FROM item JOIN taken USING (key)
"""

# `id` is ordered as the items were, so that changes, and the events of one moment, keep their order.
# Rows of contacts and of event types that another transaction holds are passed by: "last seen" can wait.
WRITE_EVENTS = """
WITH item AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s) AS item (
        id uuid, type text, contact bigint, at timestamptz, properties jsonb, context jsonb, hops smallint
    )
), event AS (
    INSERT INTO events_event
        (id, type, contact_id, source_id, occurred_at, received_at, properties, context, hops)
    SELECT id, type, contact, %(source)s, at, %(now)s, properties, context, coalesce(hops, 0) FROM item
), change AS (
    INSERT INTO contacts_change
        (contact_id, kind, names, event_id, event_at, source_id, triggers, parked_because, due_at)
    SELECT contact, 'event', '[]', id, %(now)s, %(source)s, %(triggers)s, '', %(now)s FROM item ORDER BY id
), seen_type AS (
    SELECT DISTINCT type FROM item
), new_type AS (
    INSERT INTO events_eventtyperow (key, label, no_late_limit, first_seen_at, last_seen_at)
    SELECT type, '', false, %(now)s, %(now)s FROM seen_type
    WHERE type NOT IN (SELECT key FROM events_eventtyperow) ORDER BY type
    ON CONFLICT (key) DO NOTHING
), known_type AS (
    UPDATE events_eventtyperow AS row
    SET first_seen_at = coalesce(row.first_seen_at, %(now)s), last_seen_at = %(now)s
    FROM (
        SELECT id FROM events_eventtyperow WHERE key IN (SELECT type FROM seen_type)
        AND (last_seen_at IS NULL OR last_seen_at < %(now)s - interval '1 hour')
        ORDER BY id FOR UPDATE SKIP LOCKED
    ) AS due WHERE row.id = due.id
), seen AS (
    SELECT contact, max(at) AS at FROM item GROUP BY contact
)
UPDATE contacts_contact AS contact SET last_seen_at = due.at
FROM (
    SELECT c.id, seen.at FROM seen JOIN contacts_contact c ON c.id = seen.contact
    WHERE %(seen)s AND (c.last_seen_at IS NULL OR c.last_seen_at < seen.at - interval '5 minutes')
    ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
) AS due WHERE contact.id = due.id
"""

# The engine's own events are addressed to contacts: to what they became, and to none that were erased.
CURRENT_CONTACTS = """
SELECT id, coalesce(merged_into_id, id) FROM contacts_contact WHERE id = ANY(%s)
"""
