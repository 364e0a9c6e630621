"""The values that conditions compared, in words: they stand in the facts of the decision that was made by them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from automation.enrollment_fields import DataField, StepField
from automation.models import Enrollment
from campaigns.document import Tree
from lib.words import in_plain_words
from segments import conditions
from segments.field_leaf import type_of
from segments.fields import Field, JsonField, found
from segments.leaves import SUBJECTS, Scope

LIGHT = (Field, JsonField, DataField, StepField)  # whose values cost next to nothing to show
SHOWN = 50


def values(
    trees: Sequence[Tree], ids: Collection[int], contacts: Collection[int], here: datetime
) -> dict[int, dict[str, str]]:
    """Enrollment → what was read of it, by the label of the field; one query at most."""
    scope = Scope(SUBJECTS["enrollment"], here, only=contacts)
    named: dict[str, Any] = {}
    for leaf in (leaf for tree in trees for leaf in conditions.leaves(tree)):
        field = found(leaf["field"], scope) if "field" in leaf else None
        if isinstance(field, LIGHT) and len(named) < SHOWN:
            named.setdefault(field.label, field.seen(scope, type_of(leaf, scope)))
    if not named:
        return {}
    columns = {f"seen_{number}": column for number, column in enumerate(named.values())}
    rows = Enrollment.objects.filter(pk__in=ids).order_by().annotate(**columns).values_list("pk", *columns)
    return {pk: dict(zip(named, map(in_plain_words, seen), strict=True)) for pk, *seen in rows}
