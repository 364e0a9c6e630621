"""What became of messages, written in sets; and telling the engine and the events of it.

Every write is guarded by the fence of the claim: where another worker has the message by now, nothing
happens. docs/states.md draws the transitions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F

from campaigns import doors, lifecycle, sql
from campaigns.compiling import RenderedEmail
from campaigns.delivery import Outcome
from campaigns.liquid import Aborted
from campaigns.models import Campaign, EmailTemplate, Message
from contacts import consent
from contacts.consent import Verdict
from contacts.models import Address, Suppression
from events import recording
from ops.models import SiteSettings

log = structlog.get_logger(__name__)
SOFT_HOLD = timedelta(hours=24)
SOFT_IS_HARD = 5
GIVE_UP = timedelta(days=3)
ANNOUNCE = 1000
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
    """Functions of `now`, called in the settling transaction."""


@dataclass(frozen=True)
class Mark:
    """The last act before the final dot: a message to be marked as being sent, if the verdict on it still holds."""

    message: Message
    verdict: Verdict
    lease_seconds: int

    def values(self) -> dict:
        return {
            "address": self.message.address_id,
            "address_fence": self.verdict.fence,
            "message_id": self.message.message_id,
            "links": self.message.links,
            "consent_record": self.verdict.consent_record_id,
            "lease": self.lease_seconds,
            "message": self.message.pk,
            "fence": self.message.fence,
        }


def mark_sending(message: Message, verdict: Verdict, lease_seconds: int) -> bool:
    """False: not ours any more, its campaign paused, or the verdict out of date."""
    return _settle([], message.created_at, {}, Mark(message, verdict, lease_seconds))


def settle(
    results: Sequence[Result],
    now: datetime,
    said: Mapping[UUID, RenderedEmail] | None = None,
    mark: Mark | None = None,
) -> bool:
    """Write results, with what those that were handed over said, and with them the mark; True when it was set."""
    if any(result.follow_up for result in results):
        with transaction.atomic(savepoint=False):
            return _settle(results, now, said or {}, mark)
    return _settle(results, now, said or {}, mark)  # one statement is a transaction of its own


def _settle(results: Sequence[Result], now: datetime, said: Mapping[UUID, RenderedEmail], mark: Mark | None) -> bool:
    if not results and not mark:
        return False
    values = mark.values() if mark else {}
    if results:
        values["ids"] = [result.message.pk for result in results]
        values["results"] = json.dumps([_row(result, now, said) for result in results])
    statement = sql.MARK if not results else sql.MARK_AND_SETTLE if mark else sql.SETTLE
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        written = {pk for (pk,) in cursor.fetchall()}
    for result in results:
        if result.message.pk in written:
            for act in result.follow_up:
                act(now)
    return mark is not None and mark.message.pk in written


def _row(result: Result, now: datetime, said: Mapping[UUID, RenderedEmail]) -> dict:
    settled = result.state in (State.SENT, State.UNKNOWN, State.NOT_SENT)
    row = {
        "id": str(result.message.pk),
        "fence": result.message.fence,
        "state": result.state,
        "outcome": result.outcome,
        "reason": result.reason[:400].replace("\x00", ""),
        "due_at": _iso(result.due_at),
        "sent_at": _iso(result.sent_at),
        "settled_at": _iso(now) if settled else None,
        "deferral": result.deferral,
        "resent": result.resent,
    }
    if result.state in (State.SENT, State.UNKNOWN) and (body := said.get(result.message.pk)):
        row |= {"subject": body.subject, "html": body.html, "body": body.text, "kept_from": _iso(now)}
    return row


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


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
    return _later(message, now + wait, Why.REFUSED, outcome.sentence)


def _later(message: Message, at: datetime, otherwise: str, sentence: str, deferral: int = 1) -> Result:
    """Queued again for `at`, unless that is later than the message may be."""
    if message.stale_after and at > message.stale_after:
        return Result(message, State.NOT_SENT, otherwise, f"{sentence} Later would be too late.")
    return Result(message, State.QUEUED, reason=sentence, due_at=at, deferral=deferral)


def _soft_bounce(message: Message, outcome: Outcome, now: datetime) -> Result:
    if message.address and message.address.soft_bounces + 1 >= SOFT_IS_HARD:
        return _hard_bounce(message, outcome, now)
    result = _later(message, now + SOFT_HOLD, Why.BOUNCED, outcome.sentence)
    result.follow_up.append(
        lambda at: _address(message).update(
            fence=F("fence") + 1, soft_bounces=F("soft_bounces") + 1, held_until=at + SOFT_HOLD
        )
    )
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
    result = Result(message, State.NOT_SENT, Why.REFUSED, outcome.sentence)
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


def is_due(now: datetime) -> bool:
    return _unannounced().filter(settled_at__lte=now).exists()


def _unannounced():
    return Message.objects.filter(announced=False, settled_at__isnull=False)


def announce(now: datetime) -> int:
    """Tell the engine of settled messages and record `email.sent` and the like, once each, in one transaction."""
    with transaction.atomic():
        messages = list(
            _unannounced()
            .select_for_update(skip_locked=True, of=("self",))
            .prefetch_related("template")
            .order_by("settled_at")[:ANNOUNCE]
        )
        if not messages:
            return 0
        for listener in doors.on_settled:
            listener(messages, now)
        recording.record_own(
            [_event(m, now) for m in messages if m.purpose != Message.Purpose.TEST and m.outcome in _EVENTS], now
        )
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(announced=True)
    return len(messages)


_EVENTS = {Why.SENT: "email.sent", Why.BOUNCED: "email.bounced"}


def _event(message: Message, now: datetime) -> recording.OwnEvent:
    return recording.OwnEvent(
        contact_id=message.contact_id,
        type=_EVENTS[Why(message.outcome)],
        properties=about(message),
        hops=message.hops + 1,
        key=f"{message.outcome}:{message.pk}",
        occurred_at=message.settled_at or now,
    )


def about(message: Message) -> dict:
    """What every event about a message says of it."""
    return {
        "campaign": message.campaign_id,
        "step": message.step_uid,
        "template": message.template_id,
        "template_name": message.template.name,
        "message": str(message.pk),
    }
