"""Activate, publish, pause, resume and the others: each asks first and says what happens to how many."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from campaigns import approving, checking, lifecycle, linear, publishing
from campaigns import document as documents
from campaigns.approving import NotAsked
from campaigns.canvas import described
from campaigns.canvas_limits import too_large
from campaigns.document import NotADocument
from campaigns.doubts import doubts
from campaigns.flow_diff import Pictures, pictures
from campaigns.flow_svg import drawing
from campaigns.head_words import head_in_words
from campaigns.impact import Impact
from campaigns.models import Campaign
from campaigns.pages import found, page, tell
from campaigns.publishing import Refused
from campaigns.sequence_words import readable, steps_in_words
from campaigns.verb_forms import DeclineForm
from campaigns.verbs import VERBS, Verb, buttons, offered, who_can
from lib import clock

__all__ = ["VERBS", "buttons", "verb_page"]
GOES_LIVE = (publishing.publish, lifecycle.activate, approving.ask)


def verb_page(model_admin, request, object_id, verb):
    """GET asks and tells the effect, POST does it."""
    campaign, verb = found(model_admin, request, str(object_id)), VERBS[verb]
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    if not request.user.has_perm(verb.permission):
        if request.method == "POST":
            raise PermissionDenied
        return _not_yours(model_admin, request, campaign, verb)
    typed = request.POST if request.method == "POST" else None
    obstacles = _obstacles(campaign, verb)
    form = verb.form(campaign, typed) if verb.form and _readable(campaign) else None
    if typed is None:
        return _ask(model_admin, request, campaign, verb, obstacles, form)
    if verb.reads_draft and typed.get("revision", str(campaign.revision)) != str(campaign.revision):
        if not offered(verb, campaign, request.user):
            tell(request, approving.CHANGED_MEANWHILE.partition(";")[0] + ", so nothing was done.", messages.WARNING)
            return redirect("admin:campaigns_campaign_change", campaign.pk)
        return _ask(model_admin, request, campaign, verb, [approving.CHANGED_MEANWHILE], form)
    if form and not form.is_valid():
        return _ask(model_admin, request, campaign, verb, obstacles, form)
    given = form.given() if form else {}
    if verb.reads_draft:  # somebody may save it between here and the lock
        given["revision"] = campaign.revision
    try:
        verb.act(campaign, request.user, clock.now(), **given)
    except (Refused, NotAsked) as refused:
        campaign.refresh_from_db()
        if not offered(verb, campaign, request.user):  # pressed twice, or somebody else was quicker
            tell(request, " ".join(sentences(refused)), messages.WARNING)
            return redirect("admin:campaigns_campaign_change", campaign.pk)
        return _ask(model_admin, request, campaign, verb, obstacles, form, refused=sentences(refused))
    tell(request, f"“{campaign}” {verb.done}")
    return redirect("admin:campaigns_campaign_change", campaign.pk)


def sentences(refused: Exception) -> list[str]:
    return getattr(refused, "sentences", [str(refused)])


def _readable(campaign: Campaign) -> bool:
    try:
        documents.parse(campaign.draft)
    except NotADocument:
        return False
    return True


def _ask(model_admin, request, campaign: Campaign, verb: Verb, obstacles: list[str], form=None, refused=()):
    """`obstacles` cannot be removed here; what is `refused` can."""
    shown: dict = {}
    if verb.of_changes and _readable(campaign):
        shown["impact"] = found = form.impact if form else publishing.impact(campaign)
        shown["pictures"] = _pictures(campaign, found, verb)
    elif verb.of_draft:
        document = readable(campaign)
        shown |= {"head": head_in_words(document), "steps": steps_in_words(document)}
        if linear.rows(document) is None and not too_large(document):  # ways in a list would read as if all were taken
            shown["drawing"] = drawing(document)
    doubtful = _doubtful(campaign) if verb.act in GOES_LIVE and not obstacles and _readable(campaign) else []
    return page(
        model_admin,
        request,
        "campaigns/confirm.html",
        f"{verb.label}: {campaign}",
        campaign,
        campaign=campaign,
        verb=f"{verb.label.split()[0]} anyway" if doubtful else verb.label,
        danger=verb.danger,
        doubtful=doubtful,
        effect=verb.effect(campaign),
        revision=campaign.revision,  # what is agreed to is what was shown
        obstacles=obstacles,
        refused=refused,
        form=form,
        media=model_admin.media + form.media if form else model_admin.media,
        asked=approving.waiting(campaign) if verb.reads_draft or verb.form is DeclineForm else None,
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        **shown,
    )


def _pictures(campaign: Campaign, found: Impact, verb: Verb) -> Pictures | None:
    if campaign.live is None:
        return None
    live, draft = documents.parse(campaign.live.document), documents.parse(campaign.draft)
    return pictures(live, draft, found.steps, people=verb.act is publishing.publish)


def _doubtful(campaign: Campaign) -> list[tuple[str, str]]:
    """What is hardly meant, as (step, sentence): asked about once more, before it is live."""
    document = documents.parse(campaign.draft)
    if too_large(document):
        return []
    named = {"": "Who enters", **{step.uid: described(step) for step in document.steps}}
    return [(named[doubt.uid], doubt.sentence) for doubt in doubts(document)]


def _obstacles(campaign: Campaign, verb: Verb) -> list[str]:
    """What must be done first, known before the button is pressed."""
    if campaign.state not in verb.states:
        return [f"The campaign is {lifecycle.state_in_words(campaign)}, so this cannot be done now."]
    if verb.of_changes and _readable(campaign) and not lifecycle.has_unpublished_changes(campaign):
        return ["The draft says what is live, so there is nothing to do."]
    if verb.act not in GOES_LIVE:
        return []
    try:
        document = documents.parse(campaign.draft)
    except NotADocument as fault:
        return [str(fault)]
    wrong = [problem.sentence for problem in checking.problems(document)]
    return [*wrong, *publishing.missing_on_site(document)]


def _not_yours(model_admin, request, campaign: Campaign, verb: Verb):
    return page(
        model_admin,
        request,
        "campaigns/not_yours.html",
        f"{verb.label}: {campaign}",
        campaign,
        status=403,
        verb=verb.label,
        who_can=who_can(verb.permission),
        ask_url=_ask_url(request, campaign, verb),
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
    )


def _ask_url(request, campaign: Campaign, verb: Verb) -> str:
    """Where to ask for it; empty where that makes no sense, or was done."""
    may = request.user.has_perm(VERBS["ask"].permission) and offered(VERBS["ask"], campaign, request.user)
    return reverse("admin:campaigns_campaign_ask", args=[campaign.pk]) if may and verb.reads_draft else ""
