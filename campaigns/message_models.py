"""Messages: what is to be delivered, what became of it, and what it said."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contacts.models import Address, Contact, Topic
from lib import clock
from lib.due import DueQuerySet


class MessageQuerySet(DueQuerySet):
    def open(self):
        return self.filter(state__in=Message.OPEN)


class Message(models.Model):
    """One message to one address: a row before it is sent, and what became of it.

    docs/states.md draws the states. `due_at` is null exactly when sending will not pick the row up by
    itself. `fence` advances with every claim and guards every later write.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        LEASED = "leased", "In hand"
        SENDING = "sending", "Being handed over"
        SENT = "sent", "Sent"
        UNKNOWN = "unknown", "Unknown: handed over, answer lost"
        NOT_SENT = "not_sent", "Not sent"
        PARKED = "parked", "Parked"

    class Outcome(models.TextChoices):
        """Why a message was settled as it was; later branches can test it."""

        SENT = "sent", "Sent"
        BOUNCED = "bounced", "Bounced"
        REFUSED = "refused", "Refused"
        NO_ADDRESS = "no_address", "No address"
        SUPPRESSED = "suppressed", "Suppressed"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        NOT_SUBSCRIBED = "not_subscribed", "Did not agree to this topic"
        RENDER_FAILED = "render_failed", "Could not be written"
        SKIPPED = "skipped", "Skipped by its template"
        STALE = "stale", "Too late"
        CANCELLED = "cancelled", "Cancelled"
        UNKNOWN = "unknown", "Unknown"

    class Purpose(models.TextChoices):
        MARKETING = "marketing", "Marketing"
        TRANSACTIONAL = "transactional", "Transactional"
        TEST = "test", "Test"
        NOTE = "note", "Note to the team"

    UNCOUNTED = ["test", "note"]  # not to the contact that they name
    OPEN = ["queued", "leased", "sending", "parked"]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=120, help_text="visit:…, api:…, test:…: makes “twice” impossible.")
    channel = models.CharField(max_length=20, default="email")
    purpose = models.CharField(max_length=14, choices=Purpose.choices, default=Purpose.MARKETING)
    contact = models.ForeignKey(Contact, models.CASCADE, db_index=False, related_name="messages")
    address = models.ForeignKey(Address, models.PROTECT, null=True, related_name="messages")
    campaign = models.ForeignKey("Campaign", models.PROTECT, null=True, db_index=False, related_name="messages")
    version = models.ForeignKey("Version", models.PROTECT, null=True, db_index=False, related_name="+")
    step_uid = models.CharField(max_length=40, blank=True)
    template = models.ForeignKey("EmailTemplate", models.PROTECT, related_name="messages")
    topic = models.ForeignKey(Topic, models.SET_NULL, null=True, db_index=False, related_name="+")
    data = models.JSONField(default=dict, help_text="What the template may use besides the contact: the event.")
    hops = models.PositiveSmallIntegerField(default=0)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=400, blank=True, help_text="In a sentence.")
    due_at = models.DateTimeField(null=True)
    stale_after = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Times a claim of it alone was lost.")
    deferrals = models.PositiveSmallIntegerField(default=0, help_text="Times the receiving server said: later.")
    alone = models.BooleanField(default=False, help_text="A lease of it ran out: claim it by itself.")
    resent = models.BooleanField(default=False, help_text="A transactional one is handed over once more when unknown.")

    message_id = models.CharField("Message-ID", max_length=200, blank=True)
    consent_record = models.ForeignKey(
        "contacts.ConsentRecord", models.SET_NULL, null=True, db_index=False, related_name="+"
    )
    links = ArrayField(models.TextField(), default=list, help_text="Links made for this message alone.")
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    announced = models.BooleanField(default=False, help_text="Settled, and the engine and the events know it.")
    opened_at = models.DateTimeField(null=True)
    opened_by_human_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    clicked_by_human_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            # not `unique=True`, which would add a second index for LIKE
            models.UniqueConstraint(fields=["key"], name="message_key_once"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "leased"], due_at__isnull=False)
                | Q(state__in=["sending", "sent", "unknown", "not_sent", "parked"], due_at__isnull=True),
                name="message_due_while_ready",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["leased", "sending"], lease_until__isnull=False)
                | (~Q(state__in=["leased", "sending"]) & Q(lease_until__isnull=True)),
                name="message_leased_while_in_hand",
            ),
        ]
        # A message's row is written anew with each change of its state, and then every index of it, too: so a
        # foreign key has one only where somebody looks from its other end, and that one is not doubled here.
        indexes = [
            # campaigns.sending.claim: queued messages, oldest first
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="message_queued"),
            # campaigns.sending.take_back: leases that ran out
            models.Index(fields=["lease_until"], condition=Q(state__in=["leased", "sending"]), name="message_leases"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(state__in=["parked", "unknown"]), name="message_aside"),
            # campaigns.announcing.announce: settled, but nobody was told yet
            models.Index(
                fields=["settled_at"],
                condition=Q(announced=False, settled_at__isnull=False),
                name="message_unannounced",
            ),
            # campaigns.numbers: what came of each step
            models.Index(fields=["campaign", "step_uid", "state"], name="message_step"),
            # topics and entries of the ledger that are removed: which messages named them?
            models.Index(fields=["topic"], condition=Q(topic__isnull=False), name="message_topic"),
            models.Index(fields=["consent_record"], condition=Q(consent_record__isnull=False), name="message_consent"),
            # contact page: the mails she got
            models.Index(fields=["contact", "-created_at"], name="message_contact"),
        ]

    def __str__(self):
        return f"{self.template} to {self.address or 'nobody'}"


class MessageBody(models.Model):
    """What a message said, kept apart because it is large and short-lived."""

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="body")
    subject = models.TextField()
    html = models.TextField()
    text = models.TextField()
    kept_from = models.DateTimeField(default=clock.now)

    def __str__(self):
        return self.subject


class TrackingHit(models.Model):
    """One request for a pixel or a link, raw, with a verdict on who made it and why."""

    class Verdict(models.TextChoices):
        HUMAN = "human", "A person"
        MACHINE = "machine", "A machine"
        UNSURE = "unsure", "Unsure"

    message = models.ForeignKey(Message, models.CASCADE, related_name="hits")
    kind = models.CharField(max_length=8, choices=[("open", "Opened"), ("click", "Clicked")])
    url = models.TextField(blank=True)
    at = models.DateTimeField()
    ip = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    why = models.CharField(max_length=120, blank=True)

    def __str__(self):
        return f"{self.get_kind_display()} at {self.at}"


class CaughtMail(models.Model):
    """A mail that the local catcher took instead of delivering it: for trials, never for real use."""

    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.TextField(blank=True)
    raw = models.BinaryField()
    caught_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self):
        return self.subject
