"""The verbs of a campaign as buttons: what each says, when it is offered and to whom, what it does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.urls import reverse

from campaigns import approving, lifecycle, publishing
from campaigns.models import Campaign
from campaigns.verb_forms import ActivateForm, AskForm, DeclineForm, PublishForm, ResumeForm, VerbForm

PUBLISH, CHANGE = "campaigns.publish_campaign", "campaigns.change_campaign"
State = Campaign.State


@dataclass(frozen=True)
class Verb:
    """One button: what it says, when it is offered, what it does and what it tells afterwards."""

    label: str
    icon: str
    states: tuple[str, ...]
    effect: Callable[[Campaign], str]
    act: Callable[..., Any]  # (campaign, user, now), and what its form gives
    done: str
    permission: str = PUBLISH
    danger: bool = False
    of_changes: bool = False  # offered only where the draft differs from what is live
    form: type[VerbForm] | None = None
    fits: Callable[[Campaign, object], bool] | None = None  # whether it is offered to this person besides
    of_draft: bool = False

    @property
    def reads_draft(self) -> bool:
        return self.of_changes or self.of_draft


def _discard_effect(campaign: Campaign) -> str:
    return "The draft goes back to what is live now. The changes below are lost, and nobody inside notices."


def _publish_effect(campaign: Campaign) -> str:
    if not lifecycle.inside(campaign):
        return "Nobody is inside. Who enters from now on gets what stands below."
    return "Who enters from now on gets what stands below. Decide what becomes of those who are inside."


def _resume_effect(campaign: Campaign) -> str:
    return "Nobody has entered or moved since it was paused. Decide how those inside go on."


def _ask_effect(campaign: Campaign) -> str:
    names = ", ".join(who_can(PUBLISH)) or "nobody yet; an administrator can give somebody the role Publisher"
    return f"Ask for the draft, as it is now, to be made live. These people can do it: {names}."


def _decline_effect(campaign: Campaign) -> str:
    return "The draft stays as it is, and nothing is published. Who asked is told why on this campaign’s page."


def _withdraw_effect(campaign: Campaign) -> str:
    return "Nobody need look at it any more. The draft stays as it is."


def _asks(campaign: Campaign, user) -> bool:
    """Whoever may publish need not ask."""
    return not user.has_perm(PUBLISH) and _may_be_published(campaign) and approving.waiting(campaign) is None


def _may_be_published(campaign: Campaign) -> bool:
    return campaign.state == State.DRAFT or lifecycle.has_unpublished_changes(campaign)


def _is_asked(campaign: Campaign, user) -> bool:
    return approving.waiting(campaign) is not None


def _has_asked(campaign: Campaign, user) -> bool:
    waiting = approving.waiting(campaign)
    return waiting is not None and (waiting.asked_by_id == user.pk or not user.has_perm(PUBLISH))


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
        form=ActivateForm,
        of_draft=True,
    ),
    "publish": Verb(
        "Publish changes",
        "publish",
        LIVE,
        _publish_effect,
        publishing.publish,
        "was published.",
        of_changes=True,
        form=PublishForm,
    ),
    "ask": Verb(
        "Ask for approval",
        "approval_delegation",
        (State.DRAFT, *LIVE),
        _ask_effect,
        approving.ask,
        "waits for an answer.",
        permission=CHANGE,
        form=AskForm,
        fits=_asks,
        of_draft=True,
    ),
    "withdraw": Verb(
        "Withdraw the request",
        "undo",
        (State.DRAFT, *LIVE),
        _withdraw_effect,
        approving.withdraw,
        "waits for nobody any more.",
        permission=CHANGE,
        danger=True,
        fits=_has_asked,
    ),
    "decline": Verb(
        "Decline",
        "thumb_down",
        (State.DRAFT, *LIVE),
        _decline_effect,
        approving.decline,
        "stays as it is; who asked can read why.",
        danger=True,
        form=DeclineForm,
        fits=_is_asked,
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
        _resume_effect,
        lifecycle.resume,
        "goes on.",
        form=ResumeForm,
    ),
    "drain": Verb(
        "Let nobody in any more",
        "water_drop",
        (State.ACTIVE,),
        lifecycle.drain_effect,
        lifecycle.drain,
        "takes nobody in any more; those inside finish.",
        danger=True,
    ),
    "reopen": Verb(
        "Take people in again",
        "login",
        (State.DRAINING,),
        lifecycle.reopen_effect,
        lifecycle.reopen,
        "takes people in again.",
    ),
    "discard": Verb(
        "Discard draft changes",
        "undo",
        LIVE,
        _discard_effect,
        lifecycle.discard_draft,
        "is as it is live again.",
        permission=CHANGE,
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
    """The verbs that fit the campaign's state and that this person may use."""
    if campaign is None or not request.user.has_perm(CHANGE):
        return []
    return [
        {
            "verb": name,
            "label": verb.label,
            "icon": verb.icon,
            "danger": verb.danger,
            "url": reverse(f"admin:campaigns_campaign_{name}", args=[campaign.pk]),
        }
        for name, verb in VERBS.items()
        if request.user.has_perm(verb.permission) and offered(verb, campaign, request.user)
    ]


def offered(verb: Verb, campaign: Campaign, user) -> bool:
    """Whether it makes sense now, for this person."""
    if campaign.state not in verb.states or (verb.fits and not verb.fits(campaign, user)):
        return False
    return not verb.of_changes or lifecycle.has_unpublished_changes(campaign)


def who_can(permission: str) -> list[str]:
    """The names of the people on the team who may do it."""
    users = get_user_model().objects.with_perm(
        permission,
        is_active=True,
        include_superusers=True,
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return [user.get_full_name() or user.get_username() for user in users.order_by("username")[:20]]
