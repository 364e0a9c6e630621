"""The API's view of people inside campaigns. Each method translates, and makes one call of the domain."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from automation import requesting
from automation.api_bodies import (
    AT,
    ENROLLMENT,
    ENTRY,
    VISIT,
    EnrollmentShown,
    EnrollmentWhole,
    EntryShown,
    EntryWritten,
    ExitShown,
    ExitWritten,
    enrollment_shown,
    entry_shown,
    visit_shown,
)
from automation.models import Enrollment, EntryRequest
from campaigns.api import CAMPAIGN, NO_CAMPAIGN, READ, WRITE
from campaigns.api import found as campaign_named
from contacts.api import WHO
from contacts.api import found as contact_named
from lib import clock
from lib.parsers import DeepJSONParser
from ops.api import FAULTS, NOT_FOUND, PAGING, Fault, bad_input, moment, page, page_of, source_of, text

LONGEST_PATH = 500
ENROLLMENT_ID = OpenApiParameter("enrollment", OpenApiTypes.INT, OpenApiParameter.PATH, description="Its number.")
ENTRY_ID = OpenApiParameter("entry", OpenApiTypes.INT, OpenApiParameter.PATH, description="Its number.")
NONE_SUCH: dict[int, Any] = {404: OpenApiResponse(Fault, "There is no such enrollment or entry.")}
SHOWN = OpenApiExample("An entry", ENTRY, response_only=True)
NARROWING = [
    OpenApiParameter("state", OpenApiTypes.STR, enum=Enrollment.State.values, description="Those in one state."),
    OpenApiParameter("since", OpenApiTypes.DATETIME, description="Who entered at this time or later."),
    *PAGING,
]


def _full() -> QuerySet[Enrollment]:
    """Test runs are the marketers' own: no other software sees them."""
    rows = Enrollment.objects.filter(campaign__test_of=None)
    return rows.select_related("contact__address", "version").prefetch_related("contact__identities")


def _found(pk: int) -> Enrollment:
    row = _full().filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise exceptions.NotFound(f"There is no enrollment {str(pk)[:20]}.")
    return row


def _listed(request: Request, rows: QuerySet[Enrollment]) -> Response:
    if state := text(request, "state"):
        if state not in Enrollment.State.values:
            raise bad_input(f"“state” is one of {', '.join(Enrollment.State.values)}.", "state")
        rows = rows.filter(state=state)
    if since := moment(request, "since"):
        rows = rows.filter(entered_at__gte=since)
    return Response(page(request, rows, enrollment_shown, "state", "since"))


class EnrollmentsView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="campaigns_enrollments",
        summary="Read who is in a campaign, or was",
        description="Those who came last first, a page at a time.",
        parameters=[CAMPAIGN, *NARROWING],
        responses={200: page_of("EnrollmentPage", EnrollmentShown), **FAULTS, **NO_CAMPAIGN},
        examples=[OpenApiExample("A page", {"results": [ENROLLMENT], "next": "981"}, response_only=True)],
    )
    def get(self, request: Request, campaign: str) -> Response:
        return _listed(request, _full().filter(campaign=campaign_named(campaign)))


class ContactEnrollmentsView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="contacts_enrollments",
        summary="Read which campaigns a contact is in, or was",
        description="The last one first, a page at a time.",
        parameters=[WHO, *NARROWING],
        responses={200: page_of("ContactEnrollmentPage", EnrollmentShown), **FAULTS, **NOT_FOUND},
        examples=[OpenApiExample("A page", {"results": [ENROLLMENT], "next": None}, response_only=True)],
    )
    def get(self, request: Request, who: str) -> Response:
        return _listed(request, _full().filter(contact=contact_named(who)))


class EnrollmentView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="enrollments_read",
        summary="Read an enrollment with its way so far",
        description=f"Each step with what was decided, the values that were seen, and why; the last {LONGEST_PATH}.",
        parameters=[ENROLLMENT_ID],
        responses={200: EnrollmentWhole, **FAULTS, **NONE_SUCH},
        examples=[OpenApiExample("An enrollment", ENROLLMENT | {"path": [VISIT]}, response_only=True)],
    )
    def get(self, request: Request, enrollment: int) -> Response:
        row = _found(enrollment)
        visits = list(row.visits.select_related("version").order_by("-id")[:LONGEST_PATH])
        return Response(enrollment_shown(row) | {"path": [visit_shown(visit) for visit in reversed(visits)]})


class ExitView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="enrollments_exit",
        summary="Let somebody out of a campaign",
        description="At once; a mail that is queued for them is cancelled. Whoever is out already stays out.",
        parameters=[ENROLLMENT_ID],
        request=ExitWritten,
        responses={200: ExitShown, **FAULTS, **NONE_SUCH},
        examples=[
            OpenApiExample("Why", {"reason": "They called and ordered."}, request_only=True),
            OpenApiExample("Out", ENROLLMENT | {"state": "exited"}, response_only=True),
        ],
    )
    def post(self, request: Request, enrollment: int) -> Response:
        body, row = ExitWritten.read(request), _found(enrollment)
        why = body.get("reason") or "Your own software let them out."
        changed = requesting.let_out(row, why, clock.now())
        return Response(enrollment_shown(_found(enrollment)) | {"changed": changed})


class EntriesView(APIView):
    scopes = {"GET": READ, "POST": WRITE}
    parser_classes = [DeepJSONParser]

    @extend_schema(
        operation_id="campaigns_entries",
        summary="Read whom the API was asked to let in",
        description="The newest first, a page at a time; `?state=planned`: who is to come.",
        parameters=[
            CAMPAIGN,
            OpenApiParameter("state", OpenApiTypes.STR, enum=EntryRequest.State.values, description="In one state."),
            *PAGING,
        ],
        responses={200: page_of("EntryPage", EntryShown), **FAULTS, **NO_CAMPAIGN},
        examples=[OpenApiExample("A page", {"results": [ENTRY], "next": None}, response_only=True)],
    )
    def get(self, request: Request, campaign: str) -> Response:
        rows = EntryRequest.objects.filter(campaign=campaign_named(campaign))
        if state := text(request, "state"):
            if state not in EntryRequest.State.values:
                raise bad_input(f"“state” is one of {', '.join(EntryRequest.State.values)}.", "state")
            rows = rows.filter(state=state)
        return Response(page(request, rows, entry_shown, "state"))

    @extend_schema(
        operation_id="campaigns_enroll",
        summary="Let a contact into a campaign, now or at a time",
        description=(
            "Through the same gates as everybody: audience, re-entry, holdout. The answer says what came of it, and "
            "why. The campaign needs the trigger “your own software sends them”. With an `id` of yours the request "
            "may be sent again: it is answered with what came of the first (200)."
        ),
        parameters=[CAMPAIGN],
        request=EntryWritten,
        responses={200: EntryShown, 201: EntryShown, **FAULTS, **NO_CAMPAIGN},
        examples=[
            SHOWN,
            OpenApiExample(
                "At a time", {"contact": "user:u-1001", "at": AT, "data": {"plan": "pro"}}, request_only=True
            ),
        ],
    )
    def post(self, request: Request, campaign: str) -> Response:
        body, which = EntryWritten.read(request), campaign_named(campaign)
        try:
            row, new = requesting.ask(
                which,
                contact_named(body["contact"]),
                source_of(request),
                clock.now(),
                key=body.get("id", ""),
                at=body.get("at"),
                data=body.get("data"),
            )
        except requesting.TakenKey as fault:
            raise bad_input(str(fault), "id") from fault
        except requesting.Refused as fault:
            raise bad_input(str(fault)) from fault
        return Response(entry_shown(row), status=201 if new else 200)


class EntryView(APIView):
    scopes = {"GET": READ, "DELETE": WRITE}

    @extend_schema(
        operation_id="entries_read",
        summary="Read what came of asking to let somebody in",
        parameters=[ENTRY_ID],
        responses={200: EntryShown, **FAULTS, **NONE_SUCH},
        examples=[SHOWN],
    )
    def get(self, request: Request, entry: int) -> Response:
        return Response(entry_shown(_entry(entry)))

    @extend_schema(
        operation_id="entries_cancel",
        summary="Cancel a planned entry",
        description="The answer says what it is then: one that is over already stays as it is.",
        parameters=[ENTRY_ID],
        request=None,
        responses={200: EntryShown, **FAULTS, **NONE_SUCH},
        examples=[OpenApiExample("Cancelled", ENTRY | {"state": "cancelled", "enrollment": None}, response_only=True)],
    )
    def delete(self, request: Request, entry: int) -> Response:
        return Response(entry_shown(requesting.cancel(_entry(entry).pk, clock.now())))


def _entry(pk: int) -> EntryRequest:
    row = EntryRequest.objects.filter(pk=pk).first() if pk < 2**63 else None
    if row is None:
        raise exceptions.NotFound(f"There is no entry {str(pk)[:20]}.")
    return row
