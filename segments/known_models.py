"""What the data really holds: paths of attributes and properties, with type, share filled and common values."""

from django.db import models

from lib import clock


class KnownField(models.Model):
    """One path of one root: `contact`, `company`, or `event:` and a type. Found in samples; only ever a help."""

    root = models.CharField(max_length=130)
    path = models.CharField(max_length=300)
    type = models.CharField(max_length=7, blank=True)
    share = models.PositiveSmallIntegerField(null=True, help_text="How many of a hundred have it.")
    values = models.JSONField(default=list, help_text="Common values, the most frequent one first.")
    first_seen_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["root", "path"], name="known_once")]

    def __str__(self):
        return f"{self.root}.{self.path}"


class KnownRoot(models.Model):
    """When a root was last looked at, and how much had been written until then."""

    root = models.CharField(max_length=130, unique=True)
    looked_at = models.DateTimeField()
    writes = models.BigIntegerField(default=0)

    def __str__(self):
        return self.root
