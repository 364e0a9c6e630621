"""What an address allows: the verbs that change it, and the verdict that sending asks for.

Every verb locks the Address row first. Marking a message as being sent locks the same row, so no message is
handed over after an unsubscribe has committed. The lock is FOR NO KEY UPDATE, which a row that merely refers
to the address does not wait for.
"""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from contacts.models import Address, Change, ConsentRecord, Contact, Subscription, Suppression, Topic
from lib.registry import Registry

GIVEN = [ConsentRecord.Action.GIVEN, ConsentRecord.Action.RESTORED]
FOR_GOOD = [Suppression.Reason.COMPLAINT, Suppression.Reason.ERASED]


# Apps above register `act(topic, user, now)`: what follows when a topic's basis was changed for everybody.
BASIS_CHANGED: Registry[Callable[[Topic, Any, datetime], None]] = Registry("consequence of a topic's basis")


class StaysSuppressed(ValueError):
    """A suppression that nobody may lift; the text says why."""


@transaction.atomic
def unsubscribe(
    address_id: int,
    *,
    now: datetime,
    source: str,
    contact_id: int | None = None,
    topic: Topic | None = None,
    wording: str = "",
    ip: str | None = None,
    user_agent: str = "",
) -> bool:
    """Take consent back, for one topic or for all marketing; False when that was said already.

    A repetition writes nothing, so a mailbox provider may post the same one-click unsubscribe often.
    """
    address = _locked(address_id)
    if topic:
        if _said(address, topic) == Subscription.State.UNSUBSCRIBED:
            return False
        _say(address, topic, Subscription.State.UNSUBSCRIBED, now)
    else:
        if address.unsubscribed_at:
            return False
        _write(address, unsubscribed_at=now)
    proof = _proof(wording, ip, user_agent)
    _record(address, ConsentRecord.Action.WITHDRAWN, topic, now, source, contact_id, **proof)
    return True


@transaction.atomic
def resubscribe(
    address_id: int,
    *,
    now: datetime,
    source: str,
    contact_id: int | None = None,
    topic: Topic | None = None,
    basis: str = "",
    wording: str = "",
    ip: str | None = None,
    user_agent: str = "",
) -> bool:
    """Give consent, to one topic or to marketing again; False when that was said already.

    Agreeing to a topic does not lift an unsubscription from everything: those are two decisions.
    """
    address = _locked(address_id)
    action = ConsentRecord.Action.RESTORED
    if topic:
        before = _said(address, topic)
        if before == Subscription.State.SUBSCRIBED:
            return False
        _say(address, topic, Subscription.State.SUBSCRIBED, now)
        if before != Subscription.State.UNSUBSCRIBED:
            action = ConsentRecord.Action.GIVEN
    else:
        if not address.unsubscribed_at:
            return False
        _write(address, unsubscribed_at=None)
    proof = _proof(wording, ip, user_agent)
    _record(address, action, topic, now, source, contact_id, basis=basis[:30], **proof)
    return True


@transaction.atomic
def suppress(
    *,
    reason: str,
    now: datetime,
    address_id: int | None = None,
    digest: bytes | None = None,
    detail: str = "",
) -> bool:
    """Write to this address no more, whatever the mail; False when it was suppressed for that reason already.

    A digest alone will do: the address may have been erased, or may never have been here.
    """
    known = Q(pk=address_id) if address_id is not None else Q(digest=digest)
    address = Address.objects.select_for_update(no_key=True).filter(known).first()
    if address is None and digest is None:
        raise Address.DoesNotExist(f"There is no address {address_id}.")
    key = bytes(address.digest) if address else bytes(digest or b"")
    if Suppression.objects.filter(digest=key, reason=reason, cleared_at=None).exists():
        return False
    row = Suppression(digest=key, reason=reason, detail=detail[:300], created_at=now)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)  # two at once for a digest without a row
    if address:
        _announce(address, "suppressed", now)
    return True


@transaction.atomic
def clear_suppression(address_id: int, *, now: datetime) -> int:
    """Let a bounced or blocked address be written to again; how many suppressions were lifted.

    Raises StaysSuppressed for complaints and erasures: those stand for good, and nothing is lifted.
    """
    address = _locked(address_id)
    standing = Suppression.objects.filter(digest=bytes(address.digest), cleared_at=None)
    if standing.filter(reason__in=FOR_GOOD).exists():
        raise StaysSuppressed(
            "This person marked our mail as spam or asked to be erased; it stays suppressed for good."
        )
    lifted = standing.update(cleared_at=now)
    if lifted or address.held_until:
        _write(address, held_until=None, soft_bounces=0)
        _announce(address, "suppressed", now)
    return lifted


@transaction.atomic
def hold(address_id: int, *, until: datetime, now: datetime) -> None:
    """After a soft bounce: nothing is sent until then."""
    address = _locked(address_id)
    _write(address, held_until=until, soft_bounces=address.soft_bounces + 1)
    _announce(address, "held", now)


@dataclass(frozen=True)
class Verdict:
    """May this address be written to now, by which entry of the ledger, or why not."""

    allowed: bool
    outcome: str = ""  # a value of Message.Outcome, or "held"
    sentence: str = ""
    consent_record_id: int | None = None
    fence: int | None = None  # the address's, when this was found out
    held_until: datetime | None = None


def verdicts(
    address_ids: Iterable[int], topic_id: int | None, transactional: bool, now: datetime
) -> dict[int, Verdict]:
    """The verdict on each address, in one query; an id without a row is not allowed.

    Transactional mail ignores unsubscribes and topics, but never bounces, complaints or the blocklist.
    Call it after locking the Address rows, in the transaction that marks the messages as being sent.
    """
    wanted = list(address_ids)
    rows = _facts(wanted, topic_id).in_bulk()
    gone = Verdict(False, "no_address", "The address does not exist any more.")
    return {
        key: replace(_verdict(rows[key], topic_id, transactional, now), fence=rows[key].fence) if key in rows else gone
        for key in wanted
    }


def blocks(
    address_ids: Iterable[int], topic_id: int | None, transactional: bool, now: datetime
) -> dict[int, tuple[str, str]]:
    """Outcome and sentence of each address that must not be written to now."""
    found = verdicts(address_ids, topic_id, transactional, now)
    return {key: (verdict.outcome, verdict.sentence) for key, verdict in found.items() if not verdict.allowed}


def suppressions_of() -> QuerySet[Suppression]:
    """Standing suppressions of an Address row, for subqueries."""
    return Suppression.objects.filter(digest=OuterRef("digest"), cleared_at=None).order_by("id")


def _facts(address_ids: list[int], topic_id: int | None) -> QuerySet[Address]:
    topic = topic_id or 0  # no topic has the id 0
    about_topic = Q(topic=topic) | Q(topic=None)
    given = ConsentRecord.objects.filter(about_topic, address=OuterRef("pk"), action__in=GIVEN)
    said = Subscription.objects.filter(address=OuterRef("pk"), topic=topic)
    return Address.objects.filter(pk__in=address_ids).annotate(
        suppressed_because=Subquery(suppressions_of().values("reason")[:1]),
        topic_basis=Subquery(Topic.objects.filter(pk=topic).values("basis")[:1]),
        topic_state=Subquery(said.values("state")[:1]),
        given_by=Subquery(given.order_by("-at", "-id").values("pk")[:1]),
    )


def _verdict(row: Any, topic_id: int | None, transactional: bool, now: datetime) -> Verdict:
    if row.suppressed_because:
        because = Suppression.Reason(row.suppressed_because).label
        return Verdict(False, "suppressed", f"The address is suppressed. {because}.")
    if not transactional and row.unsubscribed_at:
        day = f"{row.unsubscribed_at:%-d %B %Y}"
        return Verdict(False, "unsubscribed", f"The address unsubscribed from everything on {day}.")
    if not transactional and topic_id is not None:
        refusal = _topic_refusal(row)
        if refusal:
            return refusal
    if row.held_until and row.held_until > now:
        sentence = "The mailbox could not take mail lately; sending waits a while."
        return Verdict(False, "held", sentence, held_until=row.held_until)
    return Verdict(True, consent_record_id=row.given_by)


def _topic_refusal(row: Any) -> Verdict | None:
    """Fails closed: an unknown topic, basis or state allows nothing."""
    if row.topic_state == Subscription.State.SUBSCRIBED and row.topic_basis:
        return None
    if row.topic_state == Subscription.State.UNSUBSCRIBED:
        return Verdict(False, "unsubscribed", "The address unsubscribed from this topic.")
    if row.topic_state == Subscription.State.PENDING:
        return Verdict(False, "not_subscribed", "The address has not confirmed this topic yet.")
    if row.topic_state is None and row.topic_basis == Topic.Basis.OTHER:
        return None
    return Verdict(False, "not_subscribed", "The address never agreed to this topic.")


def _locked(address_id: int) -> Address:
    return Address.objects.select_for_update(no_key=True).get(pk=address_id)


def _said(address: Address, topic: Topic) -> str | None:
    return Subscription.objects.filter(address=address, topic=topic).values_list("state", flat=True).first()


def _say(address: Address, topic: Topic, state: str, now: datetime) -> None:
    said = {"state": state, "changed_at": now}
    Subscription.objects.update_or_create(address=address, topic=topic, defaults=said)


def _write(address: Address, **values: Any) -> None:
    for name, value in values.items():
        setattr(address, name, value)
    address.save(update_fields=list(values))


def _proof(wording: str, ip: str | None, user_agent: str) -> dict[str, Any]:
    """What a stranger's request said, made fit to keep: an odd header must not prevent an unsubscribe."""
    try:
        ip = str(ipaddress.ip_address(ip)) if ip else None
    except ValueError:
        ip = None
    agent = user_agent.replace("\x00", "")[:300]
    return {"wording": wording.replace("\x00", ""), "ip": ip, "user_agent": agent}


def _record(
    address: Address,
    action: str,
    topic: Topic | None,
    now: datetime,
    source: str,
    contact_id: int | None,
    **details: Any,
) -> None:
    ConsentRecord.objects.create(
        address=address,
        contact_id=contact_id,
        topic=topic,
        action=action,
        source=source[:120],
        at=now,
        **details,
    )
    _announce(address, f"topic:{topic.key}" if topic else "unsubscribed", now)


def _announce(address: Address, name: str, now: datetime) -> None:
    """Tell the pipeline, for every contact with this address, and whoever is about to write to it."""
    Address.objects.filter(pk=address.pk).update(fence=F("fence") + 1)
    owners = Contact.objects.current().filter(address=address).values_list("pk", flat=True)
    kind = Change.Kind.CONSENT
    Change.objects.bulk_create([Change(contact_id=pk, kind=kind, names=[name], due_at=now) for pk in owners])
