"""A step that mails many a day by now is not held for it: what it did before is counted from its messages."""

from django.db import migrations

COUNT = """
INSERT INTO automation_mailed (campaign_id, step_uid, day, mailed, released, delivered, bounced)
SELECT m.campaign_id, m.step_uid,
    (m.created_at AT TIME ZONE coalesce((SELECT timezone FROM ops_sitesettings), 'UTC'))::date, count(*), 0, 0, 0
FROM campaigns_message m JOIN contacts_contact c ON c.id = m.contact_id
WHERE m.campaign_id IS NOT NULL AND m.step_uid <> '' AND m.address_id IS NOT NULL AND NOT c.is_test
    AND m.purpose IN ('marketing', 'transactional')
GROUP BY 1, 2, 3
"""


class Migration(migrations.Migration):
    dependencies = [
        ("automation", "0014_hold_steps_that_mail_too_many"),
        ("campaigns", "0008_send_notes_to_the_team"),
        ("contacts", "0009_tell_what_attributes_were"),
        ("ops", "0006_keep_quiet_hours"),
    ]

    operations = [migrations.RunSQL(COUNT, migrations.RunSQL.noop)]
