"""The API's view of events: a batch in, pages out. Each method translates, and makes one call of the domain."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contacts.api import found
from events import items, recording, types, wire
from events.models import Event, EventTypeRow
from lib import clock
from ops.api import FAULTS, NOT_FOUND, PAGING, bad_input, moment, page, page_of, source_of, text


class RawParser(BaseParser):
    """Leaves the body as bytes: items are read one by one, so that a bad one leaves the others alone."""

    media_type = "*/*"

    def parse(self, stream, media_type=None, parser_context=None) -> Any:
        return stream.read(wire.MAX_BODY + 1)


class ItemWritten(serializers.Serializer):
    """One call, in the words of Segment's specification."""

    type = serializers.ChoiceField(choices=[(kind, kind) for kind in items.KINDS])
    userId = serializers.CharField(required=False, help_text="Your id of the person; or anonymousId.")
    anonymousId = serializers.CharField(required=False)
    event = serializers.CharField(required=False, help_text="For track: what happened, such as order.completed.")
    properties = serializers.DictField(required=False, help_text="For track: of what happened.")
    traits = serializers.DictField(required=False, help_text="For identify: attributes of the contact.")
    messageId = serializers.CharField(
        required=False, help_text="Your own id of the item: what came before with it is a duplicate (30 days)."
    )
    timestamp = serializers.DateTimeField(required=False, help_text="When it happened; else: now.")


class BatchWritten(serializers.Serializer):
    """At most 2,500 items and 500 KB."""

    batch = ItemWritten(many=True)


class RejectedShown(serializers.Serializer):
    """An item that was not taken."""

    index = serializers.IntegerField(help_text="Its place in the batch, counted from 0.")
    reason = serializers.CharField()


class RecordedShown(serializers.Serializer):
    """What became of the batch."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField(help_text="Items whose messageId came before; nothing was written.")
    rejected = RejectedShown(many=True)


class EventShown(serializers.Serializer):
    """Something that a contact did."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    contact = serializers.IntegerField(help_text="Our id of the contact.")
    source = serializers.CharField(help_text="What sent it.")  # type: ignore[assignment]
    occurred_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    properties = serializers.DictField()


class EventTypeShown(serializers.Serializer):
    """A name under which events come."""

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    status = serializers.ChoiceField(
        choices=["built_in", "adopted", "unregistered"], help_text="Unregistered: seen, but nobody adopted it yet."
    )
    properties = serializers.DictField(child=serializers.CharField(), help_text="Name and kind of each.")
    last_seen_at = serializers.DateTimeField(allow_null=True)


class EventTypesShown(serializers.Serializer):
    """Every event type."""

    results = EventTypeShown(many=True)


ITEM = {
    "type": "track",
    "userId": "u-1001",
    "event": "order.completed",
    "properties": {"order_id": "A-17", "total": 29.33},
    "messageId": "order-A-17",
    "timestamp": "2026-03-02T09:00:00Z",
}
RECORDED = {"accepted": 1, "duplicates": 0, "rejected": [{"index": 1, "reason": "“type” must be one of …"}]}
EVENT = {
    "id": "0195d3a0-7c00-7000-8000-000000000001",
    "type": "order.completed",
    "contact": 42,
    "source": "Web shop",
    "occurred_at": "2026-03-02T09:00:00Z",
    "received_at": "2026-03-02T09:00:01Z",
    "properties": {"order_id": "A-17", "total": 29.33},
}


class EventsView(APIView):
    scopes = {"GET": "events:read", "POST": "events:write"}

    def get_parsers(self) -> list[BaseParser]:
        return [RawParser()]

    @extend_schema(
        operation_id="events_list",
        summary="Read events",
        description="Events, the newest first, a page at a time.",
        parameters=[
            OpenApiParameter("contact", OpenApiTypes.STR, description="Those of one contact: `42` or `user:u-1001`."),
            OpenApiParameter("type", OpenApiTypes.STR, description="Those of one type, such as order.completed."),
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="Received at this time or later."),
            OpenApiParameter("until", OpenApiTypes.DATETIME, description="Received before this time."),
            *PAGING,
        ],
        responses={200: page_of("EventPage", EventShown), **FAULTS, **NOT_FOUND},
        examples=[OpenApiExample("A page", {"results": [EVENT], "next": EVENT["id"]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = Event.objects.select_related("source")
        if who := text(request, "contact"):
            rows = rows.filter(contact=found(who))
        if event_type := text(request, "type"):
            rows = rows.filter(type=types.canonical(event_type))
        if since := moment(request, "since"):
            rows = rows.filter(received_at__gte=since)
        if until := moment(request, "until"):
            rows = rows.filter(received_at__lt=until)
        return Response(page(request, rows, _shown, "contact", "type", "since", "until"))

    @extend_schema(
        operation_id="events_add",
        summary="Add events",
        description=(
            "A batch of items as at `/v1/batch`, but the answer says what became of each. The items that can be "
            "taken are written, the others are named with the reason."
        ),
        request=BatchWritten,
        responses={200: RecordedShown, **FAULTS},
        examples=[
            OpenApiExample("A batch", {"batch": [ITEM]}, request_only=True),
            OpenApiExample("Taken, but for one", RECORDED, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        said = recording.record(source_of(request), _items(request.data), clock.now())
        rejected = [{"index": index, "reason": reason} for index, reason in said.rejected]
        return Response({"accepted": said.accepted, "duplicates": said.duplicates, "rejected": rejected})


def _items(raw: Any) -> list[items.Item | items.Refused]:
    raw = raw if isinstance(raw, bytes) else b""  # the REST framework's idea of no body is a dictionary
    try:
        if len(raw) > wire.MAX_BODY:
            raise wire.NotTaken(400, f"The request is larger than {wire.MAX_BODY // 1024} KB; send it in parts.")
        envelope, value = wire.parsed(raw)
    except wire.NotTaken as fault:
        raise bad_input(str(fault)) from fault
    if envelope.batch is None:
        raise bad_input('Send an object with a list of events: {"batch": [{"type": "track", …}]}.', "batch")
    if len(envelope.batch) > wire.MAX_EVENTS:
        raise bad_input(f"The batch has more than {wire.MAX_EVENTS:,} events; send it in parts.", "batch")
    try:
        return wire.inherited(envelope, value)
    except wire.NotTaken as fault:
        raise bad_input(str(fault), "context") from fault


def _shown(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "contact": event.contact_id,
        "source": event.source.name,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "properties": event.properties,
    }


class EventTypesView(APIView):
    scopes = {"GET": "events:read"}

    @extend_schema(
        operation_id="event_types_list",
        summary="Read event types",
        description="The types that are built in, those that people adopted, and names that merely arrived.",
        responses={200: EventTypesShown, **FAULTS},
        examples=[
            OpenApiExample(
                "Event types",
                {
                    "results": [
                        {
                            "key": "order.completed",
                            "label": "Order completed",
                            "status": "built_in",
                            "properties": {"order_id": "text", "total": "number"},
                            "last_seen_at": "2026-03-02T09:00:01Z",
                        }
                    ]
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        rows = {row.key: row for row in EventTypeRow.objects.all()}
        keys = [*(known.key for known in types.registry), *(key for key in rows if key not in types.registry)]
        return Response({"results": [_type_shown(key, rows.get(key)) for key in keys]})


def _type_shown(key: str, row: EventTypeRow | None) -> dict[str, Any]:
    known = types.get(key)
    adopted = row is not None and row.adopted_at is not None
    return {
        "key": key,
        "label": known.label if known else str(row),
        "status": "built_in" if known else "adopted" if adopted else "unregistered",
        "properties": dict(known.properties) if known else {},
        "last_seen_at": row.last_seen_at if row else None,
    }
