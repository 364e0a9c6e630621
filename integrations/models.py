"""Accounts at CRMs, what is written there about whom, and by what id the CRM knows people. docs/states.md: states."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from automation.call_models import Errand
from contacts.models import Contact
from integrations.connectors import CONNECTORS, Connector
from lib import clock


class ConnectionQuerySet(models.QuerySet):
    def ready(self, now):
        """Those that may be written to now."""
        return self.filter(Q(rests_until=None) | Q(rests_until__lte=now), state=Connection.State.ACTIVE)

    def pause(self, because: str, now) -> int:
        """Nothing more is written until a person resumes it; returns how many were active before."""
        return self.filter(state=Connection.State.ACTIVE).update(
            state=Connection.State.PAUSED, reason=because[:400], paused_at=now
        )


class Connection(models.Model):
    """An account at a CRM: how it is reached, and which of its properties our fields become."""

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    kind = models.CharField(max_length=40, help_text="The key of its connector.")
    name = models.CharField(max_length=80, unique=True, help_text="Such as “HubSpot of sales”.")
    config = models.JSONField(default=dict, blank=True)
    secret = models.TextField(help_text="Sealed.")
    account = models.JSONField(default=dict, blank=True, help_text="What the CRM told about itself.")
    mapping = models.JSONField(default=list, blank=True, help_text="[{field, property}], in their order.")
    pushes_tests = models.BooleanField(default=False, help_text="Test contacts are written, too.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    reason = models.CharField(max_length=400, blank=True, help_text="Why it is paused.")
    paused_at = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True, help_text="The CRM asked to wait, or did not answer.")
    created_at = models.DateTimeField(default=clock.now)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="active", paused_at=None) | Q(state="paused", paused_at__isnull=False),
                name="connection_paused_since",
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("admin:integrations_connection_change", args=[self.pk])

    @property
    def connector(self) -> Connector | None:
        """None where the code of its kind is not installed any more."""
        return CONNECTORS.get(self.kind)

    @property
    def is_paused(self) -> bool:
        return self.state == self.State.PAUSED

    def resume(self) -> None:
        self.state, self.reason, self.paused_at, self.rests_until = self.State.ACTIVE, "", None, None
        self.save(update_fields=["state", "reason", "paused_at", "rests_until"])


class Record(models.Model):
    """A contact as a CRM knows it: so the same record is written to when the e-mail address has changed."""

    connection = models.ForeignKey(Connection, models.CASCADE, db_index=False, related_name="records")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="crm_records")
    external_id = models.CharField(max_length=200)
    link = models.CharField(max_length=500, blank=True)
    written_at = models.DateTimeField()

    class Meta:
        verbose_name = "CRM record"
        constraints = [models.UniqueConstraint(fields=["connection", "contact"], name="one_record_per_contact")]

    def __str__(self):
        return f"{self.connection}: {self.external_id}"


class Push(Errand):
    """One contact to be written to a CRM, for one visit."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting for its turn"
        LEASED = "leased", "Being written"
        DONE = "done", "Written"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        PARKED = "parked", "Parked"

    key = models.CharField(max_length=120, unique=True, help_text="What it is for: visit:<enrollment>:<step>:<number>.")
    connection = models.ForeignKey(Connection, models.PROTECT, db_index=False, related_name="pushes")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="pushes")
    enrollment = models.ForeignKey("automation.Enrollment", models.CASCADE, related_name="pushes")
    extras = models.JSONField(default=list, help_text="The step's own values: [{property, value}].")
    sent = models.JSONField(default=dict, help_text="What was written last; forgotten after 90 days.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    external_id = models.CharField(max_length=200, blank=True)
    link = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "push to a CRM"
        verbose_name_plural = "pushes to a CRM"
        constraints = [*Errand.Meta.constraints]
        indexes = [
            # claiming.claim: due pushes of each connection, oldest first
            models.Index(fields=["connection", "due_at"], condition=Q(state="queued"), name="push_of_connection"),
            # claiming.is_due: is anything to be done?
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="push_due"),
            # claiming: what is under way at each connection, and whose worker has died
            models.Index(fields=["connection", "lease_until"], condition=Q(state="leased"), name="push_leased"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(state="parked"), name="push_parked"),
            # the page of a connection: what failed
            models.Index(fields=["connection", "-id"], condition=Q(state="failed"), name="push_failed"),
            # forgetting: what was sent is still kept
            models.Index(fields=["id"], condition=~Q(sent={}), name="push_sent_kept"),
        ]

    def __str__(self):
        return f"{self.contact} to {self.connection}"
