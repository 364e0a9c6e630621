"""The audit log: who did what to which row, in Django's own table, which the application only adds to."""

from collections.abc import Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models


def name_of(user) -> str:
    """What colleagues call them."""
    return user.get_full_name() or user.get_username()


def note(user, row: models.Model, sentence: str) -> None:
    """Note what a person did: “Activated the campaign.”

    Personal values never stand here, or erasure would not hold: the sentence names fields, not what is in
    them, and the row is named by its kind and id.
    """
    if user is None:  # the engine's own deeds stand in its history
        return
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=f"{row._meta.verbose_name} {row.pk}"[:200],
        action_flag=CHANGE,
        change_message=sentence,
    )


def note_all(user, model: type[models.Model], keys: Iterable, sentence: str) -> None:
    """The same sentence for many rows of one model, in one statement."""
    if user is None:
        return
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user.pk,
            content_type=kind,
            object_id=str(key),
            object_repr=f"{model._meta.verbose_name} {key}"[:200],
            action_flag=CHANGE,
            change_message=sentence,
        )
        for key in keys
    )
