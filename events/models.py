"""What people did, as their product told us."""

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from contacts.models import Contact
from lib import clock
from ops.models import Source


class EventQuerySet(models.QuerySet):
    def for_contact(self, contact):
        return self.filter(contact=contact)

    def newest(self):
        return self.order_by("-received_at", "-id")


class Event(models.Model):
    """One thing that one contact did.

    The table is partitioned by month of `received_at`; its key is (id, received_at). No foreign key
    points to it, and its own are not checked by the database: that would cost a third of ingest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=120)
    contact = models.ForeignKey(Contact, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="events")
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    properties = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    hops = models.PositiveSmallIntegerField(default=0, help_text="How many of the engine's own events led here.")

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            # contact page: the timeline
            models.Index(fields=["contact", "-received_at"], name="event_contact"),
            # conditions on behaviour: who did this, since when
            models.Index(fields=["type", "occurred_at"], include=["contact"], name="event_type"),
        ]

    def __str__(self):
        return self.type


class EventKey(models.Model):
    """16 bytes of SHA-256 (source, message id): catches what was sent twice, for 30 days."""

    key = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [  # events.partitions.drop_old_keys; rows come in order of time, so this costs next to nothing
            BrinIndex(fields=["received_at"], name="event_key_age"),
        ]

    def __str__(self):
        return str(self.key)


class EventRollup(models.Model):
    """How often and when a contact did something, ever; outlives the raw events."""

    contact = models.ForeignKey(Contact, models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    type = models.CharField(max_length=120)
    count = models.PositiveBigIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "type"], name="one_rollup_per_contact_and_type")]

    def __str__(self):
        return f"{self.type}: {self.count}"


class EventTypeRow(models.Model):
    """A name under which events arrived, or that the code registers; unknown ones can be adopted."""

    key = models.CharField("name", max_length=120, unique=True)
    label = models.CharField(
        max_length=120, blank=True, help_text="As marketers read it, such as “Cart abandoned”. Empty: the name."
    )
    adopted_at = models.DateTimeField(null=True, blank=True, help_text="When a person made it a proper event type.")
    late_limit = models.DurationField(
        "late after",
        null=True,
        blank=True,
        help_text="Older events start no campaign. Empty: 3 days.",
    )
    no_late_limit = models.BooleanField(
        "never too late", default=False, help_text="Let events of any age start campaigns."
    )
    first_seen_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "event type"
        ordering = ["key"]

    def __str__(self):
        return self.label or self.key


class RejectedEvent(models.Model):
    """An item that could not be taken, with the reason in a sentence; the rest of its batch was taken."""

    source = models.ForeignKey(Source, models.CASCADE)
    received_at = models.DateTimeField(default=clock.now)
    reason = models.CharField(max_length=400)
    payload = models.TextField(help_text="What arrived, cut after 4,000 characters.")

    class Meta:
        ordering = ["-received_at"]
        indexes = [models.Index(fields=["-received_at"], name="rejected_newest")]

    def __str__(self):
        return self.reason
