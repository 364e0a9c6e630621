"""The people we write to: who they are, how they are reached, what they agreed to."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, GeneratedField, Q, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Concat, Lower, Mod, Trim

from contacts.consent_models import ConsentRecord, Subscription, Suppression, Topic  # noqa: F401  found by Django here
from contacts.import_models import Import, ImportPart  # noqa: F401  found by Django here
from lib import clock
from lib.due import DueQuerySet
from ops.models import Source

LANES = 256


def _name() -> Trim:
    first_and_last = Concat(_text("first_name"), Value(" "), _text("last_name"), output_field=models.TextField())
    return Trim(Coalesce(KT("attributes__name"), first_and_last))


def _text(key: str) -> Coalesce:
    return Coalesce(KT(f"attributes__{key}"), Value("", output_field=models.TextField()))


class Address(models.Model):
    """One row per normalised e-mail address; consent and suppression hang on it. Two contacts may share one."""

    email = models.CharField("e-mail", max_length=254, unique=True)
    digest = models.BinaryField(max_length=32, editable=False, help_text="HMAC of the address: outlives erasure.")
    unsubscribed_at = models.DateTimeField(null=True, blank=True, help_text="From everything that is marketing.")
    held_until = models.DateTimeField(null=True, blank=True, help_text="After a soft bounce.")
    soft_bounces = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Advances with every word that decides what may be sent."
    )
    tracking_allowed = models.BooleanField(null=True, help_text="Empty: as the site's setting says.")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "addresses"
        indexes = [
            # contacts.admin: search by the beginning of an address
            models.Index(OpClass("email", "text_pattern_ops"), name="address_email_prefix"),
            # campaigns.sending: is the address of this message suppressed?
            models.Index(fields=["digest"], name="address_digest"),
            # segments.consent_leaf: who can be mailed again since the last look
            models.Index(fields=["held_until"], condition=Q(held_until__isnull=False), name="address_held"),
        ]

    def __str__(self):
        return self.email


class Company(models.Model):
    """An organisation that contacts belong to, as the product's `group` calls name it."""

    key = models.CharField(max_length=255, unique=True, help_text="The product's own id of the company.")
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "companies"

    def __str__(self):
        return str(self.attributes.get("name") or self.key)


class Tag(models.Model):
    """A word that a person or a step puts on contacts."""

    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class ContactQuerySet(models.QuerySet):
    def current(self):
        """Contacts that were not merged into another one."""
        return self.filter(merged_into=None)

    def for_list(self):
        return self.select_related("address").prefetch_related("tags")


class Contact(models.Model):
    """One person, as far as the product and we know them."""

    attributes = models.JSONField(default=dict, blank=True)
    address = models.ForeignKey(Address, models.SET_NULL, null=True, blank=True, related_name="contacts")
    name = GeneratedField(expression=_name(), output_field=models.TextField(), db_persist=True)
    timezone = models.CharField(
        "time zone", max_length=64, blank=True, help_text="Such as Europe/Paris; empty: the site's."
    )
    is_test = models.BooleanField("test contact", default=False, help_text="Stays out of reports.")
    companies = models.ManyToManyField(Company, through="CompanyMember", related_name="contacts")
    tags = models.ManyToManyField(Tag, through="ContactTag", related_name="contacts")
    merged_into = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="merged_from")
    fence = models.PositiveIntegerField(default=0, help_text="Advances with a merge, so that work in hand stops.")
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        indexes = [
            # contacts.admin: search by the beginning of a name
            models.Index(OpClass(Lower("name"), "text_pattern_ops"), name="contact_name_prefix"),
        ]

    def __str__(self):
        return self.name or (self.address.email if self.address else f"Contact {self.pk}")

    @property
    def email(self) -> str:
        return self.address.email if self.address else ""


class Identity(models.Model):
    """One id by which a product knows a contact."""

    class Kind(models.TextChoices):
        USER = "user", "User id"
        ANONYMOUS = "anonymous", "Anonymous id"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    value = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="one_contact_per_identity")]
        indexes = [
            # contacts.admin: search by the beginning of an id
            models.Index(OpClass("value", "text_pattern_ops"), name="identity_value_prefix"),
        ]

    def __str__(self):
        return f"{self.get_kind_display()} {self.value}"


class ContactTag(models.Model):
    contact = models.ForeignKey(Contact, models.CASCADE)
    tag = models.ForeignKey(Tag, models.CASCADE)
    added_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "tag"], name="tagged_once")]

    def __str__(self):
        return str(self.tag)


class CompanyMember(models.Model):
    contact = models.ForeignKey(Contact, models.CASCADE)
    company = models.ForeignKey(Company, models.CASCADE)
    since = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["contact", "company"], name="member_once")]

    def __str__(self):
        return str(self.company)


class Merge(models.Model):
    """Two contacts that turned out to be one: re-pointed at once, history moved as due work."""

    winner = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    loser = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    at = models.DateTimeField()
    undo = models.JSONField(default=dict, help_text="What the two were before.")
    due_at = models.DateTimeField(null=True)
    fault = models.TextField(blank=True)

    objects = DueQuerySet.as_manager()

    class Meta:
        indexes = [  # contacts.merging.move_history
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="merge_due"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(due_at__isnull=True) & ~Q(fault=""), name="merge_parked"),
        ]

    def __str__(self):
        return f"{self.loser_id} into {self.winner_id}"


class Change(models.Model):
    """Something was written about a contact; the pipeline reads it lane by lane, then deletes it."""

    class Kind(models.TextChoices):
        EVENT = "event"
        ATTRIBUTES = "attributes"
        TAGS = "tags"
        COMPANY = "company"
        CONSENT = "consent"
        MERGED = "merged"
        CREATED = "created"
        SEGMENTS = "segments"
        SCORES = "scores"

    contact = models.ForeignKey(Contact, models.CASCADE, db_constraint=False, db_index=False, related_name="+")
    lane = GeneratedField(
        expression=Mod(F("contact_id"), Value(LANES)), output_field=models.SmallIntegerField(), db_persist=True
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    names = models.JSONField(default=list, help_text="What was written: attribute paths, tags.")
    values = models.JSONField(
        default=dict,
        db_default={},
        help_text="Of attributes: path → [what it was, what it became], if short.",
    )
    event_id = models.UUIDField(null=True)
    event_at = models.DateTimeField(null=True, help_text="When the event was received: names its partition.")
    source = models.ForeignKey(
        Source, models.SET_NULL, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    triggers = models.BooleanField(default=True, help_text="Imports and merged history trigger nothing.")
    hops = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How many deeds of the engine's own led here."
    )
    parked_because = models.TextField(blank=True)
    due_at = models.DateTimeField(null=True, default=clock.now, help_text="Empty: parked.")

    class Meta:
        indexes = [  # events.pipeline.drain: the oldest changes of a lane
            models.Index(fields=["lane", "id"], condition=Q(due_at__isnull=False), name="change_lane"),
            # reports.aside: what waits for a person
            models.Index(fields=["id"], condition=Q(due_at__isnull=True), name="change_parked"),
        ]

    def __str__(self):
        return f"{self.kind} of contact {self.contact_id}"
