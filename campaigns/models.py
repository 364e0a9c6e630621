"""What marketers define: campaigns, their versions, templates. Messages are in `campaigns.message_models`."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast, Left

from campaigns import doors
from campaigns.campaign_rows import CampaignManager, CampaignQuerySet
from campaigns.document import new_uid
from campaigns.message_models import CaughtMail, Message, MessageBody, MessageQuerySet, TrackingHit
from lib import clock
from lib.durations import duration, in_words

__all__ = [
    "Approval", "Campaign", "CampaignQuerySet", "CaughtMail", "Edge", "EmailTemplate", "FrequencyCap", "Message",
    "MessageBody", "MessageQuerySet", "Reference", "Step", "TrackingHit", "Version",
]  # fmt: skip
DEFAULT_LATENESS_HOURS = 24
LONGEST_WINDOW = timedelta(days=90)


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

    uid = models.CharField(
        max_length=40, unique=True, default=new_uid, db_default=Left(Cast(RandomUUID(), models.TextField()), 8),
        editable=False, help_text="What files call it, on every site.",
    )  # fmt: skip
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
    stopped_because = models.TextField(blank=True, help_text="Why the engine paused or ended it, if it did.")
    draining_since = models.DateTimeField(null=True, blank=True, help_text="Nobody enters any more, since then.")
    test_of = models.ForeignKey(
        "self", models.CASCADE, null=True, editable=False, related_name="test_copies",
        help_text="This is a copy of that one, which a test run runs: in no list and in no number.",
    )  # fmt: skip

    objects = CampaignManager()
    with_tests = CampaignQuerySet.as_manager()

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
        return f"{self.name} (test run)" if self.test_of_id else self.name

    @property
    def asked(self) -> "Approval | None":
        """The request to publish that waits for an answer."""
        return self.approvals.filter(state=Approval.State.OPEN).select_related("asked_by").first()

    @property
    def declined(self) -> "Approval | None":
        """Why the draft, as it still is, was not published."""
        newest = self.approvals.filter(revision=self.revision).select_related("answered_by").first()
        return newest if newest and newest.state == Approval.State.DECLINED else None

    @property
    def fuses(self) -> list[doors.Blown]:
        """The steps that wait for a person to let them go on."""
        return doors.blown(self, clock.now())


class Version(models.Model):
    """A published definition. Never changed: people inside follow one, and history points to it."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    choices = models.JSONField(
        default=dict, db_default={}, help_text="What became of those inside; campaigns.choices is its schema."
    )

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["campaign", "number"], name="version_number_once")]

    def __str__(self):
        return f"{self.campaign}, version {self.number}"


class Approval(models.Model):
    """Somebody who may not publish asks somebody who may; a draft that changes withdraws it."""

    class State(models.TextChoices):
        OPEN = "open", "Waits for an answer"
        WITHDRAWN = "withdrawn", "Withdrawn"
        DECLINED = "declined", "Declined"
        GRANTED = "granted", "Published"

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals")
    revision = models.PositiveIntegerField(help_text="Of the draft that is meant.")
    note = models.TextField(blank=True, max_length=1000)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True, max_length=1000, help_text="Why it was declined or withdrawn.")

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign"], condition=Q(state="open"), name="asked_once_at_a_time")
        ]

    def __str__(self):
        return f"{self.campaign}: {self.get_state_display()}"


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


class FrequencyCap(models.Model):
    """At most so many marketing messages to one address within a rolling time; of a topic, or of all."""

    class Unit(models.TextChoices):
        HOURS = "hours", "hours"
        DAYS = "days", "days"
        WEEKS = "weeks", "weeks"

    topic = models.ForeignKey(
        "contacts.Topic",
        models.CASCADE,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
        help_text="Empty: whatever it is about.",
    )
    most = models.PositiveSmallIntegerField("at most", help_text="So many marketing mails …")
    amount = models.PositiveSmallIntegerField("within", default=7, help_text="… within so many …")
    unit = models.CharField("hours, days or weeks", max_length=5, choices=Unit.choices, default=Unit.DAYS)

    class Meta:
        verbose_name = "frequency limit"
        ordering = ["topic_id", "unit", "amount"]
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "amount", "unit"], name="one_limit_per_time", nulls_distinct=False,
                violation_error_message="There is a limit for this time already; change that one.",
            ),
            models.CheckConstraint(
                condition=Q(most__gte=1, amount__gte=1), name="limit_lets_something_through",
                violation_error_message="Write numbers of 1 or more; to send nothing at all, stop the mail.",
            ),
        ]  # fmt: skip

    def __str__(self):
        about = f"of “{self.topic}” " if self.topic_id else ""
        mails = "1 mail" if self.most == 1 else f"{self.most:,} mails"
        return f"{mails} {about}in {in_words(self.window)}"

    @property
    def window(self) -> timedelta:
        return duration(self.amount, self.unit)

    def clean(self):
        most = LONGEST_WINDOW // timedelta(hours=1)  # beyond it not even a duration can be made of some numbers
        if self.unit and self.amount and (self.amount > most or self.window > LONGEST_WINDOW):
            raise ValidationError({"amount": f"Choose {in_words(LONGEST_WINDOW)} at most."})
