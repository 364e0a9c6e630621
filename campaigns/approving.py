"""Four eyes: who may not publish asks for it, who may publishes or says why not."""

from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns.models import Approval, Campaign
from ops import audit

State = Approval.State
CHANGED_MEANWHILE = "Somebody changed the draft after you opened this page; go back and look at it again."


class NotAsked(Exception):
    """Says in a sentence why nothing was asked, or answered."""


def waiting(campaign: Campaign) -> Approval | None:
    """The request that waits for an answer."""
    return campaign.asked


def all_waiting():
    """Every request that waits, the longest first."""
    return Approval.objects.filter(state=State.OPEN).select_related("asked_by", "campaign").order_by("asked_at")


def ask(campaign: Campaign, user, now: datetime, note: str = "", revision: int | None = None) -> Approval:
    """Ask for the draft (that of `revision`) to be published; raises NotAsked."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if revision is not None and campaign.revision != revision:
            raise NotAsked(CHANGED_MEANWHILE)
        if campaign.state == Campaign.State.ARCHIVED:
            raise NotAsked("The campaign is archived, so nothing of it can be published.")
        if campaign.live and campaign.draft == campaign.live.document:
            raise NotAsked("The draft says what is live already: there is nothing to ask for.")
        try:
            with transaction.atomic():
                approval = Approval.objects.create(
                    campaign=campaign, revision=campaign.revision, note=note[:1000], asked_by=user, asked_at=now
                )
        except IntegrityError as fault:
            raise NotAsked("Somebody has asked already, and waits for an answer.") from fault
        audit.note(user, campaign, "Asked for the draft to be published.")
    return approval


def withdraw(campaign: Campaign, user, now: datetime, because: str = "") -> int:
    """Nobody need answer any more; how many requests that were."""
    count = _answer(campaign, State.WITHDRAWN, user, now, because)
    if count:
        audit.note(user, campaign, "Withdrew what was asked for.")
    return count


def decline(campaign: Campaign, user, now: datetime, because: str) -> None:
    """Say no, with a reason that who asked can read."""
    if not _answer(campaign, State.DECLINED, user, now, because):
        raise NotAsked("Nobody waits for an answer any more: it was withdrawn, or answered by somebody else.")
    audit.note(user, campaign, "Declined to publish the draft.")


def grant(campaign: Campaign, user, now: datetime) -> None:
    """It was published."""
    _answer(campaign, State.GRANTED, user, now, "")


def _answer(campaign: Campaign, state: str, user, now: datetime, answer: str) -> int:
    fields = {"state": state, "answered_by": user, "answered_at": now, "answer": answer[:1000]}
    return Approval.objects.filter(campaign=campaign, state=State.OPEN).update(**fields)
