import django.db.models.deletion
from django.db import migrations, models

import lib.clock


class Migration(migrations.Migration):

    dependencies = [
        ("automation", "0007_skip_the_next_message"),
        ("campaigns", "0004_hand_over_in_one_call"),
        ("contacts", "0009_tell_what_attributes_were"),
    ]

    operations = [
        migrations.CreateModel(
            name="DateDue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trigger", models.CharField(max_length=16)),
                ("day", models.DateField(help_text="The date itself, or its anniversary.")),
                ("done", models.DateField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("campaign", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="campaigns.campaign")),
                ("contact", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("due_at__isnull", False)), fields=["campaign", "due_at"], name="date_due")],
                "constraints": [models.UniqueConstraint(fields=("campaign", "trigger", "contact"), name="one_day_per_trigger_and_contact")],
            },
        ),
        migrations.CreateModel(
            name="Timer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("trigger", models.CharField(help_text="Made of its settings, so that an edit makes another one.", max_length=16)),
                ("due_at", models.DateTimeField(null=True)),
                ("ran_at", models.DateTimeField(help_text="When it last acted.", null=True)),
                ("zone", models.CharField(blank=True, help_text="The site's time zone by which it was worked out.", max_length=64)),
                ("campaign", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="timers", to="campaigns.campaign")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="timer_due")],
                "constraints": [models.UniqueConstraint(fields=("campaign", "trigger"), name="one_timer_per_trigger")],
            },
        ),
        migrations.CreateModel(
            name="SiteAssignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("held_out", models.BooleanField()),
                ("at", models.DateTimeField(default=lib.clock.now)),
                ("contact", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="contacts.contact")),
            ],
        ),
    ]
