import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ops", "0006_keep_quiet_hours")]

    operations = [
        migrations.AlterField(
            model_name="sitesettings",
            name="holdout",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                help_text="Percent of all people, 0 to 15, who get nothing from any campaign but its transactional mail, so that you see what campaigns change together. Whoever was chosen stays so; 0 chooses nobody more.",
                validators=[django.core.validators.MaxValueValidator(15)],
            ),
        )
    ]
