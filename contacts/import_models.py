"""Files of people that somebody brought: what stands in them, how it is read, and what became of each row."""

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q

from contacts.import_mapping import Mapping
from lib import clock
from ops.models import Job


class Import(models.Model):
    """One file that somebody uploaded, from the look at its columns to the report of what became of it."""

    class Kind(models.TextChoices):
        CONTACTS = "contacts", "People: new contacts, or news about those who are here"
        LIST = "list", "A list: ids or e-mails of people who are here, for a segment"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CONTACTS)
    file_name = models.CharField("file", max_length=200)
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1)
    columns = models.JSONField(default=list, help_text="Of each column: its name, some values, what it may be.")
    rows = models.PositiveIntegerField(default=0)
    mapping = models.JSONField(default=dict, help_text="What each column is, and what else was chosen.")
    check_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    import_job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    expected = models.JSONField(default=dict, help_text="What the dry run found.")
    became = models.JSONField(default=dict, help_text="What the import did.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    created_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, help_text="When somebody let it be written.")
    wiped_at = models.DateTimeField(null=True, help_text="When the rows and their report were deleted.")

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        permissions = [("import_contact", "Can import contacts from a file")]
        indexes = [  # contacts.importing.wipe: files that are kept no longer
            models.Index(fields=["created_at"], condition=Q(wiped_at=None), name="import_not_wiped"),
        ]

    def __str__(self):
        return self.file_name

    @property
    def chosen(self) -> Mapping:
        """What was said about the columns and what is to be done; no columns where nobody said anything yet."""
        return msgspec.convert(self.mapping, Mapping)

    @property
    def stage(self) -> str:
        """`columns`, `checking`, `checked`, `importing` or `ended`: what its page shows."""
        if self.started_at:
            return "importing" if self.import_job and self.import_job.due_at else "ended"
        if not self.check_job or self.check_job.state in (Job.State.FAILED, Job.State.CANCELLED):
            return "columns"
        return "checked" if self.check_job.due_at is None else "checking"


class ImportPart(models.Model):
    """Some thousand rows of a file: one transaction's work. Web and workers share nothing but the database."""

    whole = models.ForeignKey(Import, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = models.TextField(help_text="JSON: of each row its line and its cells.")
    keys = models.BinaryField(default=b"", help_text="Of each row eight bytes that stand for the person it is about.")
    superseded = models.JSONField(default=dict, help_text="Line → the later line about the same person.")
    fates = models.TextField(default="[]", help_text="JSON: of each row its line, its key, what became of it and why.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["whole", "number"], name="import_part_once")]

    def __str__(self):
        return f"{self.whole_id}: part {self.number}"
