"""Score models and what contacts have in them, as the API shows it."""

from datetime import datetime
from typing import Any

from django.db.models import Sum
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from ops.models import Job
from scoring import document as documents
from scoring import recomputing, rule_words
from scoring.document import Document, Rule
from scoring.models import ScoreFlow, ScoreModel, ScoreRule

LEAD = {
    "key": "lead",
    "name": "Lead score",
    "description": "Who is worth a call.",
    "active": True,
    "bands": [
        {"name": "Cold", "points": 0, "people": 1017},
        {"name": "Warm", "points": 50, "people": 153},
        {"name": "Hot", "points": 80, "people": 34},
    ],
    "margin": 2,
    "floor": 0,
    "ceiling": None,
    "grid": {"fit": {"B": 20, "A": 40}, "engagement": {"2": 25, "1": 50}},
    "stages": [{"name": "Lead", "points": 50}, {"name": "Customer", "points": None}],
    "edition": 3,
    "state": "settled",
    "progress": None,
    "fault": "",
    "recomputed_at": "2026-03-02T09:00:00Z",
    "computed_from": "2025-01-07T08:12:44Z",
    "people": 1204,
}
CLICKS = {
    "uid": "5f2c01aa",
    "name": "Clicks in mails",
    "sentence": "5 points when somebody clicks a link in an e-mail, at most 20 times; fades by half every 30 days",
    "kind": "behavioural",
    "part": "engagement",
    "effect": "add",
    "points": 5,
    "event": "email.clicked",
    "where": None,
    "machines": False,
    "condition": None,
    "at_most": 20,
    "cap": None,
    "group": "",
    "fading": {"how": "half", "amount": 30, "unit": "days"},
}
STATES = {
    "settled": "everybody's score follows the rules",
    "working_out": "other rules were put in force and are being applied to everybody; `progress` in percent",
    "stopped": "that was cancelled or failed; `fault` says why",
}
JOB_STATES = [*Job.State.values, "none"]
MODEL_STATES = [*STATES]


class BandShown(serializers.Serializer):
    """A band: a name for the scores from so many points on."""

    name = serializers.CharField()
    points = serializers.FloatField(help_text="From so many on; the lowest band also holds all below.")
    people = serializers.IntegerField(help_text="How many are in it; those who never earned anything are not counted.")


class GradesShown(serializers.Serializer):
    """From how many points on the better grades are reached; those with less have grade C, or 3."""

    fit = serializers.DictField(child=serializers.FloatField())
    engagement = serializers.DictField(child=serializers.FloatField())


class StageShown(serializers.Serializer):
    """A stage of the lifecycle."""

    name = serializers.CharField()
    points = serializers.FloatField(allow_null=True, help_text="Reached at so many; null: only when told.")


class ModelShown(serializers.Serializer):
    """A score model."""

    key = serializers.CharField(help_text="What addresses, conditions and templates call it.")
    name = serializers.CharField()
    description = serializers.CharField()
    active = serializers.BooleanField(help_text="One that is off scores nothing.")
    bands = BandShown(many=True)
    margin = serializers.FloatField(help_text="A band is left downwards only so many points below its threshold.")
    floor = serializers.FloatField(allow_null=True)
    ceiling = serializers.FloatField(allow_null=True)
    grid = GradesShown()
    stages = StageShown(many=True)
    edition = serializers.IntegerField(help_text="Counts the rules that were put in force; 0: none yet.")
    state = serializers.ChoiceField(
        choices=MODEL_STATES, help_text="; ".join(f"{key}: {words}" for key, words in STATES.items()) + "."
    )
    progress = serializers.IntegerField(allow_null=True, help_text="Percent, while it is being worked out.")
    fault = serializers.CharField(help_text="Why it was not worked out, in a sentence; mostly empty.")
    recomputed_at = serializers.DateTimeField(allow_null=True, help_text="When everybody was last worked out.")
    computed_from = serializers.DateTimeField(
        allow_null=True,
        help_text="Events are kept since then; what was earned before stays as it is. Null: there are none.",
    )
    people = serializers.IntegerField(help_text="How many have earned anything.")


class FadingShown(serializers.Serializer):
    """What becomes of points: they stay, lose half their worth every so often, or expire after so long."""

    how = serializers.ChoiceField(choices=["never", "half", "expires"])
    amount = serializers.IntegerField()
    unit = serializers.ChoiceField(choices=["days", "weeks"])


class RuleShown(serializers.Serializer):
    """A rule of a score model."""

    uid = serializers.CharField()
    name = serializers.CharField()
    sentence = serializers.CharField(help_text="The rule in words.")
    kind = serializers.ChoiceField(choices=ScoreRule.Kind.choices)
    part = serializers.ChoiceField(choices=ScoreRule.Part.choices)
    effect = serializers.ChoiceField(choices=ScoreRule.Effect.choices)
    points = serializers.IntegerField()
    event = serializers.CharField(help_text="Of a behavioural rule; else empty.")
    where = serializers.JSONField(allow_null=True, help_text="Which of these events, as docs/conditions.md says.")
    machines = serializers.BooleanField(help_text="Whether opens and clicks by machines count, too.")
    condition = serializers.JSONField(allow_null=True, help_text="Of a rule about the person or the company.")
    at_most = serializers.IntegerField(help_text="So many events count, the latest ones.")
    cap = serializers.IntegerField(allow_null=True, help_text="What the rule is worth at most, up or down.")
    group = serializers.CharField(help_text="Rules of a group are worth no more than its cap together.")
    fading = FadingShown()


class GroupShown(serializers.Serializer):
    """A group of rules with a cap of its own."""

    name = serializers.CharField()
    cap = serializers.IntegerField()


class ModelWithRules(ModelShown):
    """A score model with its rules."""

    rules = RuleShown(many=True)
    groups = GroupShown(many=True)


class JobShown(serializers.Serializer):
    """How far a recomputing has come."""

    job = serializers.IntegerField(allow_null=True, help_text="Its number; null: it was never recomputed.")
    state = serializers.ChoiceField(choices=JOB_STATES, help_text="“none”: never recomputed.")
    progress = serializers.IntegerField(allow_null=True, help_text="Percent, while it is under way.")
    result = serializers.CharField(help_text="What came of it, in a sentence.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


RUNNING = OpenApiExample(
    "Under way",
    {
        "job": 118,
        "state": "running",
        "progress": 40,
        "result": "",
        "started_at": "2026-03-02T09:00:00Z",
        "finished_at": None,
    },
    response_only=True,
    status_codes=["200", "202"],
)


def people_by_band(**which: Any) -> dict[tuple[int, int], int]:
    """(model, place of the band) → how many are in it; one query."""
    moves = ScoreFlow.objects.filter(**which).values_list("model", "band").order_by().annotate(Sum("net"))
    return {(model, band): people for model, band, people in moves}


def model_shown(model: ScoreModel, people: dict[tuple[int, int], int], since: datetime | None) -> dict[str, Any]:
    """A model as JSON; its job was fetched with it."""
    document = documents.parse(model.definition)
    state, progress, fault = _state(model)
    return {
        "key": model.key,
        "name": model.name,
        "description": model.description,
        "active": model.is_active,
        "bands": [
            {"name": band.name, "points": band.points, "people": people.get((model.pk, place), 0)}
            for place, band in enumerate(document.bands if model.definition else [])
        ],
        "margin": document.margin,
        "floor": document.floor,
        "ceiling": document.ceiling,
        "grid": {
            "fit": dict(zip("BA", document.fit_grades, strict=True)),
            "engagement": dict(zip("21", document.engagement_grades, strict=True)),
        },
        "stages": [{"name": stage.name, "points": stage.points} for stage in document.stages],
        "edition": model.edition,
        "state": state,
        "progress": progress,
        "fault": fault,
        "recomputed_at": model.filled_at,
        "computed_from": since,
        "people": sum(number for (its, _), number in people.items() if its == model.pk),
    }


def with_rules(model: ScoreModel) -> dict[str, Any]:
    document = documents.parse(model.definition)
    return model_shown(model, people_by_band(model=model), recomputing.kept_since()) | {
        "rules": [_rule_shown(document, rule) for rule in document.rules],
        "groups": [{"name": group.name, "cap": group.cap} for group in document.groups],
    }


def _rule_shown(document: Document, rule: Rule) -> dict[str, Any]:
    its: dict[str, Any] = next(one for one in documents.to_json(document)["rules"] if one["uid"] == rule.uid)
    return its | {"part": rule.part, "sentence": rule_words.sentence(rule)}


def _state(model: ScoreModel) -> tuple[str, int | None, str]:
    if model.is_settled:
        return "settled", None, ""
    if model.job and model.job.due_at:
        return "working_out", _percent(model.job), ""
    return "stopped", None, (model.job.result if model.job else "") or "It was not worked out; recompute it."


def _percent(job: Job) -> int:
    return min(100, 100 * job.done // job.total) if job.total else 0


def job_shown(job: Job | None) -> dict[str, Any]:
    return {
        "job": job.pk if job else None,
        "state": job.state if job else "none",
        "progress": _percent(job) if job and job.due_at else None,
        "result": job.result if job else "",
        "started_at": job.created_at if job else None,
        "finished_at": job.finished_at if job else None,
    }
