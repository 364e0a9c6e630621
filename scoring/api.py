"""The API's view of score models: what they are, and recomputing. Each method translates, and makes one call."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from lib import clock
from ops.api import FAULTS, PAGING, Fault, bad_input, page, page_of
from scoring import recomputing
from scoring.api_bodies import (
    CLICKS,
    LEAD,
    RUNNING,
    JobShown,
    ModelShown,
    ModelWithRules,
    job_shown,
    model_shown,
    people_by_band,
    with_rules,
)
from scoring.models import ScoreModel

READ, WRITE = "scores:read", "scores:write"
KEY = OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="Key of the score model.")
NO_MODEL: dict[int, Any] = {404: OpenApiResponse(Fault, "There is no such score model, or no such contact.")}


def found(key: str, rows=None) -> ScoreModel:
    """The model of a URL; 404 with a sentence."""
    possible = (ScoreModel.objects.all() if rows is None else rows) if key.isascii() and key.isprintable() else None
    model = None if possible is None else possible.filter(key=key).first()
    if model is None:
        raise exceptions.NotFound(f"There is no score model “{key[:40]}”; GET /api/scores/ lists them.")
    return model


def found_active(key: str) -> ScoreModel:
    """The model of a URL, which must be on."""
    model = found(key)
    if not model.is_active:
        raise bad_input(f"“{model}” is off and scores nothing; turn it on first.", "key")
    return model


class ScoresView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="scores_list",
        summary="List score models",
        description="Also those that are off; the newest first, a page at a time.",
        parameters=PAGING,
        responses={200: page_of("ScoreModelPage", ModelShown), **FAULTS},
        examples=[OpenApiExample("A page", {"results": [LEAD], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        people, since = people_by_band(), recomputing.kept_since()
        rows = ScoreModel.objects.select_related("job")
        return Response(page(request, rows, lambda model: model_shown(model, people, since)))


class ScoreView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="scores_read",
        summary="Read a score model with its rules",
        description="Each rule as a sentence and as data.",
        parameters=[KEY],
        responses={200: ModelWithRules, **FAULTS, **NO_MODEL},
        examples=[OpenApiExample("A model", LEAD | {"rules": [CLICKS], "groups": []}, response_only=True)],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(with_rules(found(key, ScoreModel.objects.select_related("job"))))


class RecomputeView(APIView):
    scopes = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="scores_recomputing",
        summary="Read how far a recomputing has come",
        parameters=[KEY],
        responses={200: JobShown, **FAULTS, **NO_MODEL},
        examples=[RUNNING],
    )
    def get(self, request: Request, key: str) -> Response:
        return Response(job_shown(found(key, ScoreModel.objects.select_related("job")).job))

    @extend_schema(
        operation_id="scores_recompute",
        summary="Recompute everybody's score",
        description=(
            "From the events as far back as they are kept, in the background; it starts no campaigns. Needed only "
            "where that was cancelled or failed. While one is under way it is answered, and no other one begun."
        ),
        parameters=[KEY],
        request=None,
        responses={202: JobShown, **FAULTS, **NO_MODEL},
        examples=[RUNNING],
    )
    def post(self, request: Request, key: str) -> Response:
        return Response(job_shown(recomputing.start(found_active(key), None, clock.now())), status=202)
