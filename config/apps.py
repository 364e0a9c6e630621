from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class WiringConfig(AppConfig):
    """What ties the apps together, and the commands of the demo."""

    name = "config"
    verbose_name = "Wiring"


class AdminConfig(DjangoAdminConfig):
    """The admin with Dripline's own site: its start page, navigation and words."""

    default_site = "config.site.DriplineSite"
