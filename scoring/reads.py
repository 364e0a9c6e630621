"""What score rules read: told to those who change it, guarded against deletion, checked for what vanished."""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from scoring import recomputing
from scoring.models import ScoreModel, ScoreRule
from segments import conditions
from segments.checks import TREES
from segments.computed_field import USES
from segments.computed_models import ComputedAttribute
from segments.reading import READERS
from segments.refreshing import ON_CHANGED_FOR_ALL


def reads(token: str) -> bool:
    """Does a rule in force read that?"""
    return ScoreRule.objects.in_force().filter(reads__contains=[token]).exists()


def follow(token: str, user, now: datetime) -> None:
    """What rules read changed for everybody at once: they are asked again in the background, in silence."""
    for rule in ScoreRule.objects.in_force().filter(reads__contains=[token]).select_related("model"):
        recomputing.ask_again(rule, now, silent=True)


def uses_of_computed(attribute: ComputedAttribute) -> list[tuple[str, str]]:
    """(what, in words; the address of its page)."""
    rules = ScoreRule.objects.filter(removed_at=None, reads__contains=[f"computed:{attribute.key}"])
    models = {rule.model for rule in rules.select_related("model")}
    return [(f"the score model “{model}”", model.get_absolute_url()) for model in sorted(models, key=str)]


def trees() -> Iterator[tuple[str, Any, str]]:
    """(where, tree, subject) of every condition of a rule."""
    for rule in ScoreRule.objects.filter(removed_at=None).select_related("model"):
        where = f"The score model “{rule.model}”, rule “{rule}”"
        leaf = {"event": rule.event, "op": "≥", "value": 1, "where": rule.where}
        yield where, leaf if rule.kind == ScoreRule.Kind.BEHAVIOURAL else rule.condition, "contact"


def naming(model: ScoreModel, names: Collection[str]) -> list[str]:
    """Where saved conditions compare with these names of bands and stages, in words."""
    lost = {name.casefold() for name in names}
    fields = {f"score.{model.key}.band", f"score.{model.key}.stage", *_OF_EVENTS}
    found = []
    for saved in TREES:
        for where, tree, _subject in saved():
            for leaf in conditions.leaves(tree):
                values = leaf.get("value") if isinstance(leaf.get("value"), list) else [leaf.get("value")]
                if leaf.get("field") in fields and {str(value).casefold() for value in values or []} & lost:
                    found.append(where)
    return list(dict.fromkeys(found))


# Of `score.band_changed` and `score.stage_reached`; of which model, the condition may leave open.
_OF_EVENTS = ("event.band", "event.previous_band", "event.stage", "event.previous_stage")


def register() -> None:
    READERS.register("scores", reads)
    ON_CHANGED_FOR_ALL.register("scores", follow)
    USES.register("scores", uses_of_computed)
    TREES.register("scores", trees)
