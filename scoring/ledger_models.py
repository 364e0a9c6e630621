"""What contacts earned: the ledger, what it comes to, and how many came into which band when."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from contacts.models import Contact
from lib.due import DueQuerySet


class Effect(models.TextChoices):
    """What a contribution does to its part of the score."""

    ADD = "add", "Add or take points"
    SET = "set", "Set to"
    RESET = "reset", "Reset to 0"


def cell_of(fit_grade: int, engagement_grade: int) -> str:
    """The cell of the grid: “A1” is the best, “C3” the least."""
    return f"{'CBA'[fit_grade]}{3 - engagement_grade}"


def grades_of(cell: str) -> tuple[int, int]:
    """The grades of fit and engagement, as Score has them, of a cell of the grid."""
    return "CBA".index(cell[0]), 3 - int(cell[1])


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

    model = models.ForeignKey(
        "scoring.ScoreModel", models.CASCADE, related_name="changes", db_index=False, db_constraint=False
    )
    rule = models.ForeignKey(
        "scoring.ScoreRule", models.CASCADE, null=True, related_name="changes", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    event_id = models.UUIDField(null=True, help_text="Of the event that earned it; of an API call, made of its key.")
    at = models.DateTimeField(help_text="From when it counts, and fades: when it happened.")
    cause = models.CharField(max_length=4, choices=Cause.choices, default=Cause.RULE, db_default=Cause.RULE)
    effect = models.CharField(max_length=5, choices=Effect.choices, blank=True, db_default="", default="")
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
            # scoring.settling: what a contact’s score is made of, the latest of each rule first
            models.Index(
                fields=["contact", "model", "rule", "-at"],
                condition=Q(ended_at=None),
                name="score_change_live",
            ),
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
    model = models.ForeignKey(
        "scoring.ScoreModel", models.CASCADE, related_name="scores", db_index=False, db_constraint=False
    )
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

    model = models.ForeignKey("scoring.ScoreModel", models.CASCADE, related_name="flow", db_index=False)
    day = models.DateField()
    band = models.SmallIntegerField()
    net = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["model", "day"], name="score_flow_of_model")]

    def __str__(self):
        return f"{self.day}: {self.net:+}"
