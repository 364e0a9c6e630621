from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate

from lib import clock


class CampaignsConfig(AppConfig):
    name = "campaigns"
    verbose_name = "Campaigns"

    def ready(self):
        from campaigns import (
            announcing,
            catcher,
            claiming,
            lifecycle,
            merging,
            panels,
            saved_conditions,
            score_uses,
            segment_uses,
            sending,
        )
        from campaigns.models import Campaign, EmailTemplate
        from contacts.merging import merge_steps
        from ops import work
        from scoring.defining import USES as USES_OF_SCORES
        from segments import checks, computed_field, defining
        from segments.message_leaf import CHOICES

        for key, model in (("campaign", Campaign), ("template", EmailTemplate)):
            CHOICES.register(key, model.objects.order_by("name").values_list("pk", "name").all)
        panels.register()
        defining.USES.register("campaigns", segment_uses.places)
        computed_field.USES.register("campaigns", saved_conditions.uses_of_computed)
        USES_OF_SCORES.register("campaigns", score_uses.places)
        checks.TREES.register("campaigns", saved_conditions.trees)
        merge_steps.register("messages", merging.move)
        work.register(work.Queue("mail", "Mail", claiming.is_due, sending.send_due))
        work.register(work.Queue("settled", "Settled mail", announcing.is_due, announcing.announce, patience=5))
        work.register(work.Queue("leases", "Mail of dead workers", claiming.has_lost, claiming.take_back))
        work.SWEEPS.register("caught mail", catcher.forget_old)
        work.SWEEPS.register("drained campaigns", lifecycle.end_drained)
        post_migrate.connect(install_starters, sender=self)


def install_starters(using, **_):
    """After migrate, on a site that has no campaign yet."""
    from campaigns import starters
    from events import types

    if "campaigns_campaign" in connection.introspection.table_names() and types.is_ready():
        starters.install(clock.now())
