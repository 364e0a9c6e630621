"""The addresses of the management API, under /api/."""

from django.urls import path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from automation import api as inside
from campaigns import api as campaigns
from contacts import api as contacts
from events import api as events
from scoring import api as scores
from scoring import api_contacts as scored
from segments import api as segments
from segments import api_members as members


@extend_schema(exclude=True)
class NothingHere(APIView):
    """An address that does not exist answers in the API's own words, not with a page."""

    authentication_classes: list = []
    permission_classes = [AllowAny]

    def http_method_not_allowed(self, request, *args, **kwargs):
        remedy = "" if request.path.endswith("/") else " Addresses of the API end with a slash."
        raise NotFound(f"There is nothing at {request.path[:200]}.{remedy} See /api/docs/.")


urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("events/", events.EventsView.as_view(), name="api-events"),
    path("event-types/", events.EventTypesView.as_view(), name="api-event-types"),
    path("contacts/", contacts.ContactsView.as_view(), name="api-contacts"),
    path("contacts/<str:who>/", contacts.ContactView.as_view(), name="api-contact"),
    path("contacts/<str:who>/attributes/", contacts.AttributesView.as_view(), name="api-contact-attributes"),
    path("contacts/<str:who>/tags/", contacts.TagsView.as_view(), name="api-contact-tags"),
    path("contacts/<str:who>/unsubscribe/", contacts.UnsubscribeView.as_view(), name="api-contact-unsubscribe"),
    path("segments/", segments.SegmentsView.as_view(), name="api-segments"),
    path("segments/evaluate/", segments.EvaluateView.as_view(), name="api-segments-evaluate"),
    path("segments/<int:segment>/", segments.SegmentView.as_view(), name="api-segment"),
    path("segments/<int:segment>/refresh/", segments.RefreshView.as_view(), name="api-segment-refresh"),
    path("segments/<int:segment>/members/", members.MembersView.as_view(), name="api-segment-members"),
    path("segments/<int:segment>/members/remove/", members.RemoveMembersView.as_view(), name="api-segment-remove"),
    path("segments/<int:segment>/members/move/", members.MoveMembersView.as_view(), name="api-segment-move"),
    path("segments/<int:segment>/contacts/<str:who>/", members.MemberView.as_view(), name="api-segment-contact"),
    path("scores/", scores.ScoresView.as_view(), name="api-scores"),
    path("scores/<str:key>/", scores.ScoreView.as_view(), name="api-score"),
    path("scores/<str:key>/recompute/", scores.RecomputeView.as_view(), name="api-score-recompute"),
    path("scores/<str:key>/contacts/", scored.TopView.as_view(), name="api-score-top"),
    # After the two above: no contact is called “recompute” or “contacts”, but a model may be called “contacts”.
    path("scores/contacts/<str:who>/", scored.AllScoresView.as_view(), name="api-scores-of-contact"),
    path("scores/<str:key>/contacts/<str:who>/", scored.ContactScoreView.as_view(), name="api-score-contact"),
    path("scores/<str:key>/contacts/<str:who>/ledger/", scored.LedgerView.as_view(), name="api-score-ledger"),
    path("scores/<str:key>/contacts/<str:who>/stage/", scored.StageView.as_view(), name="api-score-stage"),
    path("contacts/<str:who>/enrollments/", inside.ContactEnrollmentsView.as_view(), name="api-contact-enrollments"),
    path("campaigns/", campaigns.CampaignsView.as_view(), name="api-campaigns"),
    path("campaigns/<str:campaign>/", campaigns.CampaignView.as_view(), name="api-campaign"),
    path("campaigns/<str:campaign>/enrollments/", inside.EnrollmentsView.as_view(), name="api-campaign-enrollments"),
    path("campaigns/<str:campaign>/entries/", inside.EntriesView.as_view(), name="api-campaign-entries"),
    path("enrollments/<int:enrollment>/", inside.EnrollmentView.as_view(), name="api-enrollment"),
    path("enrollments/<int:enrollment>/exit/", inside.ExitView.as_view(), name="api-enrollment-exit"),
    path("entries/<int:entry>/", inside.EntryView.as_view(), name="api-entry"),
    re_path(r"^.*$", NothingHere.as_view(), name="api-nothing"),
]
