"""What the rule builder asks while one edits: what there is to choose from, and whom a condition matches now."""

import json
from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from contacts.models import Contact
from lib import clock
from ops.authentication import count as count_requests
from segments import conditions, offers, trying
from segments.leaves import SUBJECTS

SECONDS, PER_MINUTE = 2, 120
# Whoever is asked about is shown: that takes the right to see contacts, and one of the pages where conditions stand.
MAY_SEE, PAGES = "contacts.view_contact", ("segments.view_segment", "campaigns.view_campaign")
TOO_LONG = "Counting takes longer than two seconds; it is counted when you save."
TOO_OFTEN = "That was a lot of counting; it goes on in a minute."
WHEN_IT_HAPPENS = "It is looked at when it happens, so there is nobody to count now."


def urls(site) -> list:
    return [
        path("conditions/offers/", site.admin_view(_offers), name="conditions_offers"),
        path("conditions/live/", site.admin_view(_live), name="conditions_live"),
    ]


@require_safe
def _offers(request: HttpRequest) -> JsonResponse:
    _check(request)
    subject = _subject(request.GET.get("subject", "contact"))
    roots = [root for root in request.GET.get("roots", "").split(",") if root]
    return _answer(offers.offered(subject, request.GET.get("event_type") or None, roots))


@require_POST
def _live(request: HttpRequest) -> JsonResponse:
    _check(request)
    left, used = count_requests(f"conditions:{request.user.pk}", 60)
    if used > PER_MINUTE:
        response = _answer({"note": TOO_OFTEN}, status=429)
        response["Retry-After"] = str(int(left) + 1)
        return response
    asked = _read(request.body)
    subject = _subject(asked.get("subject", "contact"))
    return _answer(answer(asked.get("tree"), subject, asked.get("event_type"), clock.now()))


def answer(tree: Any, subject: str, event_type: Any, now: datetime) -> dict[str, Any]:
    """The sentence and, for contacts, the number; or what is wrong, by path."""
    event_type = event_type if isinstance(event_type, str) and event_type else None
    if problems := conditions.validate(tree, subject, event_type):
        parts = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
        later = "it is counted when that is mended" if subject == "contact" else "look at the rows that are marked"
        told = [{"path": problem.path, "sentence": problem.sentence} for problem in problems]
        return {"problems": told, "note": f"{parts} missing or wrong; {later}."}
    said = {"sentence": "" if conditions.is_empty(tree) else conditions.sentence(tree, subject, event_type)}
    if subject != "contact":
        return {**said, "note": WHEN_IT_HAPPENS}
    try:
        return {**said, **_counted(trying.tried(tree, now, SECONDS))}
    except trying.TakesTooLong:
        return {**said, "note": TOO_LONG}


def _counted(found: trying.Found) -> dict[str, Any]:
    everyone = Contact.objects.current()
    examples = everyone.filter(pk__in=found.ids).select_related("address").order_by("-pk")
    return {"count": found.count, "of": everyone.count(), "examples": list(map(_example, examples))}


def _example(contact: Contact) -> dict[str, str]:
    url = reverse("admin:contacts_contact_change", args=[contact.pk])
    return {"name": str(contact), "email": contact.email, "url": url}


def _check(request: HttpRequest) -> None:
    may = request.user.has_perm
    if not (may(MAY_SEE) and any(may(page) for page in PAGES)):
        raise PermissionDenied


def _read(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise BadRequest("The conditions could not be read.") from None
    if not isinstance(asked, dict):
        raise BadRequest("The conditions could not be read.")
    return asked


def _subject(key: Any) -> str:
    if not isinstance(key, str) or key not in SUBJECTS:
        raise BadRequest("A condition is about a contact, an event or an enrollment.")
    return key


def _answer(data: dict[str, Any], status: int = 200) -> JsonResponse:
    response = JsonResponse(data, status=status)
    response["Cache-Control"] = "no-store"
    return response
