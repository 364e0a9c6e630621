"""Gates: how many may be inside a section of a campaign at once, who has a place and who waits for one."""

from django.db import models
from django.db.models import Q

from campaigns.models import Campaign


class Gate(models.Model):
    """A step “pass through a gate”, as it is published: how many places, and which step ends the section."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="gates")
    step_uid = models.CharField(max_length=40)
    places = models.PositiveIntegerField()
    until = models.CharField(max_length=40, blank=True, help_text="The first step after the section; empty: the end.")
    up_to = models.PositiveIntegerField(
        null=True, help_text="For those who finish a version up to this number; empty: for everybody since."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "step_uid"], condition=Q(up_to=None), name="gate_once_live"),
            models.UniqueConstraint(fields=["campaign", "step_uid", "up_to"], name="gate_once_per_version"),
        ]

    def __str__(self):
        return f"gate {self.step_uid}"


class Place(models.Model):
    """One enrollment at a gate: waiting for a place, or inside the section.

    When a place is free again is not written by whoever leaves: it follows from the enrollment (`automation.gates`),
    so that no way out can forget it. `left` is only tidiness.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waits"
        INSIDE = "inside", "Inside"
        LEFT = "left", "Left"

    gate = models.ForeignKey(Gate, models.CASCADE, related_name="+", db_index=False)
    enrollment = models.ForeignKey("automation.Enrollment", models.CASCADE, related_name="+", db_index=False)
    occurrence = models.PositiveSmallIntegerField(default=1, help_text="Of the visit.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    arrived_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["enrollment", "gate", "occurrence"], name="one_place_per_visit"),
        ]
        indexes = [
            # automation.gates: whose turn it is
            models.Index(
                fields=["gate", "arrived_at", "enrollment"], condition=Q(state="waiting"), name="place_waiting"
            ),
            # automation.gates: who is inside
            models.Index(fields=["gate"], condition=Q(state="inside"), name="place_inside"),
        ]

    def __str__(self):
        return f"{self.get_state_display()} at {self.gate}"
