"""What lets people in when its time has come: timers of campaigns, and the next day that counts for a contact."""

from django.db import models
from django.db.models import Q

from campaigns.models import Campaign
from contacts.models import Contact
from lib.due import DueQuerySet


class Timer(models.Model):
    """When a trigger of a campaign acts next: the next run of a schedule, the hour of a broadcast.

    `due_at` is null where it will not act again. For a trigger by a date it looks after the days of its contacts.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="timers")
    trigger = models.CharField(max_length=16, help_text="Made of its settings, so that an edit makes another one.")
    due_at = models.DateTimeField(null=True)
    ran_at = models.DateTimeField(null=True, help_text="When it last acted.")
    zone = models.CharField(max_length=64, blank=True, help_text="The site's time zone by which it was worked out.")

    objects = DueQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "trigger"], name="one_timer_per_trigger")]
        indexes = [  # automation.timing.work: the next one that is due
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="timer_due"),
        ]

    def __str__(self):
        return f"{self.campaign}, {self.due_at or 'over'}"


class DateDue(models.Model):
    """The next day that counts for one contact by one trigger: when it lets them in.

    `due_at` is null where no day is to come. `done`: the day that let them in last, so that none does so twice.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="+")
    trigger = models.CharField(max_length=16)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    day = models.DateField(help_text="The date itself, or its anniversary.")
    done = models.DateField(null=True)
    due_at = models.DateTimeField(null=True)

    objects = DueQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "trigger", "contact"], name="one_day_per_trigger_and_contact")
        ]
        indexes = [  # automation.dating.let_in: the days that have come
            models.Index(fields=["campaign", "due_at"], condition=Q(due_at__isnull=False), name="date_due"),
        ]

    def __str__(self):
        return f"{self.day} of contact {self.contact_id}"
