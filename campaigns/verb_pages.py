"""Activate, pause, resume, archive, publish, discard: each asks first and says what happens to how many."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from campaigns import checking, lifecycle, publishing
from campaigns import document as documents
from campaigns.document import NotADocument
from campaigns.models import Campaign
from campaigns.pages import found, page, tell
from campaigns.publishing import Refused
from campaigns.sequence_words import head_in_words, readable, steps_in_words
from lib import clock

PUBLISH = "campaigns.publish_campaign"
CHANGED_MEANWHILE = "Somebody changed the draft after you opened this page; go back and look at it again."
State = Campaign.State


@dataclass(frozen=True)
class Verb:
    """One button: what it says, when it is offered, what it does and what it tells afterwards."""

    label: str
    icon: str
    states: tuple[str, ...]
    effect: Callable[[Campaign], str]
    act: Callable[[Campaign, object, datetime], object]
    done: str
    permission: str = PUBLISH
    danger: bool = False
    of_changes: bool = False  # offered only where the draft differs from what is live

    @property
    def reads_draft(self) -> bool:
        return self.of_changes or self.act is lifecycle.activate


def _discard_effect(campaign: Campaign) -> str:
    return "The draft goes back to what is live now. The changes below are lost, and nobody inside notices."


def _publish_effect(campaign: Campaign) -> str:
    count = lifecycle.inside(campaign)
    people = "1 person inside follows" if count == 1 else f"{count:,} people inside follow"
    return f"{people} the new version from their next step on. Whoever waits keeps their due time."


RUNNING = (State.ACTIVE, State.DRAINING)
LIVE = (*RUNNING, State.PAUSED)
VERBS = {
    "activate": Verb(
        "Activate",
        "play_arrow",
        (State.DRAFT,),
        lifecycle.activate_effect,
        lifecycle.activate,
        "is active: people enter from now on.",
    ),
    "publish": Verb(
        "Publish changes",
        "publish",
        LIVE,
        _publish_effect,
        publishing.publish,
        "was published.",
        of_changes=True,
    ),
    "pause": Verb(
        "Pause",
        "pause",
        RUNNING,
        lifecycle.pause_effect,
        lifecycle.pause,
        "is paused: nobody is mailed.",
    ),
    "resume": Verb(
        "Resume",
        "play_arrow",
        (State.PAUSED,),
        lifecycle.resume_effect,
        lifecycle.resume,
        "goes on.",
    ),
    "discard": Verb(
        "Discard draft changes",
        "undo",
        LIVE,
        _discard_effect,
        lifecycle.discard_draft,
        "is as it is live again.",
        permission="campaigns.change_campaign",
        danger=True,
        of_changes=True,
    ),
    "archive": Verb(
        "Archive",
        "archive",
        (State.DRAFT, *LIVE),
        lifecycle.archive_effect,
        lifecycle.archive,
        "was archived.",
        danger=True,
    ),
}


def buttons(request, campaign: Campaign | None) -> list[dict]:
    """The verbs that fit the campaign's state, for this person; what they may not do is shown as such."""
    if campaign is None or not request.user.has_perm("campaigns.change_campaign"):
        return []
    return [
        {
            "verb": name,
            "label": verb.label,
            "icon": verb.icon,
            "danger": verb.danger,
            "url": reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]),
            "allowed": request.user.has_perm(verb.permission),
        }
        for name, verb in VERBS.items()
        if _offered(verb, campaign)
    ]


def _offered(verb: Verb, campaign: Campaign) -> bool:
    return campaign.state in verb.states and (not verb.of_changes or lifecycle.has_unpublished_changes(campaign))


def verb_page(model_admin, request, object_id, verb):
    """GET asks and tells the effect, POST does it."""
    campaign, verb = found(model_admin, request, str(object_id)), VERBS[verb]
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    if not request.user.has_perm(verb.permission):
        if request.method == "POST":
            raise PermissionDenied
        return _not_yours(model_admin, request, campaign, verb)
    if request.method == "GET":
        return _ask(model_admin, request, campaign, verb, _obstacles(campaign, verb))
    if verb.reads_draft and request.POST.get("revision", str(campaign.revision)) != str(campaign.revision):
        return _ask(model_admin, request, campaign, verb, [CHANGED_MEANWHILE])
    try:
        verb.act(campaign, request.user, clock.now())
    except Refused as refused:
        return _ask(model_admin, request, campaign, verb, refused.sentences)
    tell(request, f"“{campaign}” {verb.done}")
    return redirect("admin:campaigns_campaign_change", campaign.pk)


def _ask(model_admin, request, campaign: Campaign, verb: Verb, obstacles: list[str]):
    shown: dict = {}
    if verb.of_changes:
        shown["impact"] = publishing.impact(campaign)
    elif verb.act is lifecycle.activate:
        document = readable(campaign)
        shown |= {"head": head_in_words(document), "steps": steps_in_words(document)}
    return page(
        model_admin,
        request,
        "campaigns/confirm.html",
        f"{verb.label}: {campaign}",
        campaign,
        verb=verb.label,
        danger=verb.danger,
        effect=verb.effect(campaign),
        revision=campaign.revision,  # what is agreed to is what was shown
        obstacles=obstacles,
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        **shown,
    )


def _obstacles(campaign: Campaign, verb: Verb) -> list[str]:
    """What must be done first, known before the button is pressed."""
    if campaign.state not in verb.states:
        return [f"The sequence is {campaign.get_state_display().lower()}, so this cannot be done now."]
    if verb.act not in (publishing.publish, lifecycle.activate):
        return []
    try:
        document = documents.parse(campaign.draft)
    except NotADocument as fault:
        return [str(fault)]
    wrong = [problem.sentence for problem in checking.problems(document)]
    return [
        *wrong,
        *publishing.missing_on_site(document),
        *(publishing.impact(campaign).refusals if campaign.live else []),
    ]


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
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
    )


def who_can(permission: str) -> list[str]:
    """The names of the people on the team who may do it."""
    users = get_user_model().objects.with_perm(
        permission,
        is_active=True,
        include_superusers=True,
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return [user.get_full_name() or user.get_username() for user in users.order_by("username")[:20]]
