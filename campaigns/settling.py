"""What became of messages, and which are about to be handed over: written in sets.

Every write is guarded by the fence of the claim: where another worker has the message by now, nothing
happens. docs/states.md draws the transitions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from campaigns.answers import Result
from campaigns.compiling import RenderedEmail
from campaigns.models import Campaign, Message
from campaigns.together import Part, Together
from contacts.consent import Verdict
from contacts.models import Address

State = Message.State
FINAL, HANDED_OVER = (State.SENT, State.UNKNOWN, State.NOT_SENT), (State.SENT, State.UNKNOWN)


@dataclass(frozen=True)
class Mark:
    """The last act before the final dot: a message to be marked as being sent, if the verdict on it still holds."""

    message: Message
    verdict: Verdict
    lease_seconds: int

    def row(self) -> dict:
        return {
            "id": self.message.pk,
            "fence": self.message.fence,
            "address": self.message.address_id,
            "address_fence": self.verdict.fence,
            "message_id": self.message.message_id,
            "links": self.message.links,
            "consent_record": self.verdict.consent_record_id,
            "lease": self.lease_seconds,
        }


def mark_sending(message: Message, verdict: Verdict, lease_seconds: int) -> bool:
    """False: not ours any more, its campaign paused, or the verdict out of date."""
    return settle([], message.created_at, mark=Mark(message, verdict, lease_seconds))


def settle(
    results: Sequence[Result],
    now: datetime,
    said: Mapping[UUID, RenderedEmail] | None = None,
    mark: Mark | None = None,
) -> bool:
    """Write results, with what those that were handed over said, and with them the mark; True when it was set."""
    if not results and not mark:
        return False
    part = Part([mark.row()] if mark else [], [_row(result, now, said or {}) for result in results])
    if any(result.follow_up for result in results):
        with transaction.atomic(savepoint=False):
            _hold(results, mark)
            written = _write([part])
            _follow_up(results, written, now)
    elif connection.in_atomic_block:  # what others have to write must not hang on this transaction
        written = _write([part])
    else:
        written = _together.write(part)
    return mark is not None and mark.message.pk in written


def _hold(results: Sequence[Result], mark: Mark | None) -> None:
    """Campaigns that are paused, then addresses, then messages: whoever publishes or archives goes the same way."""
    campaigns = {result.pauses for result in results if result.pauses}
    if campaigns:
        list(Campaign.objects.filter(pk__in=campaigns).order_by("pk").select_for_update().values_list("pk"))
    messages = [*(result.message for result in results), *([mark.message] if mark else [])]
    addresses = {message.address_id for message in messages if message.address_id}
    rows = Address.objects.filter(pk__in=addresses).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))


def _write(parts: Sequence[Part]) -> set[UUID]:
    """One statement, which is a transaction of its own; the ids of the messages that were marked or settled."""
    marks = [row for part in parts for row in part.marks]
    results = [row for part in parts for row in part.results]
    with connection.cursor() as cursor:
        # campaigns.migrations.0004 has the SQL
        cursor.execute("SELECT campaigns_hand_over(%s::json, %s::json)", [_json(marks), _json(results)])
        return {pk for (pk,) in cursor.fetchall()}


_together = Together(_write)
at_work = _together.at_work


def _json(rows: list[dict]) -> str | None:
    return msgspec.json.encode(rows).decode() if rows else None


def _follow_up(results: Sequence[Result], written: set[UUID], now: datetime) -> None:
    for result in results:
        if result.message.pk in written:
            for act in result.follow_up:
                act(now)


def _row(result: Result, now: datetime, said: Mapping[UUID, RenderedEmail]) -> dict:
    row = {
        "id": result.message.pk,
        "fence": result.message.fence,
        "state": result.state,
        "outcome": result.outcome,
        "reason": result.reason[:400].replace("\x00", ""),
        "due_at": result.due_at,
        "sent_at": result.sent_at,
        "settled_at": now if result.state in FINAL else None,
        "deferral": result.deferral,
        "resent": result.resent,
    }
    if result.state in HANDED_OVER and (body := said.get(result.message.pk)):
        row |= {"subject": body.subject, "html": body.html, "body": body.text, "kept_from": now}
    return row
