"""Segments as the API takes and shows them."""

from typing import Any

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from ops.api import Body
from ops.models import Job
from segments import conditions
from segments.api_people import MissingShown, PeopleWritten
from segments.explaining import Node
from segments.models import Membership, Segment

CONDITION = {"all": [{"field": "contact.plan", "op": "is", "value": "pro"}, {"field": "contact.tags", "op": "is set"}]}
PRO = {
    "id": 12,
    "name": "Tagged professionals",
    "description": "Who the sales team looks after.",
    "kind": "dynamic",
    "condition": CONDITION,
    "sentence": "their plan is “pro” and their tags are set",
    "size": 1204,
    "state": "settled",
    "progress": None,
    "fault": "",
    "revision": 3,
    "refreshed_at": "2026-03-02T09:00:00Z",
    "refresh_seconds": 0.21,
    "created_at": "2026-02-02T09:00:00Z",
    "edited_at": "2026-03-02T09:00:00Z",
    "used_at": None,
}
SHOWN = OpenApiExample("A segment", PRO, response_only=True)
STATES = {
    "settled": "the members follow the condition",
    "working_out": "a new or edited condition is being applied to everybody; `progress` in percent",
    "stopped": "that was cancelled or failed; `fault` says why",
    "faulty": "the condition cannot be evaluated any more; `fault` says why",
}


class SegmentShown(serializers.Serializer):
    """A segment."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.ChoiceField(choices=Segment.Kind.choices)
    condition = serializers.JSONField(allow_null=True, help_text="Null for a fixed list.")
    sentence = serializers.CharField(help_text="The condition in words; empty for a fixed list.")
    size = serializers.IntegerField(help_text="How many are in it.")
    state = serializers.ChoiceField(
        choices=list(STATES), help_text="; ".join(f"{key}: {words}" for key, words in STATES.items()) + "."
    )
    progress = serializers.IntegerField(allow_null=True, help_text="Percent, while it is being worked out.")
    fault = serializers.CharField(help_text="What is wrong, in a sentence; mostly empty.")
    revision = serializers.IntegerField(help_text="Counts the changes of its condition.")
    refreshed_at = serializers.DateTimeField(allow_null=True, help_text="When everybody was last looked at.")
    refresh_seconds = serializers.FloatField(allow_null=True, help_text="How long that took.")
    created_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True, help_text="When its members were last read.")


def shown(segment: Segment) -> dict[str, Any]:
    """A segment as JSON; its size and its refresh were fetched with it."""
    state, progress, fault = _state(segment)
    return {
        "id": segment.pk,
        "name": segment.name,
        "description": segment.description,
        "kind": segment.kind,
        "condition": segment.condition,
        "sentence": _sentence(segment),
        "size": segment.size,  # type: ignore[attr-defined]
        "state": state,
        "progress": progress,
        "fault": fault,
        "revision": segment.revision,
        "refreshed_at": segment.refreshed_at,
        "refresh_seconds": None if segment.refresh_ms is None else segment.refresh_ms / 1000,
        "created_at": segment.created_at,
        "edited_at": segment.edited_at,
        "used_at": segment.used_at,
    }


def _state(segment: Segment) -> tuple[str, int | None, str]:
    if segment.fault:
        return "faulty", None, segment.fault
    if segment.is_settled:
        return "settled", None, ""
    job = segment.refresh
    if job and job.due_at:
        return "working_out", _percent(job), ""
    return "stopped", None, (job.result if job else "") or "It was not worked out; refresh it."


def _percent(job: Job) -> int:
    return min(100, 100 * job.done // job.total) if job.total else 0


def _sentence(segment: Segment) -> str:
    if not segment.is_dynamic:
        return ""
    try:
        return conditions.sentence(segment.condition, "contact")
    except conditions.InvalidCondition:
        return ""  # `fault` says it


class SegmentWritten(Body):
    """A new segment."""

    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, max_length=300)
    kind = serializers.ChoiceField(choices=Segment.Kind.choices, required=False, help_text="Without it: dynamic.")
    condition = serializers.JSONField(
        required=False, allow_null=True, help_text="Who is in it, as docs/conditions.md says; {} means everyone."
    )


class SegmentEdited(Body):
    """What to change; what is not named stays as it is."""

    name = serializers.CharField(required=False, max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, max_length=300)
    condition = serializers.JSONField(required=False, allow_null=True)


class UseShown(serializers.Serializer):
    """A place where a segment is used."""

    what = serializers.CharField()
    url = serializers.CharField()


class InUseShown(serializers.Serializer):
    """Why a segment is not deleted."""

    error = serializers.CharField()
    uses = UseShown(many=True)


class MemberShown(serializers.Serializer):
    """Somebody who is in a segment."""

    contact = serializers.IntegerField(help_text="Our id of the contact.")
    user_ids = serializers.ListField(child=serializers.CharField())
    email = serializers.CharField(help_text="Empty: no address is known.")
    since = serializers.DateTimeField()
    cause = serializers.ChoiceField(choices=Membership.Cause.choices)


MEMBER = {
    "contact": 42,
    "user_ids": ["u-1001"],
    "email": "ann@example.com",
    "since": "2026-03-02T09:00:00Z",
    "cause": "change",
}


def member_shown(member: Membership) -> dict[str, Any]:
    """A stay as JSON; the contact, its address and its ids were fetched with it."""
    contact = member.contact
    return {
        "contact": contact.pk,
        "user_ids": sorted(one.value for one in contact.identities.all() if one.kind == one.Kind.USER),
        "email": contact.email,
        "since": member.entered_at,
        "cause": member.entered_by,
    }


class Move(PeopleWritten):
    """Whom to move, and where."""

    to = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Id of the list that they go to.")


class MovedShown(serializers.Serializer):
    """What came of it."""

    changed = serializers.IntegerField(help_text="How many entered, left or moved.")
    unchanged = serializers.IntegerField(help_text="How many were found, but were as wanted already.")
    not_found = MissingShown()


class StayShown(serializers.Serializer):
    """Is this contact in the segment?"""

    contact = serializers.IntegerField()
    is_in = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True, help_text="Since when; null: never was in it.")
    cause = serializers.CharField(help_text="What let them in; empty: never was in it.")
    until = serializers.DateTimeField(allow_null=True, help_text="When they left, if they did.")
    left_because = serializers.CharField(help_text="What let them out; empty: they are in, or never were.")
    why = serializers.JSONField(
        allow_null=True,
        help_text="The rules as they stand now, each part true or false with what it saw; null: a list has none.",
    )


def stay_shown(contact_id: int, stay: Membership | None, why: Node | None) -> dict[str, Any]:
    return {
        "contact": contact_id,
        "is_in": stay is not None and stay.left_at is None,
        "since": stay.entered_at if stay else None,
        "cause": stay.entered_by if stay else "",
        "until": stay.left_at if stay else None,
        "left_because": stay.left_by if stay else "",
        "why": why.as_json() if why else None,
    }


class Question(PeopleWritten):
    """A condition to try, of everybody or of the people who are named."""

    needs_people = False
    condition = serializers.JSONField(allow_null=True)


class Evaluated(serializers.Serializer):
    """Whom a condition describes just now."""

    sentence = serializers.CharField(help_text="The condition in words.")
    count = serializers.IntegerField(help_text="How many it describes (of those who were named, if any were).")
    sample = serializers.ListField(child=serializers.IntegerField(), help_text="Ids of up to ten of them.")
    matching = serializers.ListField(
        child=serializers.IntegerField(), allow_null=True, help_text="All of those named who match; else null."
    )
    not_found = MissingShown()
    at = serializers.DateTimeField(help_text="The moment that was asked about.")


EVALUATED = {
    "sentence": PRO["sentence"],
    "count": 1,
    "sample": [42],
    "matching": [42],
    "not_found": {"contacts": [], "user_ids": [], "emails": []},
    "at": "2026-03-02T09:00:00Z",
}
