"""Who may do what, and the state of the installation itself."""

import hashlib
import hmac
import secrets
import zoneinfo

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, validate_email
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from lib import clock
from lib.due import DueQuerySet


class User(AbstractUser):
    """A person on the team. (The people we write to are contacts.)"""


def validate_timezone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"“{name}” is not a time zone; write one such as Europe/Paris.")


class SiteSettings(models.Model):
    """The one row of facts about this installation: its name, time zone, address and sender."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(
        max_length=120, default="My company", help_text="Your company's name, as the readers of your mails know it."
    )
    timezone = models.CharField(
        "time zone",
        max_length=64,
        default="UTC",
        validators=[validate_timezone],
        help_text="Used for contacts whose own time zone is unknown, such as Europe/Paris.",
    )
    postal_address = models.TextField(
        blank=True,
        help_text="Law in most countries asks for it in every marketing mail. No campaign can be activated without it.",
    )
    sender_name = models.CharField(
        max_length=120, blank=True, help_text="Who the mails come from, such as “Ann of Acme”."
    )
    sender_email = models.CharField(
        "sender e-mail",
        max_length=254,
        blank=True,
        validators=[validate_email],
        help_text="The address the mails come from.",
    )
    reply_to = models.CharField(
        max_length=254, blank=True, validators=[validate_email], help_text="Where answers go, if not to the sender."
    )
    track_engagement = models.BooleanField(
        "track opens and clicks",
        default=True,
        help_text="Off: plain links and no pixel, except for contacts who agreed to tracking.",
    )
    holdout = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        validators=[MaxValueValidator(15)],
        help_text=(
            "Percent of all people, 0 to 15, who get nothing from any campaign but its transactional mail, so that you "
            "see what campaigns change together. Whoever was chosen stays so; 0 chooses nobody more."
        ),
    )
    quiet_from = models.TimeField(
        "quiet hours begin",
        null=True,
        blank=True,
        help_text="From then on no campaign sends marketing mail, by the clock of each reader. Empty: no such hours.",
    )
    quiet_to = models.TimeField("quiet hours end", null=True, blank=True, help_text="Such as 08:00, the next morning.")
    quiet_cancels = models.BooleanField(
        "leave out mails that fall into them",
        default=False,
        db_default=False,
        help_text="Else they wait for the end of the quiet hours.",
    )
    sending_stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    sending_stopped_because = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = verbose_name_plural = "site settings"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_row_of_site_settings"),
            models.CheckConstraint(condition=Q(holdout__lte=15), name="site_holds_few_out"),
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False) & ~Q(quiet_from=F("quiet_to")),
                name="quiet_hours_begin_and_end",
            ),
        ]

    def __str__(self):
        return self.name

    @classmethod
    def get(cls) -> "SiteSettings":
        return cls.objects.get_or_create(id=1)[0]

    @property
    def has_quiet_hours(self) -> bool:
        return self.quiet_from is not None and self.quiet_to is not None

    def clean(self):
        if (self.quiet_from is None) != (self.quiet_to is None):
            missing = "quiet_to" if self.quiet_to is None else "quiet_from"
            raise ValidationError({missing: "Quiet hours need a beginning and an end; fill in both or neither."})
        if self.quiet_from and self.quiet_from == self.quiet_to:
            raise ValidationError({"quiet_to": "Quiet hours must end at another time than they begin."})

    def stop_sending(self, because: str, now) -> None:
        """Hold all mail until a person lets it go on: the provider refuses us, and trying on would make it worse."""
        type(self).objects.filter(id=1, sending_stopped_at=None).update(
            sending_stopped_at=now, sending_stopped_because=because
        )

    def allow_sending(self) -> None:
        type(self).objects.filter(id=1).update(sending_stopped_at=None, sending_stopped_because="")

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class Source(models.Model):
    """Something that sends us events: a shop, an app, an import. Its keys rotate; the source stays."""

    name = models.CharField(max_length=80, unique=True, help_text="Such as “Web shop” or “iOS app”.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self):
        return self.filter(revoked_at=None)

    def create_key(self, kind: str, source: Source, scopes=None, created_by=None) -> tuple["ApiKey", str]:
        """Make a key; returns the row and the text, which is shown once and never stored."""
        public, secret = secrets.token_hex(6), secrets.token_urlsafe(24).replace("-", "x").replace("_", "y")
        text = f"{ApiKey.PREFIX[kind]}_{public}_{secret}"
        row = self.create(
            kind=kind,
            source=source,
            prefix=f"{ApiKey.PREFIX[kind]}_{public}",
            digest=ApiKey.digest_of(text),
            scopes=scopes if scopes is not None else (list(ApiKey.Scope.values) if kind == "server" else []),
            created_by=created_by,
        )
        return row, text

    def with_text(self, text: str) -> "ApiKey | None":
        """The usable key that a client presented, with its source."""
        if len(text) > 200:
            return None
        row = self.usable().select_related("source").filter(prefix=text.rpartition("_")[0]).first()
        return row if row and hmac.compare_digest(bytes(row.digest), ApiKey.digest_of(text)) else None


class ApiKey(models.Model):
    """A write key only adds events and traits; a server key reads and manages, within its scopes."""

    PREFIX = {"write": "dlw", "server": "dls"}

    class Kind(models.TextChoices):
        WRITE = "write", "Write key: only adds events and traits; may stand in a web page"
        SERVER = "server", "Server key: reads and manages; keep it secret"

    class Scope(models.TextChoices):
        EVENTS_READ = "events:read", "Read events"
        EVENTS_WRITE = "events:write", "Add events"
        CONTACTS_READ = "contacts:read", "Read contacts"
        CONTACTS_WRITE = "contacts:write", "Change contacts"
        SEGMENTS_READ = "segments:read", "Read segments, and who is in them"
        SEGMENTS_WRITE = "segments:write", "Change segments, and who is in fixed lists"
        SCORES_READ = "scores:read", "Read scores, and who has most"
        SCORES_WRITE = "scores:write", "Give points, move stages, recompute"
        CAMPAIGNS_READ = "campaigns:read", "Read campaigns, and who is inside"
        CAMPAIGNS_WRITE = "campaigns:write", "Let people into campaigns and out of them"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    source = models.ForeignKey(Source, models.PROTECT, related_name="keys")
    prefix = models.CharField(max_length=40, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope.choices), default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["write", "server"]), name="api_key_kind"),
        ]

    def __str__(self):
        return f"{self.prefix}_…"

    @staticmethod
    def digest_of(text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    @property
    def is_authenticated(self) -> bool:
        """So that the REST framework takes a key for the one who asks."""
        return True

    def revoke(self, now) -> None:
        self.revoked_at = now
        self.save(update_fields=["revoked_at"])


class Job(models.Model):
    """Background work that a person started: its progress, its result, and a way to cancel it."""

    class State(models.TextChoices):
        READY = "ready", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=200)
    arguments = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict, help_text="Where the next batch begins.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.READY)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True)
    result = models.TextField(blank=True)
    cancel_asked = models.BooleanField(default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, default=clock.now)

    objects = DueQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["ready", "running"], due_at__isnull=False)
                | Q(state__in=["done", "failed", "cancelled"], due_at__isnull=True),
                name="job_due_while_open",
            )
        ]
        indexes = [  # ops.jobs.run_due: the next open job
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="job_due"),
        ]

    def __str__(self):
        return self.title


class HeartbeatQuerySet(models.QuerySet):
    def within(self, span):
        """Signs of life not older than `span`, by the database's clock, which wrote them."""
        return self.filter(beat_at__gt=Now() - span)


class Heartbeat(models.Model):
    """A sign of life of one working process, and of the ticker that watches it."""

    worker = models.CharField(max_length=120, help_text="Host and process group.")
    role = models.CharField(max_length=40, help_text="What it does: ticker, changes, enrollments, mail …")
    beat_at = models.DateTimeField()
    note = models.CharField(max_length=200, blank=True)

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["worker", "role"], name="one_heartbeat_per_role")]

    def __str__(self):
        return f"{self.worker}: {self.role}"
