"""Who belongs together: segments, who is in them since when, and how their size went."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Sum
from django.urls import reverse

from contacts.models import Contact
from lib import clock
from lib.due import DueQuerySet
from ops.models import Job
from segments.computed_models import ComputedAttribute, ComputedTally, ComputedValue  # noqa: F401  found by Django here
from segments.known_models import KnownField, KnownRoot  # noqa: F401


class SegmentQuerySet(DueQuerySet):
    def dynamic(self):
        return self.filter(kind=Segment.Kind.DYNAMIC)

    def static(self):
        return self.filter(kind=Segment.Kind.STATIC)

    def evaluated(self):
        """Those whose members follow a condition that can be evaluated."""
        return self.dynamic().filter(fault="")

    def with_size(self):
        """`size`: how many are in it, from the flow: exact, and no count over the members."""
        net = Flow.objects.filter(segment=models.OuterRef("pk")).order_by().values("segment")
        sums = net.annotate(net=Sum(F("entered") - F("gone"))).values("net")
        return self.annotate(size=models.functions.Coalesce(models.Subquery(sums), 0))

    def with_growth(self, since):
        """`growth`: by how many they grew, or shrank, from that day on."""
        net = Flow.objects.filter(segment=models.OuterRef("pk"), day__gte=since).order_by().values("segment")
        sums = net.annotate(net=Sum(F("entered") - F("gone"))).values("net")
        return self.annotate(growth=models.functions.Coalesce(models.Subquery(sums), 0))


class Segment(models.Model):
    """Contacts that a condition describes (dynamic), or that were put there (static).

    `reads`, `turns` and `turns_at_midnight` are worked out from the condition when it is saved: what must be
    written for somebody to enter or leave, and whether time alone can do it. `due_at` is when the passing of
    time is looked at next; null where it changes nothing.
    """

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic", "By rules: people come and go by themselves"
        STATIC = "static", "A fixed list: filled by hand, import, API or a campaign"

    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=300, blank=True, help_text="What it is for, in your own words.")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DYNAMIC)
    condition = models.JSONField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=1, help_text="Counts changes of the condition.")
    reads = ArrayField(models.CharField(max_length=300), default=list, editable=False)
    turns = models.BooleanField(default=False, editable=False)
    turns_at_midnight = models.BooleanField(default=False, editable=False)

    refreshed_revision = models.PositiveIntegerField(default=0, help_text="The revision that the members follow.")
    refreshed_at = models.DateTimeField(null=True, help_text="When everybody was last looked at.")
    refresh_ms = models.PositiveIntegerField(null=True, help_text="How long that took, milliseconds.")
    refresh = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    swept_at = models.DateTimeField(null=True, help_text="Until when the passing of time is taken into account.")
    due_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=400, blank=True, help_text="Why it could not be evaluated, in a sentence.")

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    edited_at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(null=True, help_text="When it was last read: by a campaign, an export, the API.")

    objects = SegmentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        permissions = [("export_segment", "Can export the members of segments")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="dynamic") | Q(condition=None, due_at=None), name="static_segment_has_no_condition"
            ),
        ]
        indexes = [  # segments.sweeping: whose members the passing of time may have changed
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="segment_due"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("admin:segments_segment_change", args=[self.pk])

    @property
    def is_dynamic(self) -> bool:
        return self.kind == Segment.Kind.DYNAMIC

    @property
    def is_settled(self) -> bool:
        """Do the members follow the condition as it stands? While they are being looked at, nobody “enters”."""
        return not self.is_dynamic or self.refreshed_revision == self.revision


class MembershipQuerySet(models.QuerySet):
    def current(self):
        return self.filter(left_at=None)


class Membership(models.Model):
    """One contact's stay in one segment: since when and until when, and what began and ended it."""

    class Cause(models.TextChoices):
        CHANGE = "change", "Something was written about them"
        TIME = "time", "Time passed"
        DEFINITION = "definition", "The segment's rules were changed"
        MERGED = "merged", "Two contacts became one"
        HAND = "hand", "By hand"
        IMPORT = "import", "By an import"
        API = "api", "By the API"
        STEP = "step", "By a step of a campaign"

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="memberships", db_index=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="memberships", db_index=False)
    entered_at = models.DateTimeField()
    entered_by = models.CharField(max_length=10, choices=Cause.choices)
    left_at = models.DateTimeField(null=True)
    left_by = models.CharField(max_length=10, choices=Cause.choices, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False,
        help_text="Who put them there, or took them out.",
    )  # fmt: skip

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "contact"], condition=Q(left_at=None), name="in_segment_once")
        ]
        indexes = [
            # contact page: what she is and was in; merging
            models.Index(fields=["contact", "-entered_at"], name="membership_contact"),
            # segment page: who came last
            models.Index(fields=["segment", "-id"], condition=Q(left_at=None), name="membership_newest"),
        ]

    def __str__(self):
        return f"{self.contact_id} in {self.segment_id}"


class Flow(models.Model):
    """How many entered and left a segment on a day: one row a batch, made one row a day by the sweep."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="flow", db_index=False)
    day = models.DateField()
    entered = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["segment", "day"], name="flow_of_segment")]

    def __str__(self):
        return f"{self.day}: +{self.entered} −{self.gone}"


class Candidate(models.Model):
    """A contact whose membership a refresh found to be other than the rules say; gone when it is settled."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="candidates", db_index=False, db_constraint=False)
    contact = models.ForeignKey(Contact, models.CASCADE, db_index=False, db_constraint=False, related_name="+")
    revision = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["segment", "id"], name="candidate_of_segment")]

    def __str__(self):
        return f"{self.contact_id} for {self.segment_id}"
