"""Why is somebody in a segment, why not: the rules with each part true or false, and what was so before."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from contacts.models import Contact
from contacts.searching import beginning_with
from lib import clock
from lib.pages import found, number, page
from segments import conditions, explaining
from segments.member_lists import LEFT, why
from segments.models import Membership, Segment

SEARCHED, STAYS = 20, 10


def why_page(model_admin: ModelAdmin, request: HttpRequest, object_id: int) -> HttpResponse:
    segment = found(model_admin, request, str(object_id))
    if not request.user.has_perm("contacts.view_contact"):
        raise PermissionDenied
    term, now = request.GET.get("q", "").strip(), clock.now()
    people = Contact.objects.current().select_related("address")
    contact = people.filter(pk=number(request.GET.get("contact")) or 0).first()
    return page(
        model_admin,
        request,
        "segments/why_page.html",
        f"Who is in {segment}, and why",
        segment,
        segment=segment,
        now=now,
        term=term,
        candidates=beginning_with(term).select_related("address").order_by("-pk")[:SEARCHED] if term else [],
        contact=contact,
        **(_about(segment, contact, now) if contact else {}),
    )


def _about(segment: Segment, contact: Contact, now: datetime) -> dict[str, Any]:
    rows = Membership.objects.filter(segment=segment, contact=contact).select_related("by").order_by("-id")
    stays = list(rows[:STAYS])
    inside = next((row for row in stays if row.left_at is None), None)
    node, fault = _node(segment, contact, now)
    return {
        "inside": inside,
        "because": inside and why(inside),
        "before": [(row, LEFT[Membership.Cause(row.left_by)]) for row in stays if row.left_at],
        "node": node,
        "fault": fault,
        "differs": node is not None and node.holds != (inside is not None),
    }


def _node(segment: Segment, contact: Contact, now: datetime) -> tuple[Any, str]:
    if not segment.is_dynamic:
        return None, ""
    try:
        return explaining.explain(segment.condition, contact.pk, now), ""
    except conditions.InvalidCondition as fault:
        return None, str(fault)
