"""People inside campaigns as the API takes and shows them."""

from typing import Any

from rest_framework import serializers

from automation.models import Enrollment, EntryRequest, Visit
from lib import clean_json
from ops.api import Body, Text, bad_input

AT = "2026-03-02T09:00:00Z"
ENROLLMENT = {
    "id": 981,
    "campaign": 7,
    "contact": 42,
    "user_ids": ["u-1001"],
    "email": "ann@example.com",
    "version": 3,
    "entry_key": "",
    "held_out": False,
    "is_test": False,
    "state": "active",
    "step": "two-days",
    "due_at": "2026-03-04T09:00:00Z",
    "entered_at": AT,
    "left_at": None,
    "reason": "",
    "explanation": "",
}
VISIT = {
    "step": "hello",
    "kind": "email",
    "occurrence": 1,
    "version": 3,
    "entered_at": AT,
    "left_at": "2026-03-02T09:00:03Z",
    "arm": "sent",
    "explanation": "“Hello” was sent to ann@example.com.",
    "facts": {},
    "message": "0195571f-9f0e-7c3e-8a53-1f3e1a2b3c4d",
}
ENTRY = {
    "id": 55,
    "campaign": 7,
    "contact": 42,
    "key": "trial-778",
    "state": "entered",
    "at": AT,
    "enrollment": 981,
    "reason": "",
    "explanation": "",
    "created_at": AT,
    "decided_at": AT,
}


class EnrollmentShown(serializers.Serializer):
    """One contact inside one campaign, now or before."""

    id = serializers.IntegerField()
    campaign = serializers.IntegerField()
    contact = serializers.IntegerField(help_text="Our id of the contact.")
    user_ids = serializers.ListField(child=serializers.CharField())
    email = serializers.CharField(help_text="Empty: no address is known.")
    version = serializers.IntegerField(help_text="The number of the version that it follows.")
    entry_key = serializers.CharField(help_text="Such as the order that it is about; mostly empty.")
    held_out = serializers.BooleanField(help_text="Gets nothing, for comparison.")
    is_test = serializers.BooleanField(help_text="A test contact, whom no number counts.")
    state = serializers.ChoiceField(choices=Enrollment.State.choices)
    step = serializers.CharField(help_text="The uid of the step it is in, or was in last.")
    due_at = serializers.DateTimeField(allow_null=True, help_text="When it goes on; null: not by itself.")
    entered_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="A word for why it left early or is parked; else empty.")
    explanation = serializers.CharField(help_text="The same in a sentence.")


class VisitShown(serializers.Serializer):
    """One step of the way: what was decided, and why."""

    step = serializers.CharField()
    kind = serializers.CharField()
    occurrence = serializers.IntegerField(help_text="1, or more where the way led back.")
    version = serializers.IntegerField()
    entered_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True, help_text="Null: it is here now.")
    arm = serializers.CharField(help_text="The way out that it took.")
    explanation = serializers.CharField(help_text="What was decided and why, in a sentence.")
    facts = serializers.JSONField(help_text="The values that were seen.")
    message = serializers.UUIDField(allow_null=True, help_text="Of a step that sends.")


class EnrollmentWhole(EnrollmentShown):
    """An enrollment with its way so far."""

    path = VisitShown(many=True)


class EntryShown(serializers.Serializer):
    """A request to let a contact in, and what came of it."""

    id = serializers.IntegerField()
    campaign = serializers.IntegerField()
    contact = serializers.IntegerField()
    key = serializers.CharField(help_text="Your own `id`; empty: it had none.")
    state = serializers.ChoiceField(
        choices=EntryRequest.State.choices,
        help_text="planned: for `at`; refused: `explanation` says why.",
    )
    at = serializers.DateTimeField(help_text="When they are to enter.")
    enrollment = serializers.IntegerField(allow_null=True, help_text="Where they are inside by it, or were before.")
    reason = serializers.CharField()
    explanation = serializers.CharField()
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class EntryWritten(Body):
    """Whom to let in, and when."""

    contact = serializers.CharField(max_length=300, help_text="Our id, such as 42, or user: and yours: user:u-1001.")
    at = serializers.DateTimeField(
        required=False, help_text="When; without it: now. Without a zone: UTC; at most 2 years ahead."
    )
    data = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="What conditions and mails read as the event's properties."
    )
    id = Text(
        required=False, max_length=200, help_text="Your own: sent again with it, the request lets nobody in again."
    )

    def validate_data(self, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return clean_json.clean(value, "data")
        except clean_json.Unclean as fault:
            raise bad_input(str(fault)) from fault


class ExitWritten(Body):
    """Why they leave."""

    reason = Text(required=False, allow_blank=True, max_length=200, help_text="In words; the contact's page shows it.")


class ExitShown(EnrollmentShown):
    """An enrollment after it was asked to end."""

    changed = serializers.BooleanField(help_text="False: it was over already.")


def enrollment_shown(row: Enrollment) -> dict[str, Any]:
    """Its contact, address, identities and version were fetched with it."""
    contact = row.contact
    return {
        "id": row.pk,
        "campaign": row.campaign_id,
        "contact": row.contact_id,
        "user_ids": sorted(one.value for one in contact.identities.all() if one.kind == one.Kind.USER),
        "email": contact.email,
        "version": row.version.number,
        "entry_key": row.entry_key,
        "held_out": row.arm == "holdout",
        "is_test": row.contact.is_test,
        "state": row.state,
        "step": row.step_uid,
        "due_at": row.due_at,
        "entered_at": row.entered_at,
        "left_at": row.left_at,
        "reason": row.reason,
        "explanation": row.said,
    }


def visit_shown(visit: Visit) -> dict[str, Any]:
    return {
        "step": visit.step_uid,
        "kind": visit.kind,
        "occurrence": visit.occurrence,
        "version": visit.version.number,
        "entered_at": visit.entered_at,
        "left_at": visit.left_at,
        "arm": visit.arm,
        "explanation": visit.explanation,
        "facts": visit.facts,
        "message": visit.message_id,
    }


def entry_shown(row: EntryRequest) -> dict[str, Any]:
    return {
        "id": row.pk,
        "campaign": row.campaign_id,
        "contact": row.contact_id,
        "key": row.key,
        "state": row.state,
        "at": row.at,
        "enrollment": row.enrollment_id,
        "reason": row.reason,
        "explanation": row.explanation,
        "created_at": row.created_at,
        "decided_at": row.decided_at,
    }
