"""Which numbers of points matter beside the thresholds of bands: those that segments compare scores with.

A contact is looked at again when fading may take the score over one of them, so such segments need no sweep of
their own. Conditions of campaigns are asked when somebody is there; they need none.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from scoring import recomputing
from scoring.models import ScoreModel
from scoring.telling import token
from segments import conditions
from segments.leaves import AT_ANY_TIME
from segments.models import Segment
from segments.values import Unreadable, read_number

COLUMNS = {"": "levels", "fit": "fit_levels", "engagement": "engagement_levels"}


def follow(now: datetime) -> None:
    """Segments were saved or deleted: where there are new numbers, everybody is settled by them in the background."""
    for model in ScoreModel.objects.all():
        found = _of(model)
        before = {column: getattr(model, column) for column in found}
        if found == before:
            continue
        ScoreModel.objects.filter(pk=model.pk).update(**found)
        if model.is_active and any(set(found[column]) - set(before[column]) for column in found):
            recomputing.settle_everybody(model, None, now)


def _of(model: ScoreModel) -> dict[str, list[float]]:
    numbers: dict[str, set[float]] = {column: set() for column in COLUMNS.values()}
    for segment in Segment.objects.dynamic().filter(reads__contains=[token(model.key)]):
        for leaf in conditions.leaves(segment.condition):
            root, _, name = str(leaf.get("field", "")).partition(".")
            key, _, part = name.partition(".")
            if (root, key) == ("score", model.key) and part in COLUMNS:
                numbers[COLUMNS[part]].update(_numbers(leaf.get("value")))
    return {column: sorted(its) for column, its in numbers.items()}


def _numbers(value: Any) -> Iterator[float]:
    for one in value if isinstance(value, list) else [value]:
        with suppress(Unreadable):
            yield float(read_number(one, AT_ANY_TIME))


def places(ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """A use of score models: the conditions of segments."""
    keys = {token(key): pk for pk, key in ScoreModel.objects.filter(pk__in=ids).values_list("pk", "key")}
    found: dict[int, list[tuple[str, str]]] = {}
    for segment in Segment.objects.filter(reads__overlap=[*keys]):
        for name in keys.keys() & set(segment.reads):
            found.setdefault(keys[name], []).append((f"the segment “{segment}”", segment.get_absolute_url()))
    return found
