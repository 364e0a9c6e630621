"""Lead scores: models with their rules, the ledger of what each contact earned, and what it comes to."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse

from contacts.models import Contact
from lib import clock
from lib.due import DueQuerySet
from ops.models import Job


class Levels(ArrayField):
    """Numbers of points, ascending."""

    def __init__(self, **options):
        options.pop("base_field", None)
        super().__init__(models.FloatField(), default=list, editable=False, **options)

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        return name, path, args, {"db_column": options["db_column"]} if options.get("db_column") else {}


def cell_of(fit_grade: int, engagement_grade: int) -> str:
    """The cell of the grid: “A1” is the best, “C3” the least."""
    return f"{'CBA'[fit_grade]}{3 - engagement_grade}"


def grades_of(cell: str) -> tuple[int, int]:
    """The grades of fit and engagement, as Score has them, of a cell of the grid."""
    return "CBA".index(cell[0]), 3 - int(cell[1])


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

    class Effect(models.TextChoices):
        ADD = "add", "Add or take points"
        SET = "set", "Set to"
        RESET = "reset", "Reset to 0"

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


class ScoreChangeQuerySet(models.QuerySet):
    def live(self):
        """Those that count."""
        return self.filter(ended_at=None)

    def for_contact(self, contact_id: int):
        """All of a contact, by the indexes of those that count and of those that do not any more."""
        return self.filter(Q(ended_at=None) | Q(ended_at__isnull=False), contact_id=contact_id)


class ScoreChange(models.Model):
    """The ledger: what one contact earned, when, and until when it counts.

    Of a rule, points, effect and fading are the rule's own as they stand; what a person, a step or the API gave
    carries its own. What it is worth at a moment is computed: scoring.points.
    """

    class Cause(models.TextChoices):
        RULE = "rule", "A rule"
        HAND = "hand", "By hand"
        STEP = "step", "By a step of a campaign"
        API = "api", "By the API"

    class Ended(models.TextChoices):
        NEWER = "newer", "Newer ones took its place"
        UNTRUE = "untrue", "No longer true of them"
        RULE = "rule", "The rule was removed or changed"
        TAKEN_BACK = "taken back", "Taken back by hand"
        MERGED = "merged", "Two contacts became one"

    model = models.ForeignKey(ScoreModel, models.CASCADE, related_name="changes", db_index=False, db_constraint=False)
    rule = models.ForeignKey(
        ScoreRule, models.CASCADE, null=True, related_name="changes", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    event_id = models.UUIDField(null=True, help_text="Of the event that earned it; of an API call, made of its key.")
    at = models.DateTimeField(help_text="From when it counts, and fades: when it happened.")
    cause = models.CharField(max_length=4, choices=Cause.choices, default=Cause.RULE, db_default=Cause.RULE)
    effect = models.CharField(max_length=5, choices=ScoreRule.Effect.choices, blank=True, db_default="", default="")
    points = models.FloatField(null=True)
    half_life = models.FloatField(null=True, help_text="Seconds.")
    lasts = models.FloatField(null=True, help_text="Seconds.")
    reason = models.CharField(max_length=200, blank=True, db_default="", default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=10, choices=Ended.choices, blank=True, db_default="", default="")

    objects = ScoreChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "event_id"], condition=Q(event_id__isnull=False), nulls_distinct=False,
                name="scored_once_per_event",
            ),
            models.UniqueConstraint(
                fields=["rule", "contact"], name="scored_once_while_true",
                condition=Q(event_id=None, ended_at=None, rule__isnull=False),
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_because="") | (Q(ended_at__isnull=False) & ~Q(ended_because="")),
                name="score_change_ends_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(rule__isnull=False) | Q(points__isnull=False, cause__in=["hand", "step", "api"]),
                name="score_change_of_no_rule_has_points",
            ),
        ]  # fmt: skip
        indexes = [
            # scoring.settling: what a contact's score is made of; scoring.ledger: the latest of a rule
            models.Index(fields=["contact", "rule", "at"], condition=Q(ended_at=None), name="score_change_live"),
            # contact page: what counted once
            models.Index(fields=["contact", "-at"], condition=Q(ended_at__isnull=False), name="score_change_ended"),
        ]

    def __str__(self):
        return f"{self.points} for {self.contact_id}"


class Score(models.Model):
    """What a contact's ledger came to at `as_of`; bands, grades and stage hold until the next touch.

    Narrow and without an index on what changes often. `due_at`: when fading may next take the contact over a
    threshold; it may be too early, never too late. Who earned nothing has no row: 0 points, the lowest band.
    """

    pk = models.CompositePrimaryKey("model_id", "contact_id")
    model = models.ForeignKey(ScoreModel, models.CASCADE, related_name="scores", db_index=False, db_constraint=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="scores", db_index=False, db_constraint=False)
    fit = models.FloatField()
    engagement = models.FloatField()
    points = models.FloatField()
    band = models.SmallIntegerField(help_text="0: the lowest.")
    fit_grade = models.SmallIntegerField(help_text="2: A, 1: B, 0: C.")
    engagement_grade = models.SmallIntegerField(help_text="2: 1, 1: 2, 0: 3.")
    stage = models.SmallIntegerField(help_text="0: none yet.")
    crossings = models.PositiveIntegerField(default=0, help_text="How often the band changed.")
    as_of = models.DateTimeField()
    due_at = models.DateTimeField(null=True)

    objects = DueQuerySet.as_manager()

    class Meta:
        indexes = [  # scoring.fading: who may cross a threshold by the passing of time
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="score_due"),
        ]

    def __str__(self):
        return f"{self.points:g}"

    @property
    def cell(self) -> str:
        return cell_of(self.fit_grade, self.engagement_grade)


class ScoreFlow(models.Model):
    """How many came into a band of a model on a day, less those who left it: a row a batch, compacted to one a day."""

    model = models.ForeignKey(ScoreModel, models.CASCADE, related_name="flow", db_index=False)
    day = models.DateField()
    band = models.SmallIntegerField()
    net = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["model", "day"], name="score_flow_of_model")]

    def __str__(self):
        return f"{self.day}: {self.net:+}"


class ScorePreview(models.Model):
    """What a draft would do to everybody's score, worked out before it is put in force."""

    model = models.OneToOneField(ScoreModel, models.CASCADE, related_name="preview")
    draft_revision = models.PositiveIntegerField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    outcome = models.JSONField(default=dict, help_text="scoring.previewing says what is in it.")
    made_at = models.DateTimeField(null=True, help_text="Empty: not ready.")

    def __str__(self):
        return f"Preview of {self.model}"
