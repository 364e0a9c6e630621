import django.contrib.postgres.functions
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

import campaigns.document


class Migration(migrations.Migration):
    """Each campaign gets its own: the database's default is worked out row by row."""

    dependencies = [("campaigns", "0004_hand_over_in_one_call")]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="uid",
            field=models.CharField(
                db_default=django.db.models.functions.text.Left(
                    django.db.models.functions.comparison.Cast(
                        django.contrib.postgres.functions.RandomUUID(), models.TextField()
                    ),
                    8,
                ),
                default=campaigns.document.new_uid,
                editable=False,
                help_text="What files call it, on every site.",
                max_length=40,
                unique=True,
            ),
        ),
    ]
