"""Test runs: a campaign tried with test contacts, quicker than in real life. docs/how-it-works.md says how."""

from django.conf import settings
from django.db import models

from campaigns.models import Campaign


class TestRun(models.Model):
    """One try of a campaign. It runs a copy of its own (`campaign`), so nothing that it does is counted or changed."""

    __test__ = False  # pytest takes what begins with Test for tests

    campaign = models.OneToOneField(Campaign, models.CASCADE, primary_key=True, related_name="test_run")
    of_draft = models.BooleanField(help_text="Else of what was live then.")
    speed = models.PositiveIntegerField(help_text="How many times as fast as in real life.")
    outside = models.BooleanField(default=False, help_text="Webhooks are called, and the team and CRMs told, too.")
    event_type = models.CharField(max_length=120, blank=True)
    properties = models.JSONField(default=dict, help_text="Of the event that let them in.")
    remarks = models.JSONField(default=dict, help_text="By contact: sentences on what would have kept them out.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    token = models.UUIDField(null=True, unique=True, help_text="Of the form; sent twice, it starts one run.")

    class Meta:
        ordering = ["-started_at", "-pk"]
        indexes = [
            # automation.running.tidy: runs that may be over
            models.Index(fields=["started_at"], condition=models.Q(ended_at=None), name="test_run_open"),
        ]

    def __str__(self):
        return f"Test run of “{self.campaign.name}”"


class Moment(models.Model):
    """When the engine had somebody of a test run in hand: what the run's clock showed then, and until when they wait.

    While nothing but a mail is awaited the clock of the run stands; during a wait it goes as fast as the run.
    """

    enrollment = models.ForeignKey("automation.Enrollment", models.CASCADE, related_name="moments")
    at = models.DateTimeField()
    shown = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="By the run's clock.")

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"{self.shown}"
