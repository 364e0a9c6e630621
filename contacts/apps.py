from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"
    verbose_name = "Audience"

    def ready(self):
        from contacts import merging, panels
        from ops import work

        panels.register()
        work.register(work.Queue("merges", "Merged contacts", merging.is_due, merging.move_history))
