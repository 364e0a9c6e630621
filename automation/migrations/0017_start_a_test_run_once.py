from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('automation', '0016_keep_test_runs'),
    ]

    operations = [
        migrations.AddField(
            model_name='testrun',
            name='token',
            field=models.UUIDField(help_text='Of the form; sent twice, it starts one run.', null=True, unique=True),
        ),
    ]
