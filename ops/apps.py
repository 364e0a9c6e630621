from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Ops"

    def ready(self):
        from ops import jobs, roles, work

        work.register(work.Queue("jobs", "Jobs", jobs.is_due, jobs.run_due))
        work.SWEEPS.register("old jobs", jobs.forget_old)

        # Connected without a sender: each app's permissions exist only after its own turn.
        post_migrate.connect(roles.ensure, dispatch_uid="ops.roles")
