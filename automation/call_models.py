"""Calls of webhooks: rows before they are made. docs/states.md draws the states."""

from uuid import UUID, uuid4

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from campaigns.models import Campaign
from lib import clock
from lib.due import DueQuerySet


class Receiver(models.Model):
    """A server that webhooks call (`https://api.example.com`), and the secret by which it knows our calls."""

    origin = models.CharField(max_length=300, unique=True, help_text="Scheme, host and port.")
    secret = models.TextField(help_text="What calls are signed with; sealed.")
    before = models.TextField(blank=True, default="", help_text="The secret before: signs as well for a day; sealed.")
    renewed_at = models.DateTimeField(null=True, help_text="When a person had a new secret made.")
    failing = models.BooleanField(default=False, help_text="Its last call brought no answer: one at a time is tried.")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["origin"]

    def __str__(self):
        return self.origin.partition("://")[2]


class HeaderSecret(models.Model):
    """The value of a secret header. The definition of the campaign holds only its key, which serves at one receiver."""

    key = models.CharField(max_length=20, unique=True)
    receiver = models.ForeignKey(Receiver, models.CASCADE, related_name="header_secrets")
    value = models.TextField(help_text="Sealed.")
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self):
        return self.key


class Errand(models.Model):
    """What is done outside for one visit, with a lease: the fields by which it is claimed, tried again and given up.

    `due_at` is set exactly while the engine has it to do. Kinds of errands say in their own words what states mean.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting for its turn"
        LEASED = "leased", "Being made"
        DONE = "done", "Answered"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        PARKED = "parked", "Parked"

    OPEN = ["queued", "leased", "parked"]

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, models.CASCADE, db_index=False, related_name="+")
    step_uid = models.CharField(max_length=40)
    occurrence = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    alone = models.BooleanField(default=False, help_text="Its last lease ran out: it is claimed by itself.")
    losses = models.PositiveSmallIntegerField(default=0, help_text="Leases that ran out while it was claimed alone.")
    by_hand = models.BooleanField(default=False, help_text="Made again by a person, wherever the contact is by now.")
    tries = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=400, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    settled_at = models.DateTimeField(null=True)

    objects = DueQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["queued", "leased"], due_at__isnull=False)
                | (~Q(state__in=["queued", "leased"]) & Q(due_at__isnull=True)),
                name="%(class)s_due_while_to_be_made",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False)
                | (~Q(state="leased") & Q(lease_until__isnull=True)),
                name="%(class)s_leased_while_being_made",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "failed", "cancelled"], settled_at__isnull=False)
                | (Q(state__in=["queued", "leased", "parked"]) & Q(settled_at__isnull=True)),
                name="%(class)s_settled_when_over",
            ),
        ]


class Call(Errand):
    """One call of a webhook for one visit: made at least once, always under the same id.

    A paused campaign's calls keep their `due_at` and rest.
    """

    enrollment = models.ForeignKey("automation.Enrollment", models.CASCADE, db_index=False, related_name="calls")
    receiver = models.ForeignKey(Receiver, models.PROTECT, db_index=False, related_name="calls")
    config = models.JSONField(help_text="The step's settings as they were; of secret headers only the key.")
    answer_name = models.CharField(max_length=80, help_text="Under what name the answer is kept.")
    url = models.TextField(blank=True, help_text="As it is called, once it has been written for this contact.")
    body = models.TextField(blank=True, help_text="As it is sent, each time the same.")
    status = models.PositiveSmallIntegerField(null=True, help_text="What was answered last.")

    class Meta:
        verbose_name = "webhook call"
        constraints = [
            *Errand.Meta.constraints,
            models.UniqueConstraint(fields=["enrollment", "step_uid", "occurrence"], name="called_once_per_visit"),
        ]
        indexes = [
            # webhooks.claiming.claim: due calls of each receiver, oldest first
            models.Index(fields=["receiver", "due_at"], condition=Q(state="queued"), name="call_of_receiver"),
            # webhooks.claiming.is_due: is anything to be done?
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="call_due"),
            # webhooks.claiming.claim_alone
            models.Index(fields=["due_at"], condition=Q(state="queued", alone=True), name="call_alone"),
            # webhooks.claiming: what is under way at each receiver, and whose worker has died
            models.Index(fields=["receiver", "lease_until"], condition=Q(state="leased"), name="call_leased"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(state="parked"), name="call_parked"),
            # webhooks.forgetting: whose text is still kept
            models.Index(fields=["id"], condition=~Q(url=""), name="call_text_kept"),
        ]

    def __str__(self):
        return f"{self.config.get('method', '')} {self.receiver}"

    @property
    def webhook_id(self) -> str:
        """What the receiver knows the call by, however often it is made."""
        return webhook_id(self.pk)


def webhook_id(pk: UUID) -> str:
    return f"msg_{pk.hex}"


class Attempt(models.Model):
    """One attempt at a call: when, how long, what came of it."""

    call = models.ForeignKey(Call, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField(default=0, db_default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text="What was answered.")
    outcome = models.CharField(max_length=400, help_text="In a sentence.")
    excerpt = models.TextField(blank=True, default="", db_default="", help_text="How the answer began.")
    next_at = models.DateTimeField(null=True, help_text="When it is tried again.")
    written_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return self.outcome

    @property
    def took(self) -> str:
        """In words: “40 ms”, “2.5 s”."""
        return f"{self.milliseconds / 1000:.1f} s" if self.milliseconds >= 1000 else f"{self.milliseconds} ms"
