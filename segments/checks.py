"""`manage.py check --database default`: what saved conditions name that is not there any more."""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections

from lib.registry import Registry
from segments import conditions
from segments.defining import SUBJECT
from segments.models import Segment

# Apps above register `saved() -> [(where, in words; tree; subject)]`.
Saved = Callable[[], Iterable[tuple[str, Any, str]]]
TREES: Registry[Saved] = Registry("saved conditions")


@register(Tags.database)
def vanished_names(app_configs, databases=None, **options) -> list[CheckMessage]:
    """A warning for every name that vanished: nobody fits there, so people must decide what they want instead."""
    if not databases or not all(_is_ready(alias) for alias in databases):
        return []
    return [
        Warning(f"{where}: {sentence}", hint="Open it in the admin and choose another one.", id="segments.W001")
        for saved in TREES
        for where, tree, subject in saved()
        for sentence in conditions.vanished(tree, subject)
    ]


def _is_ready(alias: str) -> bool:
    """Migrations may not have made the tables yet: `migrate` runs these checks, too."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", ["segments_computedattribute"])
        return bool(cursor.fetchone()[0])


def of_segments() -> Iterable[tuple[str, Any, str]]:
    for segment in Segment.objects.dynamic():
        yield f"The segment “{segment}”", segment.condition, SUBJECT


def register_ours() -> None:
    TREES.register("segments", of_segments)
