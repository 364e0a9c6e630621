"""The API's view of who is in a segment. Each method translates, and makes one call of the domain."""

from collections.abc import Callable, Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contacts.api import WHO
from contacts.api import found as contact_named
from lib import clock
from ops.api import FAULTS, NOT_FOUND, PAGING, bad_input, moment, page, page_of, text
from segments import conditions, members
from segments.api import READ, WHICH, WRITE, found
from segments.api_bodies import (
    MEMBER,
    MemberShown,
    Move,
    MovedShown,
    StayShown,
    member_shown,
    stay_shown,
)
from segments.api_faults import NO_SEGMENT
from segments.api_people import PeopleWritten, named
from segments.explaining import Node, explain
from segments.models import Membership, Segment

API = Membership.Cause.API
GIVEN = {"contacts": [42], "user_ids": ["u-1001"], "emails": ["ann@example.com"]}
MISSING = {"contacts": [], "user_ids": ["u-1001"], "emails": []}
CHANGED = OpenApiExample("Done", {"changed": 2, "unchanged": 0, "not_found": MISSING}, response_only=True)
STAY = {
    "contact": 42,
    "is_in": True,
    "since": "2026-03-02T09:00:00Z",
    "cause": "change",
    "until": None,
    "left_because": "",
    "why": {"sentence": "their plan is “pro”", "holds": True, "seen": "pro"},
}


@transaction.atomic(savepoint=False)
def _note_use(segment: Segment) -> None:
    """At most once a minute, and not while the engine has the segment in hand: a lock, so in a transaction."""
    now = clock.now()
    stale = Segment.objects.filter(Q(used_at=None) | Q(used_at__lt=now - timedelta(minutes=1)), pk=segment.pk)
    Segment.objects.filter(pk__in=stale.select_for_update(skip_locked=True, no_key=True).values("pk")).update(
        used_at=now
    )


def _done(ids: Collection[int], change: Callable[[], int], missing: dict[str, list]) -> Response:
    try:
        changed = change()
    except members.NotStatic as fault:
        raise bad_input(str(fault)) from fault
    return Response({"changed": changed, "unchanged": len(ids) - changed, "not_found": missing})


class MembersView(APIView):
    scopes = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="segments_members",
        summary="Read who is in a segment",
        description="Those who came last first, a page at a time.",
        parameters=[
            WHICH,
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="Who entered at this time or later."),
            OpenApiParameter("cause", OpenApiTypes.STR, enum=Membership.Cause.values, description="What let them in."),
            *PAGING,
        ],
        responses={200: page_of("MemberPage", MemberShown), **FAULTS, **NO_SEGMENT},
        examples=[OpenApiExample("A page", {"results": [MEMBER], "next": "981"}, response_only=True)],
    )
    def get(self, request: Request, segment: int) -> Response:
        which = found(segment)
        rows = Membership.objects.current().filter(segment=which)
        if since := moment(request, "since"):
            rows = rows.filter(entered_at__gte=since)
        if cause := text(request, "cause"):
            rows = rows.filter(entered_by=_cause(cause))
        rows = rows.select_related("contact__address").prefetch_related("contact__identities")
        answer = page(request, rows, member_shown, "since", "cause")
        _note_use(which)
        return Response(answer)

    @extend_schema(
        operation_id="segments_add_members",
        summary="Put people into a fixed list",
        description="Up to 1,000 a request; who is in it already stays in it. The answer says who was not found.",
        parameters=[WHICH],
        request=PeopleWritten,
        responses={200: MovedShown, **FAULTS, **NO_SEGMENT},
        examples=[OpenApiExample("People", GIVEN, request_only=True), CHANGED],
    )
    def post(self, request: Request, segment: int) -> Response:
        people, which = named(PeopleWritten.read(request)), found(segment)
        return _done(people.ids, lambda: members.add(which, people.ids, clock.now(), API), people.missing)


def _cause(given: str) -> str:
    if given not in Membership.Cause.values:
        raise bad_input(f"“cause” is one of {', '.join(Membership.Cause.values)}.", "cause")
    return given


class RemoveMembersView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="segments_remove_members",
        summary="Take people out of a fixed list",
        description="Up to 1,000 a request. The answer says who was not found.",
        parameters=[WHICH],
        request=PeopleWritten,
        responses={200: MovedShown, **FAULTS, **NO_SEGMENT},
        examples=[OpenApiExample("People", GIVEN, request_only=True), CHANGED],
    )
    def post(self, request: Request, segment: int) -> Response:
        people, which = named(PeopleWritten.read(request)), found(segment)
        return _done(people.ids, lambda: members.remove(which, people.ids, clock.now(), API), people.missing)


class MoveMembersView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="segments_move_members",
        summary="Move people from one fixed list to another",
        description="Up to 1,000 a request. Only those who are in the first one come into the other.",
        parameters=[WHICH],
        request=Move,
        responses={200: MovedShown, **FAULTS, **NO_SEGMENT},
        examples=[OpenApiExample("People", GIVEN | {"to": 13}, request_only=True), CHANGED],
    )
    def post(self, request: Request, segment: int) -> Response:
        body = Move.read(request)
        people, source = named(body), found(segment)
        target = Segment.objects.filter(pk=body["to"]).first()
        if target is None or target == source:
            raise bad_input("“to” is the id of another segment, which must be there.", "to")
        now = clock.now()
        return _done(people.ids, lambda: members.move(source, target, people.ids, now, API), people.missing)


class MemberView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="segments_member",
        summary="Ask whether a contact is in a segment",
        description=(
            "Since when and by what, and the rules part by part with the values they saw; and of one who left: until "
            "when. 404 where there is no such contact."
        ),
        parameters=[WHICH, WHO],
        responses={200: StayShown, **FAULTS, **NOT_FOUND},
        examples=[OpenApiExample("In it", STAY, response_only=True)],
    )
    def get(self, request: Request, segment: int, who: str) -> Response:
        which, contact_id = found(segment), contact_named(who)
        stays = Membership.objects.filter(segment=which, contact=contact_id)
        # The open one first: it began last, but stays of a merged contact may have been longer.
        stay = stays.current().first() or stays.order_by("-left_at", "-pk").first()
        _note_use(which)
        return Response(stay_shown(contact_id, stay, _why(which, contact_id)))


def _why(segment: Segment, contact_id: int) -> Node | None:
    """As things stand now: the next look may come a moment later than what was written."""
    if not segment.is_dynamic:
        return None
    try:
        return explain(segment.condition, contact_id, clock.now())
    except conditions.InvalidCondition:
        return None  # the segment itself says what is wrong
