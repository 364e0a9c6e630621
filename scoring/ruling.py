"""A definition that is put in force becomes the rows and numbers that the engine reads."""

from datetime import datetime
from math import inf
from typing import Any

from scoring.checking import SUBJECT
from scoring.document import Document, Rule, to_json
from scoring.models import ScoreModel, ScoreRule
from segments import conditions, happened
from segments.leaves import SUBJECTS, Scope

MACHINES = ("email.opened", "email.clicked")  # what machines cause, too
BY_MACHINE = {"field": "event.machine", "op": "is", "value": True}
WRITTEN = [
    "position", "kind", "part", "name", "effect", "points", "event", "where", "condition", "reads", "turns",
    "turns_at_midnight", "at_most", "cap", "group", "group_cap", "half_life", "lasts", "removed_at",
]  # fmt: skip


def write(model: ScoreModel, document: Document, now: datetime) -> None:
    """Make a document without problems the model's definition: its words, thresholds and rules."""
    model.definition = to_json(document)
    model.name, model.description, model.edited_at = document.name.strip(), document.description.strip(), now
    model.floor, model.ceiling, model.margin = document.floor, document.ceiling, document.margin
    model.band_from = [band.points for band in document.bands[1:]]
    model.fit_from, model.engagement_from = list(document.fit_grades), list(document.engagement_grades)
    model.stage_from = [inf if stage.points is None else stage.points for stage in document.stages]
    model.save(
        update_fields=[
            "definition", "edition", "name", "description", "edited_at", "floor", "ceiling", "margin", "band_from",
            "fit_from", "engagement_from", "stage_from",
        ]
    )  # fmt: skip
    _write_rules(model, document, now)


def _write_rules(model: ScoreModel, document: Document, now: datetime) -> None:
    """Rows keep their uid, for the ledger: one that is gone is marked as removed, and may come back."""
    rows = rows_of(model, document, now)
    ScoreRule.objects.bulk_create(rows, update_conflicts=True, unique_fields=["model", "uid"], update_fields=WRITTEN)
    gone = ScoreRule.objects.filter(model=model, removed_at=None).exclude(uid__in=[row.uid for row in rows])
    gone.update(removed_at=now)


def rows_of(model: ScoreModel, document: Document, now: datetime) -> list[ScoreRule]:
    """The document's rules as the engine reads them, not saved."""
    caps = {group.name: group.cap for group in document.groups}
    return [_row(model, rule, place, caps, now) for place, rule in enumerate(document.rules)]


def _row(model: ScoreModel, rule: Rule, place: int, caps: dict[str, int], now: datetime) -> ScoreRule:
    behaves = rule.kind == "behavioural"
    fading = rule.fading
    return ScoreRule(
        model=model,
        uid=rule.uid,
        position=place,
        kind=rule.kind,
        part=rule.part,
        name=rule.name.strip(),
        effect=rule.effect,
        points=0 if rule.effect == "reset" else rule.points,
        at_most=rule.at_most if behaves else 1,
        cap=rule.cap,
        group=rule.group,
        group_cap=caps.get(rule.group),
        half_life=fading.seconds if fading.how == "half" else None,
        lasts=fading.seconds if fading.how == "expires" else None,
        **(_of_event(rule) if behaves else _of_contact(rule, now)),
    )


def _of_event(rule: Rule) -> dict[str, Any]:
    where = None if conditions.is_empty(rule.where) else rule.where
    if rule.event in MACHINES and not rule.machines:
        people = {"not": BY_MACHINE}
        where = people if where is None else {"all": [people, where]}
    part = happened.typed({"event": rule.event, "where": where}, Scope(SUBJECTS[SUBJECT]))
    return {"event": rule.event, "where": part["where"]}


def _of_contact(rule: Rule, now: datetime) -> dict[str, Any]:
    tree = conditions.typed(rule.condition, SUBJECT)
    midnight = conditions.turns_at_midnight(tree)
    return {
        "condition": tree,
        "reads": sorted(conditions.reads(tree, SUBJECT)),
        "turns_at_midnight": midnight,
        "turns": midnight or bool(conditions.turning(tree, now, now)),
    }
