"""The page of a segment: who is in it and since when, how it went, where it is used; and what renews itself on it."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from lib import clock
from lib.pages import found, page, tell
from ops import audit, jobs
from segments import charts, conditions, defining, member_lists, standing
from segments.defining import SUBJECT
from segments.models import Segment


def segment_page(model_admin, request: HttpRequest, object_id: str) -> HttpResponse:
    segment = found(model_admin, request, object_id)
    now = clock.now()
    places = defining.uses(segment)
    return page(
        model_admin,
        request,
        "segments/segment.html",
        segment.name,
        segment,
        **standing_now(request, segment, now, bool(places)),
        **rules(segment),
        places=places,
        charts=charts.of(segment, now),
        members=member_lists.newest(segment),
        may=_may(model_admin, request, segment),
        import_url=f"{reverse('admin:contacts_import_add')}?segment={segment.pk}",
        copy_url=f"{reverse('admin:segments_segment_add')}?copy={segment.pk}",
    )


def now_fragment(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """What the page's script fetches while everybody is being compared with the rules."""
    segment = found(model_admin, request, str(object_id))
    context = standing_now(request, segment, clock.now(), bool(defining.uses(segment)))
    context["may"] = _may(model_admin, request, segment)
    response = TemplateResponse(request, "segments/now.html", context)
    response["Cache-Control"] = "no-store"
    return response


def standing_now(request: HttpRequest, segment: Segment, now: datetime, used: bool) -> dict[str, Any]:
    rows = Segment.objects.with_size().with_growth((now - standing.GROWTH_OVER).date())
    counted = rows.values("size", "growth").get(pk=segment.pk)
    return {
        "segment": segment,
        "now": now,
        "size": counted["size"],
        "growth": standing.growth(counted["growth"]),
        "grew": counted["growth"],
        "badges": standing.badges(segment, now, used),
        "working": standing.is_working(segment),
        "stopping": bool(segment.refresh and segment.refresh.cancel_asked),
        "progress": standing.progress(segment),
        "stale": standing.why_stale(segment, now),
        "cost": standing.cost(segment.refresh_ms),
    }


def rules(segment: Segment) -> dict[str, Any]:
    """The rules in words, with what they name that is not there any more; or why they cannot be evaluated."""
    if not segment.is_dynamic:
        return {"sentence": ""}
    try:
        said = conditions.sentence(segment.condition, SUBJECT)
    except conditions.InvalidCondition as fault:
        return {"sentence": "", "problems": list(dict.fromkeys(problem.sentence for problem in fault.problems))}
    return {"sentence": said, "vanished": conditions.vanished(segment.condition, SUBJECT)}


def _may(model_admin, request: HttpRequest, segment: Segment) -> dict[str, bool]:
    return {
        "add": model_admin.has_add_permission(request),
        "change": model_admin.has_change_permission(request, segment),
        "delete": model_admin.has_delete_permission(request, segment),
        "export": request.user.has_perm("segments.export_segment"),
        "see_contacts": request.user.has_perm("contacts.view_contact"),
    }


def refresh(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Ask everybody again, now."""
    segment = _changeable(model_admin, request, object_id)
    try:
        if not segment.is_dynamic:
            raise defining.Refused("A list has no rules, so there is nothing to refresh.")
        defining.refresh(segment, request.user, clock.now())
    except defining.Refused as refusal:
        tell(request, str(refusal), 40)
    else:
        audit.note(request.user, segment, "Asked for a refresh.")
    return redirect(segment)


def stop(model_admin, request: HttpRequest, object_id: int) -> HttpResponse:
    """Stop the refresh under way: what was done so far stays, and the segment says that it is stale."""
    segment = _changeable(model_admin, request, object_id)
    if segment.refresh and jobs.cancel(segment.refresh.pk):
        audit.note(request.user, segment, "Cancelled the refresh.")
        tell(request, "It stops after the part in hand. Until the next refresh some may be in it wrongly, or not yet.")
    return redirect(segment)


def _changeable(model_admin, request: HttpRequest, object_id: int) -> Segment:
    segment = found(model_admin, request, str(object_id))
    if not model_admin.has_change_permission(request, segment):
        raise PermissionDenied
    return segment
