"""The API's view of campaigns: what they are, and what came of them. Each method translates, and makes one call."""

from datetime import timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns import numbers
from campaigns.api_bodies import WELCOME, WHOLE, CampaignShown, CampaignWhole, campaign_shown, whole_shown
from campaigns.models import Campaign
from lib import clock
from ops.api import FAULTS, PAGING, Fault, bad_input, page, page_of, text

READ, WRITE = "campaigns:read", "campaigns:write"
CAMPAIGN = OpenApiParameter(
    "campaign",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="The number of the campaign, such as `7`, or `uid:` and its uid, such as `uid:welcome`.",
)
NO_CAMPAIGN: dict[int, Any] = {404: OpenApiResponse(Fault, "There is no such campaign.")}
SPAN = timedelta(days=30)


def found(which: str) -> Campaign:
    """The campaign of a URL; 404 with a sentence."""
    rows = Campaign.objects.select_related("live")
    if which.startswith("uid:") and "\x00" not in which:
        campaign = rows.filter(uid=which[4:]).first()
    elif which.isascii() and which.isdecimal() and len(which) < 19:
        campaign = rows.filter(pk=int(which)).first()
    else:
        raise exceptions.NotFound("A campaign is named by its number, or by uid: and its uid.")
    if campaign is None:
        raise exceptions.NotFound(f"There is no campaign “{which[:80]}”; GET /api/campaigns/ lists them.")
    return campaign


class CampaignsView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="campaigns_list",
        summary="Find campaigns",
        description="Campaigns with their state and what came of them in 30 days, the newest first, a page at a time.",
        parameters=[
            OpenApiParameter("state", OpenApiTypes.STR, enum=Campaign.State.values, description="Those in one state."),
            OpenApiParameter("search", OpenApiTypes.STR, description="Those whose name contains this."),
            *PAGING,
        ],
        responses={200: page_of("CampaignPage", CampaignShown), **FAULTS},
        examples=[OpenApiExample("A page", {"results": [WELCOME], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = Campaign.objects.select_related("live")
        if search := text(request, "search"):
            rows = rows.filter(name__icontains=search)
        if state := text(request, "state"):
            if state not in Campaign.State.values:
                raise bad_input(f"“state” is one of {', '.join(Campaign.State.values)}.", "state")
            rows = rows.filter(state=state)
        answer = page(request, rows, lambda campaign: campaign, "state", "search")
        counted = numbers.since([campaign.pk for campaign in answer["results"]], clock.now() - SPAN)
        answer["results"] = [campaign_shown(campaign, counted[campaign.pk]) for campaign in answer["results"]]
        return Response(answer)


class CampaignView(APIView):
    scopes = {"GET": READ}

    @extend_schema(
        operation_id="campaigns_read",
        summary="Read a campaign: its state, its steps and their numbers",
        parameters=[CAMPAIGN],
        responses={200: CampaignWhole, **FAULTS, **NO_CAMPAIGN},
        examples=[OpenApiExample("A campaign", WHOLE, response_only=True)],
    )
    def get(self, request: Request, campaign: str) -> Response:
        row = found(campaign)
        recent = numbers.since([row.pk], clock.now() - SPAN)[row.pk]
        return Response(whole_shown(row, recent, numbers.by_step(row)))
