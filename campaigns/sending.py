"""Sending: claim → consent → render → hand over → settle.

What is survived: a worker that dies at any moment. Until the mark `sending` is committed nothing has
been accepted, and the message is sent later; the mark is the last act before the final dot (or the
HTTP request). A worker that dies between the two leaves `unknown`: shown to a person, settled by the
provider's webhook. What is not survived: a server that accepts a message and forgets it. That is
accepted because no sender can know. A database that goes away is waited for: then the outcomes that it
has not heard of are written, and what was not begun is given back.

On one connection the outcome of message i is committed together with the mark of message i + 1.
Unsubscribing and marking lock the same Address row, so no mark commits after an unsubscribe.
"""

import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from threading import local
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, transaction

from campaigns import agreeing, answers, doors, settling, worked_out
from campaigns.claiming import LEASE_SECONDS, claim, give_back, renew
from campaigns.compiling import RenderedEmail
from campaigns.delivery import Outcome
from campaigns.liquid import Aborted, RenderFailed
from campaigns.models import Campaign, Message
from campaigns.rendering import Mail, mail, message_id, render
from campaigns.transports import Transport, transport_from
from contacts import consent
from contacts.models import Address, ContactTag
from lib import outages
from ops import work
from ops.models import SiteSettings

log = structlog.get_logger(__name__)
BATCH = 400
FEW = 10
BATCH_SECONDS = 0.6
# A batch begins no mail after so many seconds: a task's 45 s, these and a last mail fit into django-q2's 300.
MOST_SECONDS = 120
OUTAGE_SECONDS = 90  # waited for a database that is away: longer than a lease, shorter than a task may take


def send_due(now: datetime) -> int:
    """Send one batch of what is due; returns how many messages were claimed."""
    if SiteSettings.get().sending_stopped_at:
        return 0
    messages = claim(now, _hand.size)
    if not messages:
        return 0
    began = time.monotonic()
    with work.abroad():
        _send_shares(_shares(messages), now)
    _hand.learn(len(messages), time.monotonic() - began)
    return len(messages)


class _Hand:
    """How many messages are taken in hand at once: those that are gone soon, so that nothing else waits for long."""

    pace = math.inf  # messages a second

    @property
    def size(self) -> int:
        return int(min(BATCH, max(2 * FEW, self.pace * BATCH_SECONDS)))

    def learn(self, count: int, seconds: float) -> None:
        if count > FEW:
            self.pace = count / seconds


_hand = _Hand()


def _send_shares(shares: list[list[Message]], now: datetime) -> None:
    if len(shares) == 1:
        _ways.batch(shares[0], now)
    else:
        tasks = [_pool().submit(_in_thread, share, now) for share in shares]
        wait(tasks)  # all of them, also where one has failed: nothing of this batch goes on behind its back
        for task in tasks:
            task.result()


def _shares(messages: list[Message]) -> list[list[Message]]:
    """One share per connection; a handful is not worth several."""
    count = 1 if len(messages) <= FEW else min(settings.MAIL_CONNECTIONS, len(messages))
    return [messages[start::count] for start in range(count)]


class _Ways(local):
    """The kept connection of each thread."""

    transport: Transport | None = None
    url = ""

    def batch(self, messages: list[Message], now: datetime) -> None:
        Batch(messages, self.way(), now).send()

    def way(self) -> Transport:
        if self.transport is None or self.url != settings.EMAIL_URL:
            self.close()
            self.url, self.transport = settings.EMAIL_URL, transport_from(settings.EMAIL_URL)
        assert self.transport
        return self.transport

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
        self.transport = None


_ways = _Ways()
_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    """The threads of this process; django-q2 forks its workers, so they are made after the fork."""
    pid = os.getpid()
    if pid not in _pools:
        _pools.clear()
        _pools[pid] = ThreadPoolExecutor(settings.MAIL_CONNECTIONS, "mail")
    return _pools[pid]


def _in_thread(share: list[Message], now: datetime) -> None:
    close_old_connections()  # no request ends in these threads that would drop a dead one
    _ways.batch(share, now)


class Batch:
    """Leased messages on their way over one connection."""

    def __init__(self, messages: Sequence[Message], transport: Transport, now: datetime):
        self.claimed, self.messages, self.transport, self.now = messages, list(messages), transport, now
        self.settled_here: list[answers.Result] = []
        self.unheard: list[answers.Result] = []
        self.said: dict[UUID, RenderedEmail] = {}
        self.verdicts: dict[UUID, consent.Verdict] = {}
        self.began = self.renewed = time.monotonic()

    def send(self) -> None:
        try:
            self._send()
        except (OperationalError, InterfaceError) as fault:
            if outages.is_outage(fault):
                outages.when_it_answers(self._leave_in_order, OUTAGE_SECONDS)
            raise

    def _leave_in_order(self) -> None:
        """Any other fault leaves the leases to run out, so that its cause is found by claiming each message alone."""
        settling.settle(self.unheard, self.now, self.said)
        give_back(self.claimed)

    def _send(self) -> None:
        self.site = SiteSettings.get()
        self._settle_what_may_not_go()
        self.tags = self._read_tags()
        self.shown = doors.shown([one for one in self.messages if agreeing.is_of_a_run(one)], self.now)
        self._read_what_is_worked_out()
        with settling.at_work():
            self.transport.send_all(self._mails(), self._commit)
            self._commit([], None)
        if self.messages:
            give_back(self.messages)

    def _settle_what_may_not_go(self) -> None:
        """Early, so that nothing is rendered in vain; it is asked again under the lock, just before the dot."""
        results = [answers.withdrawn(message) for message in self._withdrawn()]
        self._settle(results)
        self.verdicts = {message.pk: verdict for message, verdict in agreeing.verdicts(self.messages, self.now)}
        results = [
            answers.refused(message, self.verdicts[message.pk], self.now)
            for message in self.messages
            if not self.verdicts[message.pk].allowed
        ]
        results += [
            answers.too_late(message, self.now)
            for message in self.messages
            if self.verdicts[message.pk].allowed and message.stale_after and self.now > message.stale_after
        ]
        self._settle(results)

    def _withdrawn(self) -> list[Message]:
        """Of those that were put off: whoever is out by now gets nothing, and neither does an archived campaign's."""
        gone = doors.for_nobody([message.pk for message in self.messages if message.reason or message.resent])
        archived = Campaign.State.ARCHIVED
        return [one for one in self.messages if one.pk in gone or (one.campaign and one.campaign.state == archived)]

    def _settle(self, results: list[answers.Result]) -> None:
        """Write results of messages that never leave."""
        settling.settle(results, self.now)
        gone = {result.message.pk for result in results}
        self.messages = [message for message in self.messages if message.pk not in gone]

    def _read_tags(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        rows = ContactTag.objects.filter(contact_id__in={m.contact_id for m in self.messages})
        for contact_id, name in rows.order_by("tag__name").values_list("contact_id", "tag__name"):
            found.setdefault(contact_id, []).append(name)
        return found

    def _read_what_is_worked_out(self) -> None:
        paths = {message.template_id: worked_out.paths(message.template) for message in self.messages}
        worked_out.read(((message.contact, paths[message.template_id]) for message in self.messages), self.now)

    def _mails(self) -> Iterator[Mail]:
        """Rendered one by one as the connection is ready; what cannot be rendered is settled with the next commit."""
        while self.messages and time.monotonic() - self.began < MOST_SECONDS:
            work.beat()
            message = self.messages.pop(0)
            try:
                its_now = self.shown.get(message.pk, self.now)
                rendered = render(message, self.tags.get(message.contact_id, []), self.site, its_now)
            except (RenderFailed, Aborted) as fault:
                self.settled_here.append(answers.not_written(message, fault))
                continue
            message.message_id = message.message_id or message_id(message, self.site)
            message.links = rendered.links
            self.said[message.pk] = rendered
            yield mail(message, rendered, self.site, self.now, ref=message)

    def _commit(self, outcomes: list[Outcome], following: Mail | None) -> bool:
        """Record what happened and mark the next message as being sent, in one statement."""
        message: Message | None = following.ref if following else None
        results = [answers.result_of(outcome, self._now()) for outcome in outcomes] + self.settled_here
        self.settled_here = []
        if not results and message is None:
            return False
        # Until the database has said yes. No dot follows where it does not, so that mail has not gone.
        self.unheard = results + ([answers.Result(message, Message.State.QUEUED, due_at=self.now)] if message else [])
        if message:
            marked = self._mark(message, results)
        else:
            marked = settling.settle(results, self._now(), self.said)
        for result in results:
            self.said.pop(result.message.pk, None)
        self.unheard = []
        self._renew()
        return marked

    def _now(self) -> datetime:
        """A slow server stretches a batch, and waits that follow count from the mail: to the second will do."""
        return self.now + timedelta(seconds=int(time.monotonic() - self.began))

    def _mark(self, message: Message, results: list[answers.Result]) -> bool:
        """The compare-and-set, and the results with it; False where the message must not go.

        The verdict found at the claim holds as long as the address's fence stands. Where it does not, consent
        is asked again under the lock.
        """
        mark = settling.Mark(message, self.verdicts[message.pk], LEASE_SECONDS)
        if settling.settle(results, self._now(), self.said, mark):
            return True
        with transaction.atomic():
            list(Address.objects.filter(messages=message).select_for_update(no_key=True, of=("self",)))
            [(_, verdict)] = agreeing.verdicts([message], self.now)
            if verdict.allowed:
                return settling.mark_sending(message, verdict, LEASE_SECONDS)
            settling.settle([answers.refused(message, verdict, self.now)], self.now)
            return False

    def _renew(self) -> None:
        if time.monotonic() - self.renewed > LEASE_SECONDS / 3:
            self.renewed = time.monotonic()
            renew(self.messages)
