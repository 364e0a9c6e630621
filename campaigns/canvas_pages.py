"""The canvas in the admin: the page, and what it asks while somebody draws. Nothing is kept until it is saved."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse

from campaigns import canvas, canvas_limits, canvas_panels, canvas_saving, flow_edits, lifecycle
from campaigns.document import Document, NotADocument, StepDoc, Trigger, new_uid, parse, to_json
from campaigns.flow_edits import CannotBeDone
from campaigns.models import Campaign
from campaigns.new_pages import BROADCAST
from campaigns.pages import found, page
from campaigns.sequence_pages import as_cards, last_editor, may_edit
from campaigns.sequence_words import readable
from campaigns.step_numbers import of_steps
from campaigns.verb_pages import buttons
from lib import clean_json
from lib.words import day_and_time

LARGEST, LEVELS = 2_000_000, 80
ARCHIVED = "This campaign was archived meanwhile, so it cannot be changed any more; start a new one as a copy of it."


def only(*methods: str) -> Callable:
    """A view of (model_admin, request, …) that answers these methods alone."""

    def decorated(view: Callable) -> Callable:
        @wraps(view)
        def checked(model_admin, request, *args, **kwargs):
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(model_admin, request, *args, **kwargs)

        return checked

    return decorated


posted, looked_at = only("POST"), only("GET", "HEAD")


@looked_at
def canvas_page(model_admin, request, object_id):
    """A campaign as a flow: drawn on by those who may, looked at by the others."""
    campaign = found(model_admin, request, str(object_id))
    return _page(model_admin, request, campaign, readable(campaign))


def add_page(model_admin, request):
    """A new campaign; the first save makes it."""
    if not model_admin.has_add_permission(request):
        if request.method == "POST":
            return _may_not()
        raise PermissionDenied
    if request.method == "POST":
        return _answered(lambda: _create(request))
    broadcast = Document(triggers=[Trigger(kind=BROADCAST)], steps=[StepDoc(uid=new_uid(), kind="email")])
    return _page(model_admin, request, None, broadcast if request.GET.get("begin") == BROADCAST else Document())


def _page(model_admin, request, campaign: Campaign | None, document: Document):
    editable = campaign is None or may_edit(model_admin, request, campaign)
    too_large = canvas_limits.too_large(document)
    return page(
        model_admin,
        request,
        "campaigns/canvas.html",
        campaign.name if campaign else "Add campaign",
        campaign,
        campaign=campaign,
        editable=editable,
        linear=as_cards(document) is not None,
        too_large=too_large,
        may_change=model_admin.has_change_permission(request, campaign),
        buttons=buttons(request, campaign),
        unpublished=campaign is not None and lifecycle.has_unpublished_changes(campaign),
        media=model_admin.media + canvas_panels.media(),
        canvas=None if too_large else _begin(request, campaign, document, editable),
    )


def _begin(request, campaign: Campaign | None, document: Document, editable: bool) -> dict[str, Any]:
    """What the page's script begins with."""
    return {
        "document": to_json(document),
        "drawing": canvas.drawing(document),
        "revision": campaign.revision if campaign else None,
        "new": campaign is None,
        "made": new_uid() if campaign is None else None,
        "editable": editable,
        "kinds": canvas.offered_kinds(),
        "urls": _urls(request, campaign),
    }


def _urls(request, campaign: Campaign | None) -> dict[str, str]:
    name = "admin:campaigns_campaign_canvas"
    urls = {"draw": reverse(f"{name}_draw"), "panel": reverse(f"{name}_panel"), "save": reverse(f"{name}_add")}
    if campaign:
        urls["save"] = reverse(f"{name}_save", args=[campaign.pk])
        urls["numbers"] = reverse(f"{name}_numbers", args=[campaign.pk])
        urls["panel"] += f"?campaign={campaign.pk}"
        if request.user.has_perm("automation.view_enrollment"):
            people = reverse("admin:automation_enrollment_changelist")
            urls["people"] = f"{people}?campaign__id__exact={campaign.pk}"
        if request.user.has_perm("automation.view_visit"):
            taken = reverse("admin:automation_visit_changelist")
            urls["taken"] = f"{taken}?campaign={campaign.pk}"
        if request.user.has_perm("campaigns.view_message"):
            mails = reverse("admin:campaigns_message_changelist")
            urls["mails"] = f"{mails}?campaign__id__exact={campaign.pk}"
    return urls


@posted
def draw(model_admin, request):
    """The document after a deed, and how it looks; without a deed as it is."""
    if not model_admin.has_change_permission(request):
        return _may_not()
    return _answered(lambda: _drawn(clean_json.parse(request.body or b"{}", LARGEST, LEVELS)))


def _drawn(asked: Any) -> dict[str, Any]:
    document, shown = _document(asked), ""
    if deed := asked.get("deed"):
        try:
            document, shown = flow_edits.do(document, msgspec.convert(deed, flow_edits.Deed))
        except msgspec.ValidationError as fault:
            raise CannotBeDone("That cannot be done here; load the page again.") from fault
    return _told(document) | {"shown": shown}


def _document(asked: Any) -> Document:
    if not isinstance(asked, dict) or not isinstance(asked.get("document", {}), dict):
        raise NotADocument("The definition cannot be read; load the page again.")
    document = parse(asked.get("document", {}))
    if sentence := canvas_limits.too_large(document):
        raise NotADocument(sentence)
    return document


def _told(document: Document) -> dict[str, Any]:
    return {"document": to_json(document), "drawing": canvas.drawing(document)}


@posted
def panel(model_admin, request):
    """The side panel of a step, the entry, a trigger, an exit or a goal: opened, looked at, applied or removed."""
    if not model_admin.has_change_permission(request):
        return _may_not()
    return _answered(lambda: _panel(request))


def _panel(request) -> dict[str, Any]:
    text = request.POST.get("document") or "{}"
    document = _document({"document": clean_json.parse(text.encode(), LARGEST, LEVELS)})
    what, key, go = (request.POST.get(name, "") for name in ("what", "key", "go"))
    shown = canvas_panels.PANELS.get(what or "entry", canvas_panels.EntryPanel)(document, key)
    if go == "remove":
        return _told(shown.removed())
    if go not in ("look", "apply"):
        return {"html": _html(request, shown, what or "entry", shown.forms())}
    filled = shown.forms(request.POST)
    valid = [form.is_valid() for form in filled.values()]  # each of them: all sentences at once
    if not all(valid):
        return {} if go == "look" else {"html": _html(request, shown, what, filled, wrong=True)}
    after = shown.applied(filled)
    return shown.told(after) if go == "look" else _told(after)


def _html(request, shown: canvas_panels.Panel, what: str, forms: dict, wrong: bool = False) -> str:
    campaign = request.GET.get("campaign", "")
    context = {
        "panel": shown,
        "forms": forms,
        "what": what,
        "key": shown.key,
        "template": shown.template,
        "wrong": wrong,
        "removable": shown.removable and not shown.key.startswith(canvas_panels.NEW),
        "campaign": Campaign.objects.filter(pk=campaign).first()
        if campaign.isdecimal() and len(campaign) < 18
        else None,
        **shown.shown(),
    }
    return render_to_string("campaigns/panels/panel.html", context, request)


@posted
def save(model_admin, request, object_id):
    """The whole document, on top of the revision that was opened."""
    campaign = found(model_admin, request, str(object_id))
    if not may_edit(model_admin, request, campaign):
        return _may_not(campaign)
    return _answered(lambda: _save(request, campaign))


def _save(request, campaign: Campaign) -> dict[str, Any]:
    asked = clean_json.parse(request.body or b"{}", LARGEST, LEVELS)
    document, revision = _document(asked), asked.get("revision")
    if type(revision) is not int or "document" not in asked:  # True is an int, too
        raise NotADocument("The definition is missing; load the page again.")
    return canvas_saving.saved(request, campaign, document, revision)


def _create(request) -> dict[str, Any]:
    document = _document(asked := clean_json.parse(request.body or b"{}", LARGEST, LEVELS))
    if "document" not in asked:
        raise NotADocument("The definition is missing; load the page again.")
    campaign = canvas_saving.made(request.user, document, asked.get("made"))
    return {"go": reverse("admin:campaigns_campaign_canvas", args=[campaign.pk])}


@looked_at
def numbers(model_admin, request, object_id):
    """What came of each step until now."""
    campaign = found(model_admin, request, str(object_id))
    return _fresh(JsonResponse({"steps": of_steps(campaign)}))


def _answered(answer) -> HttpResponse:
    """The answer as JSON; what cannot be done as a sentence, another editor's save as a choice."""
    try:
        return _fresh(JsonResponse(answer()))
    except lifecycle.Conflict as conflict:
        return _fresh(JsonResponse(_conflict(conflict.campaign), status=409))
    except (CannotBeDone, NotADocument, clean_json.Unclean) as refusal:
        return _fresh(JsonResponse({"refused": str(refusal)}, status=400))


def _conflict(campaign: Campaign) -> dict[str, Any]:
    theirs = readable(campaign)
    return {
        "by": last_editor(campaign),
        "when": day_and_time(campaign.edited_at),
        "revision": campaign.revision,
        **_told(theirs),
    }


def _may_not(campaign: Campaign | None = None) -> HttpResponse:
    """Why it is not saved; what was drawn stays on the page."""
    archived = campaign is not None and campaign.state == Campaign.State.ARCHIVED
    told = ARCHIVED if archived else "Changing campaigns needs the role Marketer; somebody must have taken it from you."
    return _fresh(JsonResponse({"refused": told}, status=403))


def _fresh(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    return response
