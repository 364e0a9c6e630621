"""What other software asked for: let this contact in, now or at a time."""

from django.db import models
from django.db.models import Q

from campaigns.models import Campaign
from contacts.models import Contact
from lib import clock
from lib.due import DueQuerySet
from ops.models import Source


class EntryRequest(models.Model):
    """One request to let a contact into a campaign, and what came of it. A key of the caller's counts once."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        ENTERED = "entered", "Entered"
        REFUSED = "refused", "Did not enter"
        CANCELLED = "cancelled", "Cancelled"

    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="entry_requests")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    source = models.ForeignKey(Source, models.PROTECT, db_index=False, related_name="+")
    key = models.CharField(max_length=200, blank=True, help_text="The caller's own.")
    data = models.JSONField(default=dict, help_text="What conditions and mails read as the event's.")
    at = models.DateTimeField(help_text="When they are to enter.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    due_at = models.DateTimeField(null=True)
    enrollment = models.ForeignKey("automation.Enrollment", models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=40, blank=True)
    explanation = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True)

    objects = DueQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], condition=~Q(key=""), name="asked_to_enter_once"),
            models.CheckConstraint(
                condition=Q(state="planned", due_at__isnull=False) | (~Q(state="planned") & Q(due_at__isnull=True)),
                name="entry_request_due_while_planned",
            ),
        ]
        indexes = [
            # automation.requesting.work: who is to enter now
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="entry_request_due"),
            # the API: what was asked for of a campaign, newest first
            models.Index(fields=["campaign", "-id"], name="entry_request_campaign"),
        ]

    def __str__(self):
        return f"{self.contact} into {self.campaign}: {self.get_state_display().lower()}"
