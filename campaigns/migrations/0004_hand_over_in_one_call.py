"""The statements of `campaigns.settling`, as a function: a connection plans them once, and not for every mail."""

from django.db import migrations

# Plans are kept per connection, whoever stands in between (PgBouncer). They are made for no values in particular,
# so what the planner might guess wrongly is not left to it: each row is found by its key. `m.state || ''` is the
# state in words that no partial index is for: else all messages in hand may be walked through, once for each row.
#
# The addresses are locked first, in the order of everybody: address, then message. Each must be as it was when
# consent was looked up: an unsubscribe that commits before this has its lock has advanced the address's fence,
# and nothing is marked. A message whose body was kept before keeps the first.
CREATE = """
CREATE FUNCTION campaigns_hand_over(marks json, results json) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    IF marks IS NOT NULL THEN
        RETURN QUERY
        WITH mark AS MATERIALIZED (
            SELECT * FROM json_to_recordset(marks) AS mark (id uuid, fence int, address bigint, address_fence int,
                message_id text, links text[], consent_record bigint, lease int)
        ), agreed AS MATERIALIZED (
            SELECT mark.* FROM mark JOIN contacts_address a ON a.id = mark.address AND a.fence = mark.address_fence
            ORDER BY a.id FOR NO KEY UPDATE OF a
        )
        UPDATE campaigns_message m SET state = 'sending', due_at = NULL, message_id = n.message_id, links = n.links,
            consent_record_id = n.consent_record,
            lease_until = clock_timestamp() + make_interval(secs => n.lease)
        FROM agreed n WHERE m.id = n.id AND m.fence = n.fence AND m.state || '' = 'leased' AND (
            m.campaign_id IS NULL OR EXISTS (
                SELECT FROM campaigns_campaign c WHERE c.id = m.campaign_id AND c.state IN ('active', 'draining')
            )
        )
        RETURNING m.id;
    END IF;
    IF results IS NOT NULL THEN
        RETURN QUERY
        WITH n AS MATERIALIZED (
            SELECT * FROM json_to_recordset(results) AS n (id uuid, fence int, state text, outcome text, reason text,
                due_at timestamptz, sent_at timestamptz, settled_at timestamptz, deferral int, resent boolean,
                subject text, html text, body text, kept_from timestamptz)
        ), written AS (
            UPDATE campaigns_message m SET state = n.state, outcome = n.outcome, reason = n.reason,
                due_at = n.due_at, sent_at = n.sent_at, settled_at = n.settled_at, lease_until = NULL,
                deferrals = m.deferrals + n.deferral, resent = m.resent OR n.resent
            FROM n WHERE m.id = n.id AND m.fence = n.fence AND m.state || '' IN ('leased', 'sending')
            RETURNING m.id
        ), kept AS (
            INSERT INTO campaigns_messagebody (message_id, subject, html, text, kept_from)
            SELECT n.id, n.subject, n.html, n.body, n.kept_from FROM n JOIN written USING (id)
            WHERE n.subject IS NOT NULL
            ON CONFLICT DO NOTHING
        )
        SELECT id FROM written;
    END IF;
END
$$
"""


class Migration(migrations.Migration):

    dependencies = [("campaigns", "0003_keep_fewer_indexes")]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION campaigns_hand_over(json, json)"),
    ]
