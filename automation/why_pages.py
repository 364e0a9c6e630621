"""Why did, or didn't, she enter or get this? For any contact and campaign."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from automation import whying
from campaigns.models import Campaign
from campaigns.pages import number, page
from contacts.contact_page import winner_of
from contacts.models import Contact
from contacts.searching import beginning_with
from lib import clock

SEARCHED, OFFERED = 20, 200


def why_page(model_admin, request: HttpRequest) -> HttpResponse:
    """`?contact=` and `?campaign=` say whom it is about; what is missing is asked for."""
    permissions = ["automation.view_enrollment", "contacts.view_contact", "campaigns.view_campaign"]
    if not request.user.has_perms(permissions):
        raise PermissionDenied
    term, now = request.GET.get("q", "").strip()[:200].replace("\x00", ""), clock.now()
    asked = Contact.objects.select_related("address").filter(pk=number(request.GET.get("contact")) or 0).first()
    contact = winner_of(asked) if asked else None
    campaign = Campaign.objects.filter(pk=number(request.GET.get("campaign")) or 0).first()
    candidates = list(beginning_with(term).select_related("address").order_by("-pk")[:SEARCHED]) if term else []
    if len(candidates) == 1:  # then there is nothing to choose
        asked = contact = candidates.pop()
        term = ""
    campaigns = list(Campaign.objects.exclude(state="archived").order_by("name")[:OFFERED])
    return page(
        model_admin,
        request,
        "automation/why.html",
        "Why did they enter, or not?",
        None,
        now=now,
        term=term,
        contact=contact,
        merged=asked if asked != contact else None,
        campaign=campaign,
        candidates=candidates,
        campaigns=campaigns if campaign is None or campaign in campaigns else [campaign, *campaigns],
        answer=whying.about(campaign, contact, now) if contact and campaign else None,
    )
