"""What sending writes, message by message: one statement settles what was answered and marks what is next."""

# json, not jsonb: it is read once. The bodies of those that were handed over are kept by the same statement.
# `ids` says once more what n says, for the planner: else it walks through all messages that are in hand.
_SETTLING = """
n AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(results)s::json) AS n(id uuid, fence int, state text, outcome text, reason text,
        due_at timestamptz, sent_at timestamptz, settled_at timestamptz, deferral int, resent boolean,
        subject text, html text, body text, kept_from timestamptz)
), written AS (
    UPDATE campaigns_message AS m SET state = n.state, outcome = n.outcome, reason = n.reason, due_at = n.due_at,
        sent_at = n.sent_at, settled_at = n.settled_at, lease_until = NULL, deferrals = m.deferrals + n.deferral,
        resent = m.resent OR n.resent
    FROM n WHERE m.id = n.id AND m.id = ANY(%(ids)s) AND m.fence = n.fence AND m.state IN ('leased', 'sending')
    RETURNING m.id
), kept AS (
    INSERT INTO campaigns_messagebody (message_id, subject, html, text, kept_from)
    SELECT n.id, n.subject, n.html, n.body, n.kept_from FROM n JOIN written USING (id) WHERE n.subject IS NOT NULL
    ON CONFLICT DO NOTHING
)"""

# The address is locked first, and must be as it was when consent was looked up: an unsubscribe that commits
# before this statement has its lock has advanced the address's fence, and nothing is marked.
_MARKING = """
a AS MATERIALIZED (
    SELECT id FROM contacts_address WHERE id = %(address)s AND fence = %(address_fence)s FOR NO KEY UPDATE
), marked AS (
    UPDATE campaigns_message m SET state = 'sending', due_at = NULL, message_id = %(message_id)s, links = %(links)s,
        consent_record_id = %(consent_record)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM a WHERE m.id = %(message)s AND m.fence = %(fence)s AND m.state = 'leased' AND (
        m.campaign_id IS NULL OR EXISTS (
            SELECT FROM campaigns_campaign c WHERE c.id = m.campaign_id AND c.state IN ('active', 'draining')
        )
    )
    RETURNING m.id
)"""

SETTLE = f"WITH {_SETTLING} SELECT id FROM written"
MARK = f"WITH {_MARKING} SELECT id FROM marked"
# The mark is read first, so its locks are taken in the order of everybody: address, then message.
MARK_AND_SETTLE = f"WITH {_MARKING}, {_SETTLING} SELECT id FROM marked UNION ALL SELECT id FROM written"
