"""The statements of an import: one JSON parameter each, whatever the number of rows.

PostgreSQL takes such a parameter for a hundred rows and so looks each of them up by index, also where the
table is huge and its statistics are old.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from django.db import connection

# --- looking: also in a dry run ---

SUPPRESSED = """
SELECT wanted.email, array_agg(s.reason)
FROM json_to_recordset(%s) AS wanted (email text, digest text)
JOIN contacts_suppression s ON s.digest = decode(wanted.digest, 'hex') AND s.cleared_at IS NULL
GROUP BY 1
"""

BY_ID = """
SELECT i.value, i.contact_id FROM json_array_elements_text(%s) AS wanted
JOIN contacts_identity i ON i.kind = 'user' AND i.value = wanted
"""

# The contacts of each address, and whether a product knows them by an id.
OWNERS = """
SELECT a.email, c.id, EXISTS (SELECT FROM contacts_identity i WHERE i.contact_id = c.id AND i.kind = 'user')
FROM json_array_elements_text(%s) AS wanted
JOIN contacts_address a ON a.email = wanted
JOIN contacts_contact c ON c.address_id = a.id AND c.merged_into_id IS NULL
ORDER BY c.id
"""

KEPT = """
SELECT c.id, c.attributes::text, coalesce(a.email, ''), c.timezone, c.address_id
FROM contacts_contact c LEFT JOIN contacts_address a ON a.id = c.address_id
WHERE c.id = ANY(%s::bigint[]) AND c.merged_into_id IS NULL ORDER BY c.id
"""
KEPT_AND_LOCKED = f"{KEPT} FOR NO KEY UPDATE OF c"

WORN = """
SELECT worn.contact_id, tag.name FROM contacts_contacttag worn JOIN contacts_tag tag ON tag.id = worn.tag_id
WHERE worn.contact_id = ANY(%s::bigint[]) AND tag.name = ANY(%s)
"""

SAID = """
SELECT a.email, a.unsubscribed_at IS NOT NULL OR coalesce(s.state = 'unsubscribed', false), s.state = 'subscribed'
FROM json_array_elements_text(%s) AS wanted
JOIN contacts_address a ON a.email = wanted
LEFT JOIN contacts_subscription s ON s.address_id = a.id AND s.topic_id = %s
"""

# --- writing ---

ADD_ADDRESSES = """
INSERT INTO contacts_address (email, digest, soft_bounces, created_at)
SELECT wanted.email, decode(wanted.digest, 'hex'), 0, %s
FROM json_to_recordset(%s) AS wanted (email text, digest text)
WHERE NOT EXISTS (SELECT FROM contacts_address WHERE contacts_address.email = wanted.email)
ORDER BY wanted.email ON CONFLICT (email) DO NOTHING
RETURNING email, id
"""

# Addresses come before contacts: whoever else imports the same people waits here, and then finds them.
LOCK_ADDRESSES = """
SELECT a.email, a.id FROM contacts_address a
WHERE a.email IN (SELECT json_array_elements_text(%s)) ORDER BY a.id FOR NO KEY UPDATE
"""

DROP_ADDRESSES = "DELETE FROM contacts_address WHERE id = ANY(%s::bigint[])"

# As in contacts.identifying: the number is drawn first and the contact made last, only where its id was free.
MAKE = """
WITH wanted AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('contacts_contact', 'id')) AS id, w.*
    FROM json_to_recordset(%(rows)s) AS w (
        n integer, user_id text, address bigint, timezone text, attributes jsonb, names jsonb
    )
), won AS (
    INSERT INTO contacts_identity (kind, value, contact_id, created_at)
    SELECT 'user', user_id, id, %(now)s FROM wanted WHERE user_id IS NOT NULL ORDER BY user_id
    ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id
), made AS (
    INSERT INTO contacts_contact (id, attributes, address_id, timezone, is_test, fence, created_at, updated_at)
    SELECT id, attributes, address, timezone, false, 0, %(now)s, %(now)s FROM wanted
    WHERE user_id IS NULL OR id IN (SELECT contact_id FROM won) ORDER BY id
    RETURNING id
), change AS (
    INSERT INTO contacts_change (contact_id, kind, names, triggers, parked_because, due_at)
    SELECT id, 'created', names, false, '', %(now)s FROM wanted ORDER BY id
)
SELECT wanted.n, made.id FROM wanted JOIN made USING (id)
"""

GIVE_IDS = """
INSERT INTO contacts_identity (kind, value, contact_id, created_at)
SELECT 'user', w.user_id, w.contact, %s FROM json_to_recordset(%s) AS w (user_id text, contact bigint)
ORDER BY w.user_id ON CONFLICT (kind, value) DO NOTHING RETURNING contact_id
"""

TAG = """
WITH wanted AS MATERIALIZED (
    SELECT w.contact, tag.id AS tag, tag.name FROM json_to_recordset(%(rows)s) AS w (contact bigint, tag text)
    JOIN contacts_tag tag ON tag.name = w.tag
), put AS (
    INSERT INTO contacts_contacttag (contact_id, tag_id, added_at)
    SELECT contact, tag, %(now)s FROM wanted ORDER BY contact, tag
    ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
)
INSERT INTO contacts_change (contact_id, kind, names, triggers, parked_because, due_at)
SELECT put.contact_id, 'tags', jsonb_agg(wanted.name), false, '', %(now)s
FROM put JOIN wanted ON (wanted.contact, wanted.tag) = (put.contact_id, put.tag_id)
GROUP BY put.contact_id ORDER BY put.contact_id
"""

# The addresses are locked. As contacts.consent: the word, the ledger, the fence, and news for every owner.
SUBSCRIBE = """
WITH wanted AS MATERIALIZED (
    SELECT w.address, w.contact FROM json_to_recordset(%(rows)s) AS w (address bigint, contact bigint)
), said AS (
    INSERT INTO contacts_subscription (address_id, topic_id, state, changed_at)
    SELECT address, %(topic)s, 'subscribed', %(now)s FROM wanted ORDER BY address
    ON CONFLICT (address_id, topic_id) DO UPDATE SET state = 'subscribed', changed_at = excluded.changed_at
    WHERE contacts_subscription.state <> 'unsubscribed'
    RETURNING address_id
), noted AS (
    INSERT INTO contacts_consentrecord
        (address_id, contact_id, topic_id, action, basis, source, wording, locale, user_agent, at)
    SELECT address, contact, %(topic)s, 'given', %(basis)s, %(source)s, %(wording)s, '', '', %(now)s
    FROM wanted WHERE address IN (SELECT address_id FROM said) ORDER BY address
), fenced AS (
    UPDATE contacts_address SET fence = fence + 1 WHERE id IN (SELECT address_id FROM said)
)
INSERT INTO contacts_change (contact_id, kind, names, triggers, parked_because, due_at)
SELECT c.id, 'consent', jsonb_build_array('topic:' || %(key)s), false, '', %(now)s
FROM said JOIN contacts_contact c ON c.address_id = said.address_id AND c.merged_into_id IS NULL ORDER BY c.id
"""


def ask(statement: str, parameters: list[Any] | dict[str, Any]) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def rows(values: Iterable[Any]) -> str:
    """Any number of objects, texts or numbers as one parameter; a list would cost its length in adapting."""
    return msgspec.json.encode(list(values)).decode()


def ids(values: Iterable[int]) -> str:
    """Numbers as the text of an array."""
    return f"{{{','.join(map(str, values))}}}"


def mails(digests: Mapping[str, str]) -> str:
    """Addresses with their digests."""
    return rows({"email": email, "digest": digest} for email, digest in digests.items())
