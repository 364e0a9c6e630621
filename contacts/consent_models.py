"""What addresses said about mail: topics, subscriptions, the ledger of consent, and who must not be written to."""

from django.db import models
from django.db.models import Q

from lib import clock


class Topic(models.Model):
    """A kind of marketing mail that people may want or not."""

    class Basis(models.TextChoices):
        OTHER = "other", "May be sent until they unsubscribe (customers, soft opt-in)"
        OPT_IN = "opt_in", "Only to people who agreed"
        DOUBLE_OPT_IN = "double_opt_in", "Only to people who agreed and confirmed their address"

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=120, help_text="As readers see it, such as “Tips and news”.")
    basis = models.CharField(max_length=16, choices=Basis.choices, default=Basis.OTHER)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Subscription(models.Model):
    """What one address said about one topic."""

    class State(models.TextChoices):
        SUBSCRIBED = "subscribed", "Subscribed"
        PENDING = "pending", "Waiting for confirmation"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"

    address = models.ForeignKey("contacts.Address", models.CASCADE, related_name="subscriptions")
    topic = models.ForeignKey(Topic, models.CASCADE)
    state = models.CharField(max_length=14, choices=State.choices)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "topic"], name="one_word_per_topic")]

    def __str__(self):
        return f"{self.topic}: {self.get_state_display()}"


class ConsentRecord(models.Model):
    """The ledger of consent: who agreed to what or took it back, when and how. Rows are only added."""

    class Action(models.TextChoices):
        GIVEN = "given", "Agreed"
        WITHDRAWN = "withdrawn", "Unsubscribed"
        RESTORED = "restored", "Subscribed again"

    address = models.ForeignKey("contacts.Address", models.CASCADE, related_name="consent_records")
    contact = models.ForeignKey("contacts.Contact", models.SET_NULL, null=True, related_name="consent_records")
    topic = models.ForeignKey(Topic, models.SET_NULL, null=True, help_text="Empty: everything that is marketing.")
    action = models.CharField(max_length=10, choices=Action.choices)
    basis = models.CharField(max_length=30, blank=True)
    source = models.CharField(max_length=120, help_text="Where it was said: a form, an import, the link in a mail.")
    wording = models.TextField(blank=True)
    locale = models.CharField(max_length=20, blank=True)
    ip = models.GenericIPAddressField("IP address", null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self):
        return f"{self.get_action_display()} {self.topic or 'everything'}"


class Suppression(models.Model):
    """An address that must not be written to. Kept as an HMAC, so that it outlives erasure."""

    class Reason(models.TextChoices):
        BOUNCE = "bounce", "Hard bounce: the address does not exist"
        COMPLAINT = "complaint", "Complained: marked our mail as spam"
        BLOCKLIST = "blocklist", "Blocked by the team"
        ERASED = "erased", "Erased on request"

    digest = models.BinaryField(max_length=32)
    reason = models.CharField(max_length=10, choices=Reason.choices)
    detail = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="When a person allowed the address again.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["digest", "reason"], condition=Q(cleared_at=None), name="suppressed_once_per_reason"
            )
        ]

    def __str__(self):
        return self.get_reason_display()
