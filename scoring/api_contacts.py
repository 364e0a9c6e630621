"""The API's view of contacts' scores: standings, the ledger, giving points, stages. Each method translates, and
makes one call of the domain."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from contacts.api import WHO
from contacts.api import found as contact_named
from contacts.models import Contact
from events.preparing import key_of
from lib import clock
from ops.api import FAULTS, PAGING, bad_input, limit_of, moment, page_of, source_of, text
from scoring import adjusting, reading
from scoring.api import KEY, NO_MODEL, READ, WRITE, found, found_active
from scoring.api_deeds import (
    AT,
    LINE,
    OF_ANN,
    STANDING,
    TOP,
    AllShown,
    ChangedShown,
    Deed,
    LineShown,
    StageWritten,
    StandingShown,
    TopShown,
    all_shown,
    contact_shown,
    line_shown,
    top_shown,
)
from scoring.models import ScoreChange, ScoreModel

CELLS = [f"{fit}{engagement}" for fit in "ABC" for engagement in "123"]
CHANGED = OpenApiExample("Now", OF_ANN | {"changed": True}, response_only=True)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TopView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="scores_top",
        summary="Read who has most points",
        description=(
            "Those with most points of all contacts, or of those in a band, a cell of the grid or a stage, as they are "
            "at this moment. They are chosen among the thousand who had most when their score was last written: when "
            "they last earned or lost something or crossed a threshold."
        ),
        parameters=[
            KEY,
            OpenApiParameter("band", OpenApiTypes.STR, description="Those in the band of this name."),
            OpenApiParameter("cell", OpenApiTypes.STR, enum=CELLS, description="Those in one cell of the grid."),
            OpenApiParameter("stage", OpenApiTypes.STR, description="Those in the stage of this name."),
            PAGING[0],
        ],
        responses={200: TopShown, **FAULTS, **NO_MODEL},
        examples=[OpenApiExample("Top contacts", {"at": AT, "results": [TOP]}, response_only=True)],
    )
    def get(self, request: Request, key: str) -> Response:
        model, now = found(key), clock.now()
        band = _named(text(request, "band"), "band", model.bands)
        stage = _named(text(request, "stage"), "stage", model.stages, first=1)
        top = reading.top(model, now, limit_of(request), band, _cell(text(request, "cell")), stage)
        people = Contact.objects.select_related("address").prefetch_related("identities")
        known = people.in_bulk([contact_id for contact_id, _ in top])
        rows = [top_shown(known[contact_id], standing) for contact_id, standing in top if contact_id in known]
        return Response({"at": now, "results": rows})


def _named(given: str, field: str, names: list[str], first: int = 0) -> int | None:
    """The place of a band or stage that a request names, whatever its case; None where it names none."""
    if not given:
        return None
    folded = [name.casefold() for name in names]
    if given.casefold() not in folded:
        known = f"it has {', '.join(f'“{name}”' for name in names)}" if names else f"it has no {field}s"
        raise bad_input(f"There is no {field} “{given[:80]}” in this score model; {known}.", field)
    return folded.index(given.casefold()) + first


def _cell(given: str) -> str:
    if given and given.upper() not in CELLS:
        raise bad_input("“cell” is one of A1 to C3: the grade of the fit, then that of the engagement.", "cell")
    return given.upper()


class ContactScoreView(APIView):
    scopes = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="scores_of_contact",
        summary="Read a contact's score",
        description="As it is at this moment. Who never earned anything has 0 points and the lowest band.",
        parameters=[KEY, WHO],
        responses={200: StandingShown, **FAULTS, **NO_MODEL},
        examples=[OpenApiExample("A score", OF_ANN, response_only=True)],
    )
    def get(self, request: Request, key: str, who: str) -> Response:
        model = found(key)
        return Response(_now(model, contact_named(who)))

    @extend_schema(
        operation_id="scores_change",
        summary="Give or take points",
        description=(
            "Or set or reset the engagement; the fit follows what is known of them. Answers with the new score; a band "
            "that is crossed is an event, which may start campaigns. Send an `id` of your own: then the request may be "
            "sent again at any time."
        ),
        parameters=[KEY, WHO],
        request=Deed,
        responses={200: ChangedShown, **FAULTS, **NO_MODEL},
        examples=[
            OpenApiExample(
                "Points that fade",
                {
                    "effect": "add",
                    "points": 10,
                    "reason": "Asked for a demo by telephone",
                    "fades": {"how": "half", "amount": 30, "unit": "days"},
                    "id": "call-7781",
                },
                request_only=True,
            ),
            OpenApiExample("A fresh start", {"effect": "reset", "reason": "Bought elsewhere"}, request_only=True),
            CHANGED,
        ],
    )
    def post(self, request: Request, key: str, who: str) -> Response:
        body, model, contact_id = Deed.read(request), found_active(key), contact_named(who)
        deed = adjusting.Deed(
            effect=body["effect"],
            points=body.get("points", 0),
            reason=body.get("reason", ""),
            fading=Deed.fading(body),
            cause=ScoreChange.Cause.API,
        )
        once = _key(request, body.get("id"), model, contact_id)
        changed = _done(lambda: adjusting.adjust(model, [contact_id], deed, clock.now(), key=once))
        return Response(_now(model, contact_id) | {"changed": changed})


def _key(request: Request, given: str | None, model: ScoreModel, contact_id: int) -> UUID | None:
    """What a request that is sent again is known by: one for each model, so that an order may count in several."""
    if not given:
        return None
    key = key_of(source_of(request).pk, f"score:{model.pk}:{given}")
    before = ScoreChange.objects.filter(rule=None, event_id=key).values_list("contact", flat=True).first()
    if before and before != contact_id and not Contact.objects.filter(pk=before, merged_into=contact_id).exists():
        raise bad_input(f"“{given[:80]}” was the id of a change for another contact; send a new one.", "id")
    return key


def _done(change) -> bool:
    try:
        return bool(change())
    except adjusting.Refused as refused:
        raise bad_input(str(refused)) from refused
    except IntegrityError as fault:  # two requests with one id at the very same time
        raise bad_input("A change with this “id” is just being made; read the score.", "id") from fault


def _now(model: ScoreModel, contact_id: int) -> dict[str, Any]:
    now = clock.now()
    return contact_shown(contact_id, model, reading.standings(model, [contact_id], now)[contact_id], now)


class StageView(APIView):
    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="scores_move_stage",
        summary="Move a contact to a stage of the lifecycle",
        description="Forward only, unless `force` says otherwise. Answers with the score.",
        parameters=[KEY, WHO],
        request=StageWritten,
        responses={200: ChangedShown, **FAULTS, **NO_MODEL},
        examples=[OpenApiExample("Forward", {"stage": "Customer"}, request_only=True), CHANGED],
    )
    def post(self, request: Request, key: str, who: str) -> Response:
        body, model, contact_id = StageWritten.read(request), found_active(key), contact_named(who)
        forced = body.get("force", False)
        stage = _named(body["stage"], "stage", model.stages, first=1) or 0
        if not stage and not forced:
            raise bad_input("Name the stage to move to; to take it away send “force”: true, too.", "stage")
        moved = _done(lambda: adjusting.move_stage(model, [contact_id], stage, clock.now(), forced=forced))
        return Response(_now(model, contact_id) | {"changed": moved})


class LedgerView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="scores_ledger",
        summary="Read what a contact's score is made of",
        description="A line for all that was earned or given, the newest first, with what it is worth at this moment.",
        parameters=[
            KEY,
            WHO,
            OpenApiParameter("before", OpenApiTypes.DATETIME, description="What happened before this time."),
            *PAGING,
        ],
        responses={200: page_of("LedgerPage", LineShown), **FAULTS, **NO_MODEL},
        examples=[OpenApiExample("A page", {"results": [LINE], "next": "1772021024000000-90211"}, response_only=True)],
    )
    def get(self, request: Request, key: str, who: str) -> Response:
        model, contact_id, limit = found(key), contact_named(who), limit_of(request)
        before = _place(text(request, "cursor"))
        if before is None and (until := moment(request, "before")):
            before = until, 0
        lines = reading.ledger(model, contact_id, clock.now(), limit + 1, before)
        following = _cursor(lines[limit - 1].change) if len(lines) > limit else None
        return Response({"results": [line_shown(line) for line in lines[:limit]], "next": following})


def _cursor(change: ScoreChange) -> str:
    return f"{(change.at - EPOCH) // timedelta(microseconds=1)}-{change.pk}"


def _place(cursor: str) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    match = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,18})", cursor, re.ASCII)
    if match is None:
        raise bad_input("This cursor is not one of ours; begin with the first page.", "cursor")
    return EPOCH + timedelta(microseconds=int(match[1])), int(match[2])


class AllScoresView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="scores_all_of_contact",
        summary="Read a contact's scores in all models",
        description="Those that are on, by name, as they are at this moment.",
        parameters=[WHO],
        responses={200: AllShown, **FAULTS, **NO_MODEL},
        examples=[
            OpenApiExample(
                "Scores",
                {"contact": 42, "at": AT, "scores": [{"model": "lead", "name": "Lead score"} | STANDING]},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, who: str) -> Response:
        contact_id, now = contact_named(who), clock.now()
        its = reading.scores_of([contact_id], now).get(contact_id, {})
        return Response(all_shown(contact_id, reading.models(), its, now))
