"""What a request may do to a contact's score, and what it is then, as JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework import serializers

from contacts.models import Contact
from ops.api import Body, bad_input
from scoring.adjusting import MAX_REASON
from scoring.checking import MAX_DAYS
from scoring.document import MAX_POINTS, Fading
from scoring.models import ScoreChange, ScoreModel, ScoreRule
from scoring.reading import Line, Standing

AT = "2026-03-02T09:00:00Z"
STANDING = {"points": 84.6, "fit": 35, "engagement": 49.6, "band": "Hot", "cell": "B2", "stage": "Lead"}
OF_ANN = {"contact": 42, "model": "lead", "at": AT} | STANDING
TOP = {"contact": 42, "user_ids": ["u-1001"], "email": "ann@example.com", "name": "Ann Lee"} | STANDING
LINE = {
    "id": 90211,
    "at": "2026-02-25T12:03:44Z",
    "title": "Clicks in mails",
    "detail": "https://shop.example.com/pricing",
    "effect": "add",
    "points": 5,
    "worth": 4.44,
    "note": "fades by half every 30 days",
    "cause": "rule",
    "rule": "5f2c01aa",
    "reason": "",
    "event": "8a1b5a50-6cc7-4f5e-a5a3-ff4cf7b4a58e",
    "ended_at": None,
    "ended_because": "",
}


class StandingFields(serializers.Serializer):
    """What a contact has at a moment."""

    points = serializers.FloatField(help_text="Fit and engagement together, within floor and ceiling.")
    fit = serializers.FloatField()
    engagement = serializers.FloatField()
    band = serializers.CharField()
    cell = serializers.CharField(help_text="Of the grid: A1 is the best, C3 the least.")
    stage = serializers.CharField(help_text="Of the lifecycle; empty: none yet.")


class StandingShown(StandingFields):
    """A contact's score in one model."""

    contact = serializers.IntegerField(help_text="Our id of the contact.")
    model = serializers.CharField()
    at = serializers.DateTimeField(help_text="The moment that was asked about: what fades, fades all the time.")


class ChangedShown(StandingShown):
    """A contact's score after it was changed."""

    changed = serializers.BooleanField(help_text="False: that was so already, or this `id` came before.")


class OneModel(StandingFields):
    """A contact's score in one of several models."""

    model = serializers.CharField()
    name = serializers.CharField()


class AllShown(serializers.Serializer):
    """A contact's scores in all models that are on."""

    contact = serializers.IntegerField()
    at = serializers.DateTimeField()
    scores = OneModel(many=True)


class TopContact(StandingFields):
    """Somebody with many points."""

    contact = serializers.IntegerField()
    user_ids = serializers.ListField(child=serializers.CharField())
    email = serializers.CharField(help_text="Empty: no address is known.")
    name = serializers.CharField()


class TopShown(serializers.Serializer):
    """Those with most points."""

    at = serializers.DateTimeField()
    results = TopContact(many=True)


class LineShown(serializers.Serializer):
    """One row of the ledger."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="When it happened: from then on it counts, and fades.")
    title = serializers.CharField(help_text="The rule's name, or the reason.")
    detail = serializers.CharField(help_text="What the event was about; may be empty.")
    effect = serializers.ChoiceField(choices=ScoreRule.Effect.choices)
    points = serializers.FloatField()
    worth = serializers.FloatField(help_text="At this moment; 0 where it does not count any more.")
    note = serializers.CharField(help_text="Why it counts less or not at all, or how it fades; may be empty.")
    cause = serializers.ChoiceField(choices=ScoreChange.Cause.choices)
    rule = serializers.CharField(allow_null=True, help_text="`uid` of the rule; null: it was given otherwise.")
    reason = serializers.CharField(help_text="Of what was given by hand, by a step or by the API.")
    event = serializers.UUIDField(allow_null=True, help_text="`id` of the event that earned it.")
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Null: it counts.")
    ended_because = serializers.ChoiceField(choices=ScoreChange.Ended.choices, allow_blank=True)


class Fades(Body):
    """What becomes of the points given."""

    how = serializers.ChoiceField(choices=["never", "half", "expires"])
    amount = serializers.IntegerField(required=False, min_value=1, max_value=MAX_DAYS)
    unit = serializers.ChoiceField(choices=["days", "weeks"], required=False, help_text="Without it: days.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["how"] != "never" and "amount" not in attrs:
            raise bad_input("Say after how long: “amount”, and “unit” if it is weeks.", "amount")
        if Fading(**attrs).seconds > MAX_DAYS * 86400:
            raise bad_input(f"Points fade within {MAX_DAYS:,} days; send a smaller “amount”.", "amount")
        return attrs


class Deed(Body):
    """Points to give, or what the engagement part is to be."""

    effect = serializers.ChoiceField(
        choices=ScoreRule.Effect.choices,
        help_text="add: give points, or take some with a minus; set and reset: what the engagement is from now on.",
    )
    points = serializers.IntegerField(required=False, min_value=-MAX_POINTS, max_value=MAX_POINTS)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_REASON, help_text="In words; the ledger shows it."
    )
    fades = Fades(required=False, help_text="Without it the points stay.")
    id = serializers.CharField(
        required=False, max_length=200, help_text="Your own: sent again with it, the request changes nothing."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        resets = attrs["effect"] == ScoreRule.Effect.RESET
        if resets and (attrs.get("points") or "fades" in attrs):
            raise bad_input("A reset is to 0; leave “points” and “fades” out, or send “effect”: “set”.", "points")
        if not resets and attrs.get("points") is None:
            raise bad_input(f"Say how many points: a whole number from −{MAX_POINTS:,} to {MAX_POINTS:,}.", "points")
        if attrs["effect"] == ScoreRule.Effect.ADD and attrs["points"] == 0:
            raise bad_input("Giving 0 points does nothing; send another number.", "points")
        return attrs

    @staticmethod
    def fading(body: dict[str, Any]) -> Fading:
        return Fading(**body.get("fades", {}))


class StageWritten(Body):
    """The stage to move to."""

    stage = serializers.CharField(
        allow_blank=True, max_length=80, help_text="Its name; empty, with `force`: none any more."
    )
    force = serializers.BooleanField(required=False, help_text="Also backwards.")


def standing_shown(standing: Standing) -> dict[str, Any]:
    return {
        "points": _rounded(standing.points),
        "fit": _rounded(standing.fit),
        "engagement": _rounded(standing.engagement),
        "band": standing.band,
        "cell": standing.cell,
        "stage": standing.stage,
    }


def contact_shown(contact_id: int, model: ScoreModel, standing: Standing, now: datetime) -> dict[str, Any]:
    return {"contact": contact_id, "model": model.key, "at": now} | standing_shown(standing)


def all_shown(contact_id: int, models: list[ScoreModel], its: Mapping[str, Standing], now: datetime) -> dict[str, Any]:
    scores = [{"model": one.key, "name": one.name} | standing_shown(its[one.key]) for one in models if one.key in its]
    return {"contact": contact_id, "at": now, "scores": scores}


def top_shown(contact: Contact, standing: Standing) -> dict[str, Any]:
    """Its address and ids were fetched with the contact."""
    return {
        "contact": contact.pk,
        "user_ids": sorted(one.value for one in contact.identities.all() if one.kind == one.Kind.USER),
        "email": contact.email,
        "name": contact.name,
    } | standing_shown(standing)


def line_shown(line: Line) -> dict[str, Any]:
    change = line.change
    return {
        "id": change.pk,
        "at": change.at,
        "title": line.title,
        "detail": line.detail,
        "effect": line.effect,
        "points": _rounded(line.points),
        "worth": _rounded(line.worth),
        "note": line.note,
        "cause": change.cause,
        "rule": change.rule.uid if change.rule else None,
        "reason": change.reason,
        "event": change.event_id if change.rule else None,
        "ended_at": change.ended_at,
        "ended_because": change.ended_because,
    }


def _rounded(number: float) -> float:
    """To the hundredth: what fades has no last digit."""
    return round(number, 2) + 0.0
