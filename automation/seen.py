"""The values that conditions compared, in words: they stand in the facts of the decision that was made by them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Value
from django.db.models.functions import JSONObject

from automation.enrollment_fields import DataField, StepField
from automation.models import Enrollment
from campaigns.document import Tree
from contacts.models import Contact
from lib.united import united
from lib.words import in_plain_words
from segments import conditions
from segments.field_leaf import type_of
from segments.fields import Field, JsonField, UnknownField, found
from segments.leaves import SUBJECTS, Scope

LIGHT = (Field, JsonField, DataField, StepField)  # whose values cost next to nothing to show
SHOWN = 50


def values(
    trees: Sequence[Tree], ids: Collection[int], contacts: Collection[int], here: datetime
) -> dict[int, dict[str, str]]:
    """Enrollment → what was read of it, by the label of the field; one query at most."""
    named = _named(trees, Scope(SUBJECTS["enrollment"], here, only=contacts))
    if not named:
        return {}
    columns = {f"seen_{number}": column for number, column in enumerate(named.values())}
    rows = Enrollment.objects.filter(pk__in=ids).order_by().annotate(**columns).values_list("pk", *columns)
    return {pk: dict(zip(named, map(in_plain_words, seen), strict=True)) for pk, *seen in rows}


Asked = tuple[int, Tree, Collection[int]]


def of_contacts(asked: Sequence[Asked], here: datetime) -> dict[tuple[int, int], dict[str, str]]:
    """Of (campaign, condition, contacts) what was read of each contact, by (campaign, contact); one query at most."""
    labels: dict[int, list[str]] = {}
    queries: list[Any] = []
    for campaign, tree, contacts in asked:
        named = _named([tree], Scope(SUBJECTS["contact"], here, only=contacts))
        if named:
            labels[campaign] = list(named)
            seen = JSONObject(**{str(place): column for place, column in enumerate(named.values())})
            rows = Contact.objects.filter(pk__in=contacts).order_by().annotate(of=Value(campaign), seen=seen)
            queries.append(rows.values_list("of", "pk", "seen"))
    return {
        (of, pk): {label: in_plain_words(read[str(place)]) for place, label in enumerate(labels[of])}
        for of, pk, read in united(queries)
    }


def _named(trees: Sequence[Tree], scope: Scope) -> dict[str, Any]:
    """The expression of each value that is shown, by the label of its field."""
    named: dict[str, Any] = {}
    for leaf in (leaf for tree in trees for leaf in conditions.leaves(tree)):
        field = _field(leaf, scope) if "field" in leaf else None
        if isinstance(field, LIGHT) and len(named) < SHOWN:
            named.setdefault(field.label, field.seen(scope, type_of(leaf, scope)))
    return named


def _field(leaf: dict[str, Any], scope: Scope) -> Any:
    """None: the scope has no such field, as a contact alone has nothing of an event."""
    try:
        return found(leaf["field"], scope)
    except UnknownField:
        return None
