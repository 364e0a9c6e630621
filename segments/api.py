"""The API's view of segments: what they are. Each method translates, and makes one call of the domain."""

from typing import Any

from django.db import IntegrityError, transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lib import clock
from lib.parsers import DeepJSONParser
from ops.api import FAULTS, PAGING, bad_input, page, page_of, text
from ops.authentication import count
from segments import conditions, defining, trying
from segments.api_bodies import (
    CONDITION,
    EVALUATED,
    PRO,
    SHOWN,
    Evaluated,
    InUseShown,
    Question,
    SegmentEdited,
    SegmentShown,
    SegmentWritten,
    shown,
)
from segments.api_faults import NO_SEGMENT, TREE_FAULTS, InUse, InvalidTree, refusal
from segments.api_people import named
from segments.models import Segment

READ, WRITE = "segments:read", "segments:write"
WHICH = OpenApiParameter("segment", OpenApiTypes.INT, OpenApiParameter.PATH, description="Id of the segment.")
SECONDS = 10
PER_MINUTE = 120  # trials: each may take all of these seconds


def found(pk: int, rows=None) -> Segment:
    """The segment of a URL; 404 with a sentence."""
    segment = (Segment.objects.all() if rows is None else rows).filter(pk=pk).first()
    if segment is None:
        raise exceptions.NotFound(f"There is no segment {str(pk)[:20]}.")
    return segment


def _full():
    return Segment.objects.with_size().select_related("refresh")


def _answer(segment: Segment, status: int = 200) -> Response:
    return Response(shown(_full().get(pk=segment.pk)), status=status)


def _saved(segment: Segment) -> Segment:
    """Saved, and worked out in the background; what is wrong is answered with 400."""
    try:
        with transaction.atomic():
            return defining.save(segment, None, clock.now())
    except defining.Refused as refused:
        raise refusal(refused) from refused
    except IntegrityError as fault:
        raise bad_input(f"There is another segment “{segment.name}”; give this one another name.", "name") from fault


class SegmentsView(APIView):
    scopes = {"GET": READ, "POST": WRITE}
    parser_classes = [DeepJSONParser]

    @extend_schema(
        operation_id="segments_list",
        summary="Find segments",
        description="Segments, the newest first, a page at a time.",
        parameters=[
            OpenApiParameter("search", OpenApiTypes.STR, description="Those whose name contains this."),
            OpenApiParameter("kind", OpenApiTypes.STR, enum=Segment.Kind.values, description="Those of one kind."),
            *PAGING,
        ],
        responses={200: page_of("SegmentPage", SegmentShown), **FAULTS},
        examples=[OpenApiExample("A page", {"results": [PRO], "next": "12"}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = _full()
        if search := text(request, "search"):
            rows = rows.filter(name__icontains=search)
        if kind := text(request, "kind"):
            rows = rows.filter(kind=_kind(kind))
        return Response(page(request, rows, shown, "search", "kind"))

    @extend_schema(
        operation_id="segments_create",
        summary="Make a segment",
        description=(
            "By a condition, or as a fixed list. It is answered at once and worked out in the background: read it "
            "again until its `state` is settled. Sent once more, the same request answers with the segment that is "
            "there (200)."
        ),
        request=SegmentWritten,
        responses={200: SegmentShown, 201: SegmentShown, **TREE_FAULTS},
        examples=[
            SHOWN,
            OpenApiExample("By a condition", {"name": "Professionals", "condition": CONDITION}, request_only=True),
            OpenApiExample("A fixed list", {"name": "Guests", "kind": "static"}, request_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        wanted = Segment(**SegmentWritten.read(request))
        _check_kind(wanted)
        there = Segment.objects.filter(name=wanted.name).first()
        if there and _same(there, wanted):
            return _answer(there)
        return _answer(_saved(wanted), 201)


def _kind(given: str) -> str:
    if given not in Segment.Kind.values:
        raise bad_input(f"“kind” is one of {', '.join(Segment.Kind.values)}.", "kind")
    return given


def _check_kind(segment: Segment) -> None:
    if segment.is_dynamic and segment.condition is None:
        raise bad_input("Say who is in it; {} means everyone. For a fixed list send “kind”: “static”.", "condition")
    if not segment.is_dynamic and segment.condition is not None:
        raise bad_input("A fixed list has no condition; leave it out.", "condition")


def _same(there: Segment, wanted: Segment) -> bool:
    if (there.kind, there.description) != (wanted.kind, wanted.description):
        return False
    return not there.is_dynamic or _typed(wanted.condition) == there.condition


def _typed(tree: Any) -> Any:
    """As it would be saved; as it is where it could not be."""
    return tree if conditions.validate(tree, "contact") else conditions.typed(tree, "contact")


class SegmentView(APIView):
    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}
    parser_classes = [DeepJSONParser]

    @extend_schema(
        operation_id="segments_read",
        summary="Read a segment",
        parameters=[WHICH],
        responses={200: SegmentShown, **FAULTS, **NO_SEGMENT},
        examples=[SHOWN],
    )
    def get(self, request: Request, segment: int) -> Response:
        return Response(shown(found(segment, _full())))

    @extend_schema(
        operation_id="segments_update",
        summary="Edit a segment",
        description=(
            "Writes what is named and leaves the rest. Another condition is worked out in the background; who enters "
            "or leaves by it starts no campaign."
        ),
        parameters=[WHICH],
        request=SegmentEdited,
        responses={200: SegmentShown, **TREE_FAULTS, **NO_SEGMENT},
        examples=[SHOWN, OpenApiExample("Another condition", {"condition": CONDITION}, request_only=True)],
    )
    @transaction.atomic
    def patch(self, request: Request, segment: int) -> Response:
        wanted = SegmentEdited.read(request)
        defining.one_at_a_time()
        edited = found(segment, Segment.objects.select_for_update(no_key=True))
        if "condition" in wanted and edited.is_dynamic:
            wanted["condition"] = _typed(wanted["condition"])  # what is saved is typed: the same is no edit
        for name, value in wanted.items():
            setattr(edited, name, value)
        _check_kind(edited)
        return _answer(_saved(edited))

    @extend_schema(
        operation_id="segments_delete",
        summary="Delete a segment",
        description="With its history. One that is used is not deleted: the answer says where it is used.",
        parameters=[WHICH],
        responses={204: None, 409: OpenApiResponse(InUseShown, "It is used."), **FAULTS, **NO_SEGMENT},
    )
    @transaction.atomic
    def delete(self, request: Request, segment: int) -> Response:
        defining.one_at_a_time()
        going = found(segment, Segment.objects.select_for_update())
        try:
            defining.delete(going)
        except defining.Refused as refused:
            raise InUse(refused, defining.uses(going)) from refused
        return Response(status=204)


class RefreshView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="segments_refresh",
        summary="Work a segment out again",
        description="In the background; needed only where that was cancelled or failed. While it runs: no other one.",
        parameters=[WHICH],
        request=None,
        responses={200: SegmentShown, **TREE_FAULTS, **NO_SEGMENT},
        examples=[SHOWN],
    )
    def post(self, request: Request, segment: int) -> Response:
        which = found(segment)
        if not which.is_dynamic:
            raise bad_input("A fixed list is as people filled it; there is nothing to work out.")
        try:
            defining.refresh(which, None, clock.now())
        except defining.Refused as refused:
            raise refusal(refused) from refused
        return _answer(which)


class EvaluateView(APIView):
    scopes = {"POST": READ}
    parser_classes = [DeepJSONParser]

    @extend_schema(
        operation_id="segments_evaluate",
        summary="Try a condition",
        description=(
            "How many contacts it describes at this moment, and ten of them; or which of the people named it "
            "describes. Nothing is saved."
        ),
        request=Question,
        responses={200: Evaluated, **TREE_FAULTS},
        examples=[
            OpenApiExample("Everybody", {"condition": CONDITION}, request_only=True),
            OpenApiExample("One of them", {"condition": CONDITION, "user_ids": ["u-1001"]}, request_only=True),
            OpenApiExample("Found", EVALUATED, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        left, used = count(f"evaluate:{request.auth.pk}", 60)
        if used > PER_MINUTE:
            raise exceptions.Throttled(left)
        body, now = Question.read(request), clock.now()
        tree = body["condition"]
        if problems := conditions.validate(tree, "contact"):
            raise InvalidTree(problems)
        asks_some = any(name in body for name in ("contacts", "user_ids", "emails"))
        people = named(body)
        answer = _tried(tree, now, people.ids if asks_some else None)
        return Response(
            {
                "sentence": conditions.sentence(tree, "contact"),
                "count": answer.count,
                "sample": answer.ids[: trying.SAMPLE],
                "matching": answer.ids if asks_some else None,
                "not_found": people.missing,
                "at": now,
            }
        )


def _tried(tree: conditions.Tree, now, only) -> trying.Found:
    try:
        return trying.tried(tree, now, SECONDS, only)
    except conditions.InvalidCondition as fault:
        raise InvalidTree(fault.problems) from fault
    except trying.TakesTooLong as fault:
        sentence = f"It could not be counted in {SECONDS} seconds; save it as a segment, which is worked out apart."
        raise bad_input(sentence, "condition") from fault
