from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = "Events"

    def ready(self):
        from contacts.merging import merge_steps
        from events import (
            catalogue,  # noqa: F401  its types register themselves
            merging,
            panels,
            partitions,
            pipeline,
        )
        from ops import work

        panels.register()
        merge_steps.register("events", merging.move)
        work.register(work.Queue("changes", "What people did", pipeline.is_due, pipeline.drain))
        work.SWEEPS.register("event partitions", partitions.ensure)
        work.SWEEPS.register("event keys", partitions.drop_old_keys)
        post_migrate.connect(prepare, sender=self)


def prepare(**_):
    """After every migrate: a row per event type, partitions for the months to come."""
    from events import partitions, types
    from lib import clock

    if types.is_ready():
        types.ensure_rows()
        partitions.ensure(clock.now())
