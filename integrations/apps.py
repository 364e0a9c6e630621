from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    verbose_name = "Integrations"

    def ready(self):
        from automation import enrolling, standing_in
        from campaigns import naming
        from campaigns.step_kinds import STEP_KINDS
        from contacts.merging import merge_steps
        from integrations import claiming, connecting, forgetting, panels, pushing, queueing, uniting
        from integrations.connectors import CONNECTORS
        from integrations.hubspot.connector import HubSpot
        from integrations.models import Connection
        from integrations.step import CrmKind
        from ops import work

        for connector in (HubSpot(),):
            CONNECTORS.register(connector.key, connector)
        for kind in (CrmKind(),):
            STEP_KINDS.register(kind.key, kind)
        named = naming.Nameable("connection", lambda: ((row.pk, row.name, "") for row in Connection.objects.all()))
        naming.NAMEABLES.register("connection", named)
        standing_in.STAND_INS.register("connection", connecting.stand_in)
        enrolling.CANCELS.register("pushes", queueing.cancel)
        merge_steps.register("pushes", uniting.unite)
        work.register(work.Queue("pushes", "Pushes to CRMs", claiming.is_due, pushing.push_due))
        work.SWEEPS.register("pushed values", forgetting.forget_old)
        panels.register()
