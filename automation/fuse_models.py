"""The fuse: how many a step mails a day, and steps that wait for a person before they mail anybody else."""

from django.db import models
from django.db.models import Q

from campaigns.models import Campaign


class Mailed(models.Model):
    """What a step did on a day, of all its versions: one row a batch, made one row a day by the sweep.

    Nobody waits for a row that somebody else adds to. Test contacts are not in it.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="+")
    step_uid = models.CharField(max_length=40)
    day = models.DateField(help_text="By the site's clock.")
    mailed = models.PositiveIntegerField(default=0, help_text="People for whom it began a mail.")
    released = models.PositiveIntegerField(default=0, help_text="Those of them whom a person let go on.")
    delivered = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0, help_text="To addresses that do not exist.")

    class Meta:
        # automation.fuses: today and the days before
        indexes = [models.Index(fields=["campaign", "step_uid", "day"], name="mailed_by_step")]

    def __str__(self):
        return f"{self.day}: {self.mailed}"


class Expected(models.Model):
    """How many people a day one step may mail at most in a campaign's first days: said when it was activated."""

    campaign = models.OneToOneField(Campaign, models.CASCADE, related_name="+")
    people = models.PositiveIntegerField()

    def __str__(self):
        return f"{self.people:,} people a day"


class Fuse(models.Model):
    """A step that was stopped once: whether it still waits for a person, why, and what a person allowed since."""

    class Cause(models.TextChoices):
        MANY = "many", "Far more people than on any day before"
        BOUNCES = "bounces", "Too many addresses that do not exist"

    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="+")
    step_uid = models.CharField(max_length=40)
    blown_at = models.DateTimeField(null=True, help_text="Empty: it lets people through.")
    cause = models.CharField(max_length=7, choices=Cause.choices)
    # As they were when it blew.
    mailed = models.PositiveIntegerField(default=0)
    best = models.PositiveIntegerField(default=0, help_text="The most it mailed on an earlier day.")
    delivered = models.PositiveIntegerField(default=0)
    bounced = models.PositiveIntegerField(default=0)
    # What a person allowed on that day, beyond those who were let go.
    released_on = models.DateField(null=True)
    more = models.PositiveIntegerField(null=True, help_text="So many more on that day; empty: no limit.")
    delivered_before = models.PositiveIntegerField(default=0, help_text="That day, up to the release; so, too:")
    bounced_before = models.PositiveIntegerField(default=0)
    told_on = models.DateField(null=True, help_text="The last day on which the team was told.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "step_uid"], name="fuse_once")]
        # reports.aside, campaign pages: what waits for a person
        indexes = [models.Index(fields=["id"], condition=Q(blown_at__isnull=False), name="fuse_blown")]

    def __str__(self):
        return f"fuse of {self.step_uid}"
