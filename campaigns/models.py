"""What marketers define and what was delivered: campaigns, their versions, templates, messages."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contacts.models import Address, Contact, Topic
from lib import clock
from lib.due import DueQuerySet

DEFAULT_LATENESS_HOURS = 24


class CampaignQuerySet(models.QuerySet):
    def running(self):
        """Campaigns whose enrollments move."""
        return self.filter(state__in=[Campaign.State.ACTIVE, Campaign.State.DRAINING])

    def entering(self):
        """Campaigns that take people in."""
        return self.filter(state=Campaign.State.ACTIVE)


class Campaign(models.Model):
    """What a marketer builds: a draft document that is edited, and versions of it that run."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        DRAINING = "draining", "Draining"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"

    class Type(models.TextChoices):
        WELCOME = "welcome", "Welcome"
        ONBOARDING = "onboarding", "Onboarding"
        RE_ENGAGEMENT = "re_engagement", "Re-engagement"
        ABANDONED_CART = "abandoned_cart", "Abandoned cart"
        POST_PURCHASE = "post_purchase", "Post-purchase"
        BIRTHDAY = "birthday", "Birthday"
        LEAD_NURTURING = "lead_nurturing", "Lead nurturing"
        RECOMMENDATIONS = "recommendations", "Recommendations"
        CROSS_SELL = "cross_sell", "Cross-sell"
        UPSELL = "upsell", "Upsell"
        OTHER = "other", "Other"

    name = models.CharField(max_length=120)
    type = models.CharField(max_length=20, choices=Type.choices, default=Type.OTHER)
    objective = models.CharField(max_length=300, blank=True, help_text="What it is for, in your own words.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    draft = models.JSONField(default=dict, help_text="The definition being edited; campaigns.document is its schema.")
    revision = models.PositiveIntegerField(default=1, help_text="Counts saves, so that two editors notice each other.")
    live = models.ForeignKey("Version", models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    edited_at = models.DateTimeField(default=clock.now)
    activated_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    stopped_because = models.TextField(blank=True, help_text="Why the engine paused it, if it did.")

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-edited_at"]
        permissions = [
            ("publish_campaign", "Can activate, publish, pause, resume and archive campaigns"),
            ("send_test", "Can send test mails"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft") | Q(state="archived") | Q(live__isnull=False),
                name="running_campaign_has_version",
            )
        ]

    def __str__(self):
        return self.name


class Version(models.Model):
    """A published definition. Never changed: people inside follow one, and history points to it."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="version_number_once")]

    def __str__(self):
        return f"{self.campaign}, version {self.number}"


class Step(models.Model):
    """One step of one version. Its `uid` stays the same from version to version."""

    version = models.ForeignKey(Version, models.CASCADE, related_name="steps")
    uid = models.CharField(max_length=40)
    kind = models.CharField(max_length=40)
    config = models.JSONField(default=dict)
    only_if = models.JSONField(null=True, help_text="Else the step is skipped.")
    position = models.PositiveSmallIntegerField(help_text="The first step has position 0.")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "uid"], name="step_uid_once")]

    def __str__(self):
        return f"{self.kind} {self.uid}"


class Edge(models.Model):
    """Where an arm of a step leads; arms may join again. No target: the end."""

    step = models.ForeignKey(Step, models.CASCADE, related_name="edges")
    arm = models.CharField(max_length=60, default="done")
    target = models.ForeignKey(Step, models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "arm"], name="arm_leads_once")]

    def __str__(self):
        return f"{self.step} → {self.target or 'end'}"


class Reference(models.Model):
    """What a version uses: answers "used in" and guards against deletion."""

    version = models.ForeignKey(Version, models.CASCADE, related_name="references")
    kind = models.CharField(max_length=20, help_text="template, event_type, field, segment …")
    key = models.CharField(max_length=200)
    role = models.CharField(max_length=20, default="", blank=True, help_text="Such as “trigger”.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "kind", "key", "role"], name="referred_to_once"),
        ]
        indexes = [models.Index(fields=["kind", "key"], name="reference_target")]

    def __str__(self):
        return f"{self.kind} {self.key}"


class EmailTemplate(models.Model):
    """What a mail says: subject, HTML and text in Liquid, compiled when saved."""

    class OnMissing(models.TextChoices):
        FAIL = "fail", "Do not send that mail, and show it as failed"
        BLANK = "blank", "Leave the place blank"
        SKIP = "skip", "Skip that mail silently"

    name = models.CharField(max_length=120, unique=True)
    subject = models.CharField(
        max_length=300, help_text='May hold Liquid, such as {{ contact.first_name | default: "there" }}.'
    )
    preheader = models.CharField(max_length=300, blank=True, help_text="The line that inboxes show after the subject.")
    html = models.TextField(
        "HTML", help_text="The mail, with Liquid. Every marketing mail needs {{ unsubscribe_url }}."
    )
    text = models.TextField("plain text", blank=True, help_text="Empty: made from the HTML.")
    on_missing = models.CharField(
        "when a value is missing",
        max_length=8,
        choices=OnMissing.choices,
        default=OnMissing.FAIL,
    )
    transactional = models.BooleanField(
        default=False,
        help_text="Receipts and the like: sent also to people who unsubscribed, with no unsubscribe link.",
    )
    compiled = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    edited_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "e-mail template"

    def __str__(self):
        return self.name


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

    OPEN = ["queued", "leased", "sending", "parked"]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=120, unique=True, help_text="visit:…, api:…, test:…: makes “twice” impossible.")
    channel = models.CharField(max_length=20, default="email")
    purpose = models.CharField(max_length=14, choices=Purpose.choices, default=Purpose.MARKETING)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="messages")
    address = models.ForeignKey(Address, models.PROTECT, null=True, related_name="messages")
    campaign = models.ForeignKey(Campaign, models.PROTECT, null=True, related_name="messages")
    version = models.ForeignKey(Version, models.PROTECT, null=True, related_name="+")
    step_uid = models.CharField(max_length=40, blank=True)
    template = models.ForeignKey(EmailTemplate, models.PROTECT, related_name="messages")
    topic = models.ForeignKey(Topic, models.SET_NULL, null=True, related_name="+")
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
    consent_record = models.ForeignKey("contacts.ConsentRecord", models.SET_NULL, null=True, related_name="+")
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
        indexes = [
            # campaigns.sending.claim: queued messages, oldest first
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="message_queued"),
            # campaigns.sending.take_back: leases that ran out
            models.Index(fields=["lease_until"], condition=Q(state__in=["leased", "sending"]), name="message_leases"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(state__in=["parked", "unknown"]), name="message_aside"),
            # campaigns.settling.announce: settled, but nobody was told yet
            models.Index(
                fields=["settled_at"],
                condition=Q(announced=False, settled_at__isnull=False),
                name="message_unannounced",
            ),
            # campaigns.numbers: what came of each step
            models.Index(fields=["campaign", "step_uid", "state"], name="message_step"),
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
