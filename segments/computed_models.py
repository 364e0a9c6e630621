"""Computed attributes: one number, time or word a contact, made of events and kept up with them."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse

from contacts.models import Contact
from lib import clock
from ops.models import Job


class Number(models.Field):
    """A number of any size and precision, as sums need it."""

    def db_type(self, connection):
        return "numeric"


class ComputedAttribute(models.Model):
    """What is made of which events; used as `computed.<key>` in conditions and `contact.computed.<key>` in mails."""

    class Measure(models.TextChoices):
        COUNT = "count", "how many of them there were"
        SUM = "sum", "the sum of a property"
        MIN = "min", "the lowest value of a property"
        MAX = "max", "the highest value of a property"
        FIRST = "first", "the first time, or a property’s value then"
        LAST = "last", "the last time, or a property’s value then"
        FAVOURITE = "most frequent", "the most frequent value of a property"

    class Type(models.TextChoices):
        NUMBER = "number", "a number"
        TEXT = "text", "a text"
        DATE = "date", "a date"

    key = models.CharField(
        max_length=60, unique=True, help_text="What conditions and templates call it, such as total_spent.",
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Use small letters, digits and _; begin with a letter.")],
    )  # fmt: skip
    label = models.CharField("name", max_length=80, help_text="As people read it after “their”, such as: total spent.")
    event = models.CharField(max_length=120, help_text="The events that count.")
    where = models.JSONField("which of them", null=True, blank=True)
    measure = models.CharField("what to keep", max_length=13, choices=Measure.choices, default=Measure.COUNT)
    of = models.CharField(
        "property", max_length=120, blank=True, help_text="Such as total, or cart.total for one inside another."
    )
    type = models.CharField("kind of value", max_length=6, choices=Type.choices, default=Type.NUMBER)
    revision = models.PositiveIntegerField(default=1, help_text="Counts changes of what is kept.")
    filled_revision = models.PositiveIntegerField(default=0, help_text="The revision that all values follow.")
    filled_at = models.DateTimeField(null=True)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["label"]

    def __str__(self):
        return self.label

    def get_absolute_url(self) -> str:
        return reverse("admin:segments_computedattribute_change", args=[self.pk])

    @property
    def is_filled(self) -> bool:
        """Do all values follow the definition? Else a job is working out the past."""
        return self.filled_revision == self.revision

    @property
    def of_nothing_is_zero(self) -> bool:
        return self.measure in (self.Measure.COUNT, self.Measure.SUM)


class ComputedValue(models.Model):
    """The value of one contact, in the column of its type; `at` decides between first and last ones."""

    pk = models.CompositePrimaryKey("attribute_id", "contact_id")
    attribute = models.ForeignKey(ComputedAttribute, models.CASCADE, db_index=False, related_name="values")
    contact = models.ForeignKey(
        Contact, models.CASCADE, db_index=False, db_constraint=False, related_name="computed_values"
    )
    number = Number(null=True)
    text = models.TextField(null=True)  # noqa: DJ001  none is not the same as empty
    date = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)

    def __str__(self):
        return f"{self.attribute_id} of {self.contact_id}"

    @property
    def value(self):
        return next((value for value in (self.number, self.text, self.date) if value is not None), None)


class ComputedTally(models.Model):
    """How often and when last a contact had which value: what the most frequent one is chosen from."""

    pk = models.CompositePrimaryKey("attribute_id", "contact_id", "value")
    attribute = models.ForeignKey(ComputedAttribute, models.CASCADE, db_index=False, related_name="+")
    contact = models.ForeignKey(Contact, models.CASCADE, db_index=False, db_constraint=False, related_name="+")
    value = models.TextField()
    count = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    def __str__(self):
        return f"{self.value}: {self.count}"
