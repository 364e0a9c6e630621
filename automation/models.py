"""Who is inside which campaign, what was decided for them and why. docs/states.md draws the states."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from automation.call_models import Attempt, Call, HeaderSecret, Receiver  # noqa: F401  found by Django here
from automation.fuse_models import Expected, Fuse, Mailed  # noqa: F401
from automation.gate_models import Gate, Place  # noqa: F401
from automation.request_models import EntryRequest  # noqa: F401
from automation.run_models import Moment, TestRun  # noqa: F401
from automation.timed_models import DateDue, Timer  # noqa: F401
from campaigns.models import Campaign, Message, Version
from contacts.models import Contact
from lib import clock
from lib.due import DueQuerySet

STOPPED = "A fault of Dripline’s own stopped them here; an engineer finds it in the log as “due.parked”."


class EnrollmentQuerySet(DueQuerySet):
    def active(self):
        return self.filter(state__in=Enrollment.INSIDE)

    def for_contact(self, contact):
        return self.filter(contact=contact)


class Enrollment(models.Model):
    """One contact inside one campaign.

    `due_at` is null exactly when the engine will not pick it up by itself: it waits for its message (or a call, a
    place at a gate, a person's word after the fuse), is parked, finished or out. A paused campaign's
    enrollments keep their `due_at`; claims go per running campaign, so they rest.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Under way"
        HELD = "held", "Waiting for something outside"
        PARKED = "parked", "Parked after a fault"
        FINISHED = "finished", "Finished"
        EXITED = "exited", "Left early"

    INSIDE = ["active", "held", "parked"]

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="enrollments")
    contact = models.ForeignKey(Contact, models.CASCADE, db_index=False, related_name="enrollments")
    version = models.ForeignKey(Version, models.PROTECT, db_index=False, related_name="+")
    entry_key = models.CharField(max_length=255, blank=True)
    once = models.BooleanField(default=False, help_text="The campaign took each (contact, key) in once only.")
    arm = models.CharField(max_length=20, blank=True, help_text="“holdout” for those who get nothing.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    step_uid = models.CharField(max_length=40, blank=True, help_text="The step it is in, or is about to enter.")
    due_at = models.DateTimeField(null=True)
    scheduled_at = models.DateTimeField(
        null=True, help_text="When it should go on; after a pause `due_at` may be later, and lateness counts from here."
    )
    data = models.JSONField(default=dict, help_text="The entry event's properties, and answers of webhooks.")
    event_type = models.CharField(max_length=120, blank=True)
    event_id = models.UUIDField(null=True)
    event_at = models.DateTimeField(null=True, help_text="When the entry event happened.")
    hops = models.PositiveSmallIntegerField(default=0)
    listens = models.BooleanField(
        default=False, db_default=False, help_text="What it waits for may happen before it is due."
    )
    skips_message = models.BooleanField(
        default=False, db_default=False, help_text="A date was past already: the next mail is left out."
    )
    steps_taken = models.PositiveIntegerField(default=0, help_text="Guards against loops without end.")
    entered_at = models.DateTimeField(default=clock.now)
    left_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, blank=True, help_text="Why it left early, or was parked.")
    explanation = models.CharField(max_length=400, blank=True)

    objects = EnrollmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "contact", "entry_key"],
                condition=Q(state__in=["active", "held", "parked"]),
                name="inside_once_per_key",
            ),
            models.UniqueConstraint(
                fields=["campaign", "contact", "entry_key"], condition=Q(once=True), name="entered_once_for_ever"
            ),
            models.CheckConstraint(
                condition=Q(state="active", due_at__isnull=False) | (~Q(state="active") & Q(due_at__isnull=True)),
                name="enrollment_due_while_active",
            ),
        ]
        indexes = [
            # automation.advancing.claim: due enrollments of one running campaign, oldest first
            models.Index(fields=["campaign", "due_at"], condition=Q(due_at__isnull=False), name="enrollment_due"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(state="parked"), name="enrollment_parked"),
            # contact page: what she is in
            models.Index(fields=["contact", "-entered_at"], name="enrollment_contact"),
            # automation.watching: who waits for what these contacts may have done
            models.Index(fields=["contact"], condition=Q(listens=True), name="enrollment_listens"),
            # campaign page: who waits in which step
            models.Index(fields=["campaign", "step_uid"], condition=Q(left_at__isnull=True), name="enrollment_inside"),
        ]

    def __str__(self):
        return f"{self.contact} in {self.campaign}"

    @property
    def counts_from(self) -> datetime:
        """From when on what they do is about this entry: what let them in may have happened before it was read."""
        return min(self.entered_at, self.event_at or self.entered_at)

    @property
    def said(self) -> str:
        """How it ended, or why it rests, in a plain sentence."""
        return STOPPED if self.state == self.State.PARKED else self.explanation

    @property
    def technical(self) -> str:
        """Of who was stopped by a fault: what an engineer asks for."""
        return self.explanation if self.state == self.State.PARKED else ""


class Visit(models.Model):
    """One step of one enrollment: what was decided, from which values, and why."""

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, db_index=False, related_name="visits")
    version = models.ForeignKey(Version, models.PROTECT, db_index=False, related_name="+")
    step_uid = models.CharField(max_length=40)
    kind = models.CharField(max_length=40)
    occurrence = models.PositiveSmallIntegerField(default=1)
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    arm = models.CharField(max_length=60, blank=True, help_text="The way it left: done, skipped, an outcome …")
    explanation = models.CharField(max_length=400, blank=True, help_text="In a sentence.")
    facts = models.JSONField(default=dict, help_text="The values that were seen.")
    message = models.OneToOneField(Message, models.PROTECT, null=True, related_name="visit")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "step_uid", "occurrence"], name="visited_once_per_occurrence"
            ),
            # one place at a time
            models.UniqueConstraint(fields=["enrollment"], condition=Q(left_at=None), name="one_open_visit"),
        ]
        ordering = ["id"]

    def __str__(self):
        return self.explanation or f"{self.kind} {self.step_uid}"

    @property
    def counts_from(self) -> datetime:
        """Since when what they do counts in a step that listens."""
        told = self.facts.get("heard_since")
        return datetime.fromisoformat(told) if told else self.entered_at

    @property
    def until(self) -> datetime | None:
        """Until when it waits at most, by the clock that its step is shown; it may be looked at before."""
        told = self.facts.get("until")
        return datetime.fromisoformat(told) if told else None


class Assignment(models.Model):
    """A random choice, made once by hash and kept: a changed percentage moves nobody."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="assignments")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="assignments")
    name = models.CharField(max_length=60, help_text="“holdout”, or the uid of a split.")
    arm = models.CharField(max_length=60)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "contact", "name"], name="assigned_once")]

    def __str__(self):
        return f"{self.name}: {self.arm}"


class SiteAssignment(models.Model):
    """The same for the holdout of the whole site: whether this contact gets nothing from any campaign."""

    contact = models.OneToOneField(Contact, models.CASCADE, related_name="+")
    held_out = models.BooleanField()
    at = models.DateTimeField(default=clock.now)

    def __str__(self):
        return "held out" if self.held_out else "in"


class GoalReached(models.Model):
    """Somebody did, within its days, what the campaign is for."""

    enrollment = models.ForeignKey(Enrollment, models.CASCADE, db_index=False, related_name="goals")
    goal_uid = models.CharField(max_length=40)
    event_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["enrollment", "goal_uid"], name="goal_reached_once")]

    def __str__(self):
        return f"{self.enrollment}: {self.goal_uid}"


class Refusal(models.Model):
    """Somebody whose event matched a trigger, but who did not enter, and why. Kept for 90 days."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="refusals")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="refusals")
    at = models.DateTimeField()
    reason = models.CharField(max_length=40)
    explanation = models.CharField(max_length=400)
    event_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "contact", "event_id"], name="refused_once_per_event")
        ]
        indexes = [models.Index(fields=["contact", "-at"], name="refusal_contact")]

    def __str__(self):
        return self.explanation


class Pulse(models.Model):
    """One row: when the engine last looked for work. A long silence was an outage."""

    at = models.DateTimeField()

    def __str__(self):
        return f"{self.at}"
