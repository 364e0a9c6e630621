from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate

from lib import clock


class ScoringConfig(AppConfig):
    name = "scoring"
    verbose_name = "Scores"

    def ready(self):
        from contacts.merging import merge_steps
        from ops import jobs, work
        from scoring import defining as score_models
        from scoring import fading, flow, levels, previewing, reads, recomputing, score_field, uniting
        from segments import defining

        score_field.register()
        reads.register()
        defining.ON_CHANGED.register("scores", levels.follow)
        score_models.USES.register("segments", levels.places)
        merge_steps.register("scores", uniting.unite)
        jobs.register(recomputing.KIND, "Work out scores", recomputing.step, recomputing.stopped)
        jobs.register(previewing.KIND, "Preview of changes to scores", previewing.step)
        work.register(work.Queue("scores", "Scores that fade", fading.is_due, fading.look))
        work.SWEEPS.register("score flow", flow.compact)
        post_migrate.connect(keep_statements, sender=self)
        post_migrate.connect(install_starters, sender=self)
        self._where_contacts_are_seen()

    def _where_contacts_are_seen(self):
        from scoring import contact_list, contact_panel, export_columns

        for place in (contact_list, contact_panel, export_columns):
            place.register()


def keep_statements(**_):
    """After every migrate: the statement of each batch, planned once a connection."""
    from scoring import settling

    settling.STATEMENT.keep()


def install_starters(using, **_):
    """After migrate, on a site that has no score model yet."""
    from scoring import starters

    if "scoring_scorepreview" in connection.introspection.table_names():
        starters.install(clock.now())
