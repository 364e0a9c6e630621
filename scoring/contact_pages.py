"""The page of one contact's ledger in one model: every line, or only what counts now."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from contacts.models import Contact
from lib import clock
from lib.pages import found, number, page
from scoring import ledger_words, reading, shown
from scoring.models import ScoreModel

A_PAGE = 50


def ledger_page(model_admin, request: HttpRequest, object_id: int, contact_id: int) -> HttpResponse:
    """Every line, newest first, or only those that count; a page at a time."""
    model, contact, now = found(model_admin, request, str(object_id)), whom(request, contact_id), clock.now()
    live = request.GET.get("only") == "now"
    lines = reading.ledger(model, contact.pk, now, A_PAGE + 1, _place(request.GET.get("before", "")), live)
    standing = reading.standings(model, [contact.pk], now)[contact.pk]
    only = {"only": "now"} if live else {}
    older = _after(lines[A_PAGE - 1]) if len(lines) > A_PAGE else ""
    return page(
        model_admin,
        request,
        "scoring/ledger.html",
        f"Ledger of {contact}",
        model,
        model=model,
        contact=contact,
        now=now,
        lines=[ledger_words.told(line, now) for line in lines[:A_PAGE]],
        live=live,
        older=older and urlencode({**only, "before": older}),
        is_newest="before" not in request.GET,
        standing=standing,
        points=shown.points(standing.points),
        tone=shown.tone_of(model, standing.band),
        has_caps=has_caps(model),
    )


def has_caps(model: ScoreModel) -> bool:
    """May what the lines are worth add up to something else than the score?"""
    rules: list[dict[str, Any]] = model.definition.get("rules", [])
    return (
        model.floor is not None
        or model.ceiling is not None
        or any(rule.get("cap") is not None or rule.get("group") for rule in rules)
    )


def whom(request: HttpRequest, contact_id: int) -> Contact:
    """The contact that a page is about; 404 where there is none, 403 for who may not see contacts."""
    contact = Contact.objects.current().select_related("address").filter(pk=contact_id).first()
    if contact is None:
        raise Http404("There is no such contact.")
    if not request.user.has_perm("contacts.view_contact"):
        raise PermissionDenied
    return contact


def _after(line: reading.Line) -> str:
    return f"{line.change.at.isoformat()}~{line.change.pk}"


def _place(text: str) -> tuple[datetime, int] | None:
    """Where a page begins; a link that cannot be read leads to the newest lines."""
    at, _, pk = text.partition("~")
    try:
        moment = parse_datetime(at)
    except ValueError:
        moment = None
    last = number(pk)
    return (moment, last) if moment and moment.tzinfo and last is not None else None
