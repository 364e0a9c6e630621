"""The verbs of a campaign's life. docs/states.md draws the states; nobody assigns `state` from outside."""

from datetime import datetime

from django.db import IntegrityError, transaction

from campaigns import approving, doors
from campaigns.document import Document, NotADocument, new_uid, parse, to_json
from campaigns.impact import parts_changed
from campaigns.models import Campaign
from campaigns.publishing import Refused, publish
from campaigns.resuming import Resumption, Stop, shift_mails, usual
from lib.outages import again_after_deadlock
from lib.words import people
from ops import audit

State = Campaign.State


class Conflict(Exception):
    """Somebody else saved the draft in between; holds who and when."""

    def __init__(self, campaign: Campaign):
        self.campaign = campaign
        super().__init__("Somebody else saved this campaign after you opened it.")


def create(document: Document, user, now: datetime, uid: str = "") -> Campaign:
    """A new campaign, as a draft; IntegrityError where there is one of that `uid`."""
    campaign = Campaign(created_by=user, created_at=now, uid=uid or new_uid())
    return _write_draft(campaign, document, now)


def create_once(
    document: Document, user, now: datetime, uid: str, noted: str = "Made the campaign."
) -> tuple[Campaign, bool]:
    """A new campaign; or, of what was sent twice or at the same moment, the one that has the `uid`, and False."""
    try:
        with transaction.atomic():
            campaign = create(document, user, now, uid)
            audit.note(user, campaign, noted)
    except IntegrityError:
        return Campaign.with_tests.get(uid=uid), False
    return campaign, True


def save_draft(campaign: Campaign, document: Document, revision: int, user, now: datetime) -> Campaign:
    """Save the draft that was opened at `revision`; raises Conflict where another editor saved since."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.revision != revision:
            raise Conflict(campaign)
        campaign.revision += 1
        changed = _parts_changed(campaign, document)
        _write_draft(campaign, document, now)
        approving.withdraw(campaign, user, now, "The draft was edited.")
        audit.note(user, campaign, f"Edited the draft{changed}.")
    return campaign


def discard_draft(campaign: Campaign, user, now: datetime, revision: int | None = None) -> Campaign:
    """Go back to what is live; raises Refused."""
    if campaign.live is None:
        raise Refused(["Nothing is published yet, so there is nothing to go back to."])
    seen = campaign.revision if revision is None else revision
    try:
        return save_draft(campaign, parse(campaign.live.document), seen, user, now)
    except Conflict as conflict:
        raise Refused([approving.CHANGED_MEANWHILE]) from conflict


def _parts_changed(campaign: Campaign, document: Document) -> str:
    """“: name, 1 step added”; names, never what is in them."""
    try:
        changed = parts_changed(parse(campaign.draft), document)
    except NotADocument:
        return ""
    return f": {', '.join(changed)}" if changed else ""


def _write_draft(campaign: Campaign, document: Document, now: datetime) -> Campaign:
    campaign.draft = to_json(document)
    campaign.name, campaign.objective = document.name[:120] or "Untitled", document.objective[:300]
    campaign.type = document.type if document.type in Campaign.Type.values else Campaign.Type.OTHER
    campaign.edited_at = now
    campaign.save()
    return campaign


def has_unpublished_changes(campaign: Campaign) -> bool:
    return campaign.live is not None and parse(campaign.draft) != parse(campaign.live.document)


def state_in_words(campaign: Campaign) -> str:
    """ "a draft", "active": as it stands behind “is”."""
    return "a draft" if campaign.state == State.DRAFT else campaign.get_state_display().lower()


def activate(
    campaign: Campaign,
    user,
    now: datetime,
    also: int | None = None,
    expected: int | None = None,
    revision: int | None = None,
) -> Campaign:
    """Publish the draft (that of `revision`) and take people in from now on; raises Refused.

    `also`: those, too, who match by now, or did so in so many days. `expected`: to how many people a day one step may
    mail in its first days, and a broadcast in all, before a person is asked; it was shown to whoever activates.
    """
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if campaign.state == State.DRAFT:
            publish(campaign, user, now, revision=revision)
        campaign = _turn(campaign, State.ACTIVE, [State.DRAFT], user, "Activated.", activated_at=now)
        for keep in doors.on_expected if expected is not None else ():
            keep(campaign, expected)
        for listener in doors.on_activated if also is not None else ():
            listener(campaign, also, user, now)
    return campaign


def pause(campaign: Campaign, user, now: datetime, because: str = "") -> Campaign:
    """Nothing moves, nothing is lost."""
    note = f"Paused: {because}" if because else "Paused."
    return _turn(
        campaign, State.PAUSED, [State.ACTIVE, State.DRAINING], user, note, paused_at=now, stopped_because=because
    )


@again_after_deadlock  # people inside are moved while mails to them are settled
def resume(campaign: Campaign, user, now: datetime, plan: Resumption | None = None) -> Campaign:
    """Go on, as `plan` says; a campaign that was draining goes on draining."""
    plan = plan or Resumption()
    with transaction.atomic():
        paused = Campaign.objects.select_for_update().get(pk=campaign.pk)
        state = State.DRAINING if paused.draining_since else State.ACTIVE
        since = paused.paused_at or now
        campaign = _turn(campaign, state, [State.PAUSED], user, "Resumed.", paused_at=None, stopped_because="")
        stop = Stop(since, plan.late or usual(campaign), plan.minutes)
        if stop.late == "shift":
            shift_mails(campaign, now - since)
        for listener in doors.on_resumed:
            listener(campaign, stop, now)
        if plan.enter and state == State.ACTIVE:
            for listener in doors.on_missed:
                listener(campaign, since, user, now)
    return campaign


def drain(campaign: Campaign, user, now: datetime) -> Campaign:
    """Nobody enters any more; those inside finish, and the campaign ends with the last of them."""
    return _turn(campaign, State.DRAINING, [State.ACTIVE], user, "Let nobody in any more.", draining_since=now)


def reopen(campaign: Campaign, user, now: datetime) -> Campaign:
    """Take people in again."""
    with transaction.atomic():
        campaign = _turn(campaign, State.ACTIVE, [State.DRAINING], user, "Lets people in again.", draining_since=None)
        for listener in doors.on_reopened:
            listener(campaign, now)
    return campaign


def end_drained(now: datetime) -> None:
    """A sweep: what drains and has nobody inside any more is archived."""
    emptied = Campaign.objects.filter(state=State.DRAINING).exclude(enrollments__left_at__isnull=True)
    for campaign in emptied:
        with transaction.atomic():
            Campaign.objects.select_for_update().get(pk=campaign.pk)
            if inside(campaign) == 0:
                because = "Everybody who was inside has finished."
                _turn(campaign, State.ARCHIVED, [State.DRAINING], None, "", stopped_because=because)


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
            raise Refused([f"The campaign is {state_in_words(campaign)}, so this cannot be done."])
        campaign.state = state
        for name, value in fields.items():
            setattr(campaign, name, value)
        campaign.save()
        audit.note(user, campaign, note)
    return campaign


def inside(campaign: Campaign) -> int:
    return sum(step.count for step in doors.who_is_inside(campaign).values())


def _people(count: int, singular: str, plural: str) -> str:
    return f"{people(count)} {singular if count == 1 else plural}"


def activate_effect(campaign: Campaign) -> str:
    return "From now on people come in as “Who enters” says."


def pause_effect(campaign: Campaign) -> str:
    count = inside(campaign)
    stop = _people(count, "inside stops where they are", "inside stop where they are") if count else "Nobody is inside"
    return f"{stop}; nobody enters and nobody is mailed until you resume. Nothing is lost."


def drain_effect(campaign: Campaign) -> str:
    if not (count := inside(campaign)):
        return "Nobody is inside, so the campaign is archived by itself within a minute or so. This cannot be undone."
    finish = _people(count, "inside finishes and gets", "inside finish and get")
    return (
        f"Nobody enters any more. {finish} every mail that is still to come. When the last one is through, the "
        "campaign is archived by itself; until then you can take people in again."
    )


def reopen_effect(campaign: Campaign) -> str:
    return "From now on people enter again. Nobody comes in for what they did, or for what was due, meanwhile."


def archive_effect(campaign: Campaign) -> str:
    count = inside(campaign)
    leave = _people(count, "inside leaves and gets", "inside leave and get")
    whom = f"{leave} no more of its mails" if count else "Nobody is inside, and nobody will enter any more"
    return f"{whom}. Its history stays. This cannot be undone."
