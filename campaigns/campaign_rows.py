"""Which campaigns are meant: those that move, those that take people in, and never the copies that test runs run."""

from django.db import models

ACTIVE, DRAINING = "active", "draining"


class CampaignQuerySet(models.QuerySet):
    def running(self):
        """Campaigns whose enrollments move."""
        return self.filter(state__in=[ACTIVE, DRAINING])

    def entering(self):
        """Campaigns that take people in."""
        return self.filter(state=ACTIVE)


class CampaignManager(models.Manager.from_queryset(CampaignQuerySet)):  # type: ignore[misc]
    """What marketers built. A test run runs a copy, which nobody looks for and nothing counts."""

    def get_queryset(self):
        return super().get_queryset().filter(test_of=None)
