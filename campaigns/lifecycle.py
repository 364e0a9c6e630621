"""The verbs of a campaign's life. docs/states.md draws the states; nobody assigns `state` from outside."""

from datetime import datetime

from django.db import transaction

from campaigns import doors
from campaigns.document import Document, parse, to_json
from campaigns.models import Campaign
from campaigns.publishing import Refused, publish
from lib.outages import again_after_deadlock
from ops import audit

State = Campaign.State


class Conflict(Exception):
    """Somebody else saved the draft in between; holds who and when."""

    def __init__(self, campaign: Campaign):
        self.campaign = campaign
        super().__init__("Somebody else saved this campaign after you opened it.")


def create(document: Document, user, now: datetime) -> Campaign:
    """A new campaign, as a draft."""
    campaign = Campaign(created_by=user, created_at=now)
    return _write_draft(campaign, document, now)


def save_draft(campaign: Campaign, document: Document, revision: int, user, now: datetime) -> Campaign:
    """Save the draft that was opened at `revision`; raises Conflict where another editor saved since."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.revision != revision:
            raise Conflict(campaign)
        campaign.revision += 1
        _write_draft(campaign, document, now)
        audit.note(user, campaign, "Edited the draft.")
    return campaign


def discard_draft(campaign: Campaign, user, now: datetime) -> Campaign:
    """Go back to what is live."""
    if campaign.live is None:
        raise Refused(["Nothing is published yet, so there is nothing to go back to."])
    return save_draft(campaign, parse(campaign.live.document), campaign.revision, user, now)


def _write_draft(campaign: Campaign, document: Document, now: datetime) -> Campaign:
    campaign.draft = to_json(document)
    campaign.name, campaign.objective = document.name[:120] or "Untitled", document.objective[:300]
    campaign.type = document.type if document.type in Campaign.Type.values else Campaign.Type.OTHER
    campaign.edited_at = now
    campaign.save()
    return campaign


def has_unpublished_changes(campaign: Campaign) -> bool:
    return campaign.live is not None and parse(campaign.draft) != parse(campaign.live.document)


def activate(campaign: Campaign, user, now: datetime) -> Campaign:
    """Publish the draft and take people in from now on; raises Refused."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.state == State.DRAFT:
            publish(campaign, user, now)
        return _turn(campaign, State.ACTIVE, [State.DRAFT], user, "Activated.", activated_at=now)


def pause(campaign: Campaign, user, now: datetime, because: str = "") -> Campaign:
    """Nothing moves, nothing is lost."""
    note = f"Paused: {because}" if because else "Paused."
    return _turn(
        campaign, State.PAUSED, [State.ACTIVE, State.DRAINING], user, note, paused_at=now, stopped_because=because
    )


def resume(campaign: Campaign, user, now: datetime) -> Campaign:
    """Go on: overdue waits run now, mails that are too late are not sent."""
    with transaction.atomic():
        campaign = _turn(campaign, State.ACTIVE, [State.PAUSED], user, "Resumed.", paused_at=None, stopped_because="")
        for listener in doors.on_resumed:
            listener(campaign, now)
    return campaign


@again_after_deadlock  # many mails are cancelled while others are handed over
def archive(campaign: Campaign, user, now: datetime) -> Campaign:
    """Everyone inside exits; the campaign and its history stay readable."""
    campaign = _turn(
        campaign, State.ARCHIVED, [State.DRAFT, State.ACTIVE, State.DRAINING, State.PAUSED], user, "Archived."
    )
    for listener in doors.on_archived:
        listener(campaign, now)
    return campaign


def _turn(campaign: Campaign, state: str, allowed: list[str], user, note: str, **fields) -> Campaign:
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.state not in allowed:
            raise Refused([f"The campaign is {campaign.get_state_display().lower()}, so this cannot be done."])
        campaign.state = state
        for name, value in fields.items():
            setattr(campaign, name, value)
        campaign.save()
        audit.note(user, campaign, note)
    return campaign


def inside(campaign: Campaign) -> int:
    return sum(step.count for step in doors.who_is_inside(campaign).values())


def _people(count: int, singular: str, plural: str) -> str:
    return f"1 person {singular}" if count == 1 else f"{count:,} people {plural}"


def activate_effect(campaign: Campaign) -> str:
    return (
        "From now on, whoever does what stands under “Who enters” comes in. Nobody comes in for what they did "
        "before, so nobody is mailed at once."
    )


def pause_effect(campaign: Campaign) -> str:
    stop = _people(inside(campaign), "inside stops where they are", "inside stop where they are")
    return f"{stop}; nobody enters and nobody is mailed until you resume. Nothing is lost."


def resume_effect(campaign: Campaign) -> str:
    go_on = _people(inside(campaign), "inside goes on", "inside go on")
    return f"{go_on}. Waits that ended meanwhile end now; mails that are later than their limit are not sent."


def archive_effect(campaign: Campaign) -> str:
    count = inside(campaign)
    leave = _people(count, "inside leaves and gets", "inside leave and get")
    whom = f"{leave} no more of its mails" if count else "Nobody is inside, and nobody will enter any more"
    return f"{whom}. Its history stays. This cannot be undone."
