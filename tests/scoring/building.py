"""Score models for tests, in force at once: `lead = made(rules=[clicks(5)])`."""

from datetime import datetime
from typing import Any

from django.db.models import Max

from scoring.document import Document, Fading, Rule, to_json
from scoring.models import ScoreModel, ScoreRule
from segments import conditions
from tests.factories import NOW


def on(event: str, points: int, at_most: int = 10, **more: Any) -> Rule:
    """A behavioural rule; its uid is its name."""
    uid = more.pop("uid", event)
    return Rule(
        uid=uid, name=more.pop("name", uid), kind="behavioural", event=event, points=points, at_most=at_most, **more
    )


def whose(condition: Any, points: int, **more: Any) -> Rule:
    """A demographic rule."""
    uid = more.pop("uid", "fits")
    return Rule(uid=uid, name=uid, kind="demographic", condition=condition, points=points, **more)


def half(days: int) -> Fading:
    return Fading(how="half", amount=days)


def lasting(days: int) -> Fading:
    return Fading(how="expires", amount=days)


def made(key: str = "lead", now: datetime = NOW, **document: Any) -> ScoreModel:
    model = ScoreModel(key=key, name=key.capitalize(), is_active=True, created_at=now)
    return enact(model, Document(name=model.name, **document), now)


def enact(model: ScoreModel, document: Document, now: datetime) -> ScoreModel:
    """As putting in force does it, without the recomputing."""
    model.definition = to_json(document)
    model.floor, model.ceiling, model.margin = document.floor, document.ceiling, document.margin
    model.band_from = [band.points for band in document.bands[1:]]
    model.fit_from, model.engagement_from = list(document.fit_grades), list(document.engagement_grades)
    model.stage_from = [float("inf") if stage.points is None else stage.points for stage in document.stages]
    model.edition = model.filled_edition = model.edition + 1
    model.save()
    caps = {group.name: group.cap for group in document.groups}
    for position, rule in enumerate(document.rules):
        _write(model, position, rule, caps)
    ScoreRule.objects.filter(model=model).exclude(uid__in=[rule.uid for rule in document.rules]).update(removed_at=now)
    return model


def _write(model: ScoreModel, position: int, rule: Rule, caps: dict[str, int]) -> None:
    fades = rule.fading
    condition = conditions.typed(rule.condition, "contact")
    ScoreRule.objects.update_or_create(
        model=model,
        uid=rule.uid,
        defaults={
            "position": position, "kind": rule.kind, "part": rule.part, "name": rule.name, "effect": rule.effect,
            "points": rule.points, "event": rule.event, "where": rule.where, "condition": condition,
            "reads": sorted(conditions.reads(condition, "contact")) if condition else [],
            "at_most": rule.at_most, "cap": rule.cap, "group": rule.group, "group_cap": caps.get(rule.group),
            "half_life": fades.seconds if fades.how == "half" else None,
            "lasts": fades.seconds if fades.how == "expires" else None, "removed_at": None,
        },
    )  # fmt: skip


def newest_id() -> int:
    return ScoreRule.objects.aggregate(newest=Max("pk"))["newest"] or 0
