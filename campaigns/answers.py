"""What follows from a mail server's answer, or from a refusal of our own, for a message and its surroundings."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from campaigns import lifecycle
from campaigns.delivery import Outcome
from campaigns.liquid import Aborted
from campaigns.models import Campaign, EmailTemplate, Message
from contacts import consent
from contacts.consent import Verdict
from contacts.models import Address, Suppression
from ops.models import SiteSettings

log = structlog.get_logger(__name__)
SOFT_HOLD = timedelta(hours=24)
SOFT_IS_HARD = 5
GIVE_UP = timedelta(days=3)
State, Why = Message.State, Message.Outcome


@dataclass
class Result:
    """The new state of one message, and what else follows from it."""

    message: Message
    state: str
    outcome: str = ""
    reason: str = ""
    due_at: datetime | None = None
    sent_at: datetime | None = None
    deferral: int = 0
    resent: bool = False
    follow_up: list = field(default_factory=list)
    """Functions of `now`, called in the settling transaction; what they lock is locked before the message."""
    pauses: int | None = None
    """The campaign that one of them pauses."""


def refused(message: Message, verdict: Verdict, now: datetime) -> Result:
    """Consent, suppression or a held mailbox says no."""
    if verdict.outcome == "held" and verdict.held_until:
        return _later(message, verdict.held_until, Why.BOUNCED, verdict.sentence, deferral=0)
    return Result(message, State.NOT_SENT, verdict.outcome, verdict.sentence)


def too_late(message: Message, now: datetime) -> Result:
    return Result(message, State.NOT_SENT, Why.STALE, "It could not be sent in time, and is not sent late.")


def withdrawn(message: Message) -> Result:
    return Result(
        message, State.NOT_SENT, Why.CANCELLED, "Its reader had left the campaign when it was to be tried again."
    )


def not_written(message: Message, fault: Exception) -> Result:
    """Its template could not be filled for this contact, or said itself that the mail be skipped."""
    if isinstance(fault, Aborted):
        return Result(message, State.NOT_SENT, Why.SKIPPED, str(fault))
    if message.template.on_missing == EmailTemplate.OnMissing.SKIP:
        return Result(message, State.NOT_SENT, Why.SKIPPED, str(fault))
    return Result(message, State.NOT_SENT, Why.RENDER_FAILED, str(fault))


def result_of(outcome: Outcome, now: datetime) -> Result:
    """What an answer of the mail server means for the message, its address, its campaign and the site."""
    return _KINDS[outcome.kind](outcome.ref, outcome, now)


def _sent(message: Message, outcome: Outcome, now: datetime) -> Result:
    result = Result(message, State.SENT, Why.SENT, sent_at=now)
    if message.address and message.address.soft_bounces:
        result.follow_up.append(lambda at: _address(message).update(soft_bounces=0))
    return result


def _address(message: Message):
    return Address.objects.filter(messages=message)


def _retry(message: Message, outcome: Outcome, now: datetime) -> Result:
    wait = min(timedelta(seconds=30 * 2 ** min(message.deferrals, 10)), timedelta(hours=4))
    if message.due_at and now + wait - message.created_at > GIVE_UP:
        return Result(message, State.NOT_SENT, Why.REFUSED, f"Given up after 3 days. {outcome.sentence}")
    return _later(message, now + wait, Why.STALE, outcome.sentence)


def _later(message: Message, at: datetime, otherwise: str, sentence: str, deferral: int = 1) -> Result:
    """Queued again for `at`, unless that is later than the message may be."""
    if message.stale_after and at > message.stale_after:
        return Result(message, State.NOT_SENT, otherwise, f"{sentence} Later would be too late.")
    return Result(message, State.QUEUED, reason=sentence, due_at=at, deferral=deferral)


def _soft_bounce(message: Message, outcome: Outcome, now: datetime) -> Result:
    if message.address and message.address.soft_bounces + 1 >= SOFT_IS_HARD:
        return _hard_bounce(message, outcome, now)
    result = _later(message, now + SOFT_HOLD, Why.BOUNCED, outcome.sentence)
    if address_id := message.address_id:
        result.follow_up.append(lambda at: consent.hold(address_id, until=at + SOFT_HOLD, now=at))
    return result


def _hard_bounce(message: Message, outcome: Outcome, now: datetime) -> Result:
    result = Result(message, State.NOT_SENT, Why.BOUNCED, outcome.sentence)
    result.follow_up.append(
        lambda at: consent.suppress(
            reason=Suppression.Reason.BOUNCE, now=at, address_id=message.address_id, detail=outcome.sentence
        )
    )
    return result


def _rejected(message: Message, outcome: Outcome, now: datetime) -> Result:
    return Result(message, State.NOT_SENT, Why.REFUSED, outcome.sentence)


def _policy(message: Message, outcome: Outcome, now: datetime) -> Result:
    """They refuse us, not the address: trying on would make it worse, so a person must look."""
    result = Result(message, State.NOT_SENT, Why.REFUSED, outcome.sentence, pauses=message.campaign_id)
    result.follow_up.append(lambda at: _pause(message.campaign_id, outcome.sentence, at))
    return result


def _pause(campaign_id: int | None, because: str, now: datetime) -> None:
    running = Campaign.objects.running().filter(pk=campaign_id).first()
    if running:
        try:
            lifecycle.pause(running, None, now, because)
        except lifecycle.Refused:
            log.info("campaign.paused_meanwhile", campaign=campaign_id)


def _login(message: Message, outcome: Outcome, now: datetime) -> Result:
    result = Result(message, State.QUEUED, reason=outcome.sentence, due_at=now + timedelta(minutes=1))
    result.follow_up.append(lambda at: SiteSettings.get().stop_sending(outcome.sentence, at))
    return result


def _unknown(message: Message, outcome: Outcome, now: datetime) -> Result:
    if message.purpose == Message.Purpose.TRANSACTIONAL and not message.resent:
        return Result(message, State.QUEUED, reason=outcome.sentence, due_at=now + timedelta(seconds=30), resent=True)
    return Result(message, State.UNKNOWN, Why.UNKNOWN, outcome.sentence)


def _abandoned(message: Message, outcome: Outcome, now: datetime) -> Result:
    """The commit said no and has settled it, or somebody else has it: the fence and the state guard this write."""
    return Result(message, State.QUEUED, reason=outcome.sentence, due_at=now)


_KINDS = {
    "sent": _sent,
    "retry": _retry,
    "soft_bounce": _soft_bounce,
    "hard_bounce": _hard_bounce,
    "rejected": _rejected,
    "policy": _policy,
    "login": _login,
    "unknown": _unknown,
    "abandoned": _abandoned,
}
