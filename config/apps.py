from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """The admin with Dripline's own site: its start page, navigation and words."""

    default_site = "config.site.DriplineSite"
