"""The event table: partitioned by month of receipt, which Django cannot say; the state is what Django sees."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

TABLE = """
CREATE TABLE events_event (
    id uuid NOT NULL,
    type varchar(120) NOT NULL,
    contact_id bigint NOT NULL,
    source_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    properties jsonb NOT NULL,
    context jsonb NOT NULL,
    hops smallint NOT NULL CHECK (hops >= 0),
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);
CREATE INDEX event_contact ON events_event (contact_id, received_at DESC);
CREATE INDEX event_type ON events_event (type, occurred_at) INCLUDE (contact_id);
CREATE TABLE events_event_other PARTITION OF events_event DEFAULT;
ALTER TABLE events_eventrollup SET (fillfactor = 80);
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0002_initial"), ("contacts", "0002_initial"), ("ops", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(TABLE, "DROP TABLE events_event")],
            state_operations=[
                migrations.CreateModel(
                    name='Event',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ('type', models.CharField(max_length=120)),
                        ('source', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ops.source')),
                        ('occurred_at', models.DateTimeField()),
                        ('received_at', models.DateTimeField()),
                        ('properties', models.JSONField(default=dict)),
                        ('context', models.JSONField(default=dict)),
                        ('hops', models.PositiveSmallIntegerField(default=0, help_text="How many of the engine's own events led here.")),
                        ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='contacts.contact')),
                    ],
                    options={
                        'ordering': ['-received_at', '-id'],
                    },
                ),
                migrations.AddIndex(
                    model_name='event',
                    index=models.Index(fields=['contact', '-received_at'], name='event_contact'),
                ),
                migrations.AddIndex(
                    model_name='event',
                    index=models.Index(fields=['type', 'occurred_at'], include=('contact',), name='event_type'),
                ),
            ],
        ),
    ]
