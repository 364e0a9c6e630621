"""Score models, their definitions and rules. What contacts earned by them is in `scoring.ledger_models`."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse

from lib import clock
from ops.models import Job
from scoring.ledger_models import Effect as Effects
from scoring.ledger_models import Score, ScoreChange, ScoreFlow, cell_of, grades_of

__all__ = [
    "Score", "ScoreChange", "ScoreEdition", "ScoreFlow", "ScoreModel", "ScorePreview", "ScoreRule", "cell_of",
    "grades_of",
]  # fmt: skip


class Levels(ArrayField):
    """Numbers of points, ascending."""

    def __init__(self, **options):
        options.pop("base_field", None)
        super().__init__(models.FloatField(), default=list, editable=False, **options)

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        return name, path, args, {"db_column": options["db_column"]} if options.get("db_column") else {}


class ScoreModelQuerySet(models.QuerySet):
    def active(self):
        return self.filter(is_active=True)


class ScoreModel(models.Model):
    """One way to score contacts. `definition` is in force, `draft` is being edited; scoring.document is their schema.

    Written from the definition when it is put in force, as the engine reads them: floor, ceiling, margin and the
    thresholds of bands, grades and stages; a band, grade or stage is kept as its place among the thresholds.
    """

    key = models.CharField(
        max_length=40, unique=True, help_text="What conditions, templates and the API call it, such as lead.",
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Use small letters, digits and _; begin with a letter.")],
    )  # fmt: skip
    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    is_active = models.BooleanField(default=False)
    definition = models.JSONField(default=dict)
    draft = models.JSONField(null=True)
    draft_revision = models.PositiveIntegerField(default=0, help_text="Counts saves of drafts.")
    draft_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    draft_at = models.DateTimeField(null=True)
    edition = models.PositiveIntegerField(default=0, help_text="The number of the definition that is in force.")
    filled_edition = models.PositiveIntegerField(default=0, help_text="The definition that everybody's score follows.")
    filled_at = models.DateTimeField(null=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+", help_text="The last recomputing.")

    floor = models.FloatField(null=True)
    ceiling = models.FloatField(null=True)
    margin = models.FloatField(default=2)
    band_from = Levels()
    fit_from = Levels()
    engagement_from = Levels()
    stage_from = Levels()
    # Other numbers of points by which segments tell contacts apart: scoring.levels.
    levels = Levels()
    fit_levels = Levels()
    engagement_levels = Levels()

    kept_stages = models.JSONField(default=list, help_text="The stages by which the places of contacts are counted.")

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    edited_at = models.DateTimeField(default=clock.now)

    objects = ScoreModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        permissions = [("publish_scoremodel", "Can put score models in force, turn them on and off")]

    def __str__(self):
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:scoring_scoremodel_change", args=[self.pk])

    @property
    def is_settled(self) -> bool:
        """Does everybody's score follow the definition? Else a job is working it out, or was stopped."""
        return self.filled_edition == self.edition

    @property
    def nothing(self) -> float:
        """The points of those who earned nothing: 0, between floor and ceiling."""
        low = 0 if self.floor is None else max(0, self.floor)
        return low if self.ceiling is None else min(low, self.ceiling)

    @property
    def bands(self) -> list[str]:
        """Their names, the lowest first."""
        return [band["name"] for band in self.definition.get("bands", [])]

    @property
    def stages(self) -> list[str]:
        """Their names in order; a contact's stage 0 is none of them, stage 1 the first."""
        return [stage["name"] for stage in self.definition.get("stages", [])]


class ScoreEdition(models.Model):
    """A definition that was put in force: what the model was, and what to go back to."""

    model = models.ForeignKey(ScoreModel, models.CASCADE, related_name="editions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    changes = models.JSONField(default=list, help_text="What is different from the edition before, a sentence each.")
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="score_edition_once")]

    def __str__(self):
        return f"{self.model}, edition {self.number}"


class ScoreRuleQuerySet(models.QuerySet):
    def in_force(self):
        return self.filter(removed_at=None, model__is_active=True)


class ScoreRule(models.Model):
    """One rule of the definition in force, as the engine reads it. One that was removed stays, for the ledger."""

    class Kind(models.TextChoices):
        BEHAVIOURAL = "behavioural", "Behaviour: what they do"
        DEMOGRAPHIC = "demographic", "Person: who they are"
        FIRMOGRAPHIC = "firmographic", "Company: where they work"

    class Part(models.TextChoices):
        FIT = "fit", "Fit"
        ENGAGEMENT = "engagement", "Engagement"

    Effect = Effects

    model = models.ForeignKey(ScoreModel, models.CASCADE, related_name="rules")
    uid = models.CharField(max_length=40)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    part = models.CharField(max_length=10, choices=Part.choices)
    name = models.CharField(max_length=120)
    effect = models.CharField(max_length=5, choices=Effect.choices, default=Effect.ADD)
    points = models.FloatField(default=0)
    event = models.CharField(max_length=120, blank=True)
    where = models.JSONField(null=True, help_text="Which of these events; those of machines are left out here.")
    condition = models.JSONField(null=True, help_text="Of a rule about the person or the company.")
    reads = ArrayField(models.CharField(max_length=300), default=list, help_text="What its condition reads.")
    turns = models.BooleanField(default=False, help_text="Can time alone change the condition's answer?")
    turns_at_midnight = models.BooleanField(default=False)
    at_most = models.PositiveSmallIntegerField(default=1, help_text="So many events count, the latest ones.")
    cap = models.FloatField(null=True)
    group = models.CharField(max_length=60, blank=True)
    group_cap = models.FloatField(null=True)
    half_life = models.FloatField(null=True, help_text="Seconds.")
    lasts = models.FloatField(null=True, help_text="Seconds until a contribution expires.")
    swept_at = models.DateTimeField(null=True, help_text="Until when the passing of time is taken into account.")
    removed_at = models.DateTimeField(null=True)

    objects = ScoreRuleQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["model", "uid"], name="score_rule_uid_once")]

    def __str__(self):
        return self.name


class ScorePreview(models.Model):
    """What a draft would do to everybody's score, worked out before it is put in force."""

    model = models.OneToOneField(ScoreModel, models.CASCADE, related_name="preview")
    draft_revision = models.PositiveIntegerField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    outcome = models.JSONField(default=dict, help_text="scoring.previewing says what is in it.")
    made_at = models.DateTimeField(null=True, help_text="Empty: not ready.")

    def __str__(self):
        return f"Preview of {self.model}"
