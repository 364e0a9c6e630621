from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = "Audience"

    def ready(self):
        from contacts import import_jobs, importing, merging, panels
        from ops import jobs, work

        panels.register()
        work.register(work.Queue("merges", "Merged contacts", merging.is_due, merging.move_history))

        jobs.register(importing.CHECK, "Dry run of an import", import_jobs.check)
        jobs.register(importing.IMPORT, "Import of contacts", import_jobs.carry_out)
        work.SWEEPS.register("contacts.importing.wipe", importing.wipe)
