"""Pushing: claim → read values → write to the CRM → settle.

What is survived: a worker that dies at any moment. Its leases run out and the rows are written again, which a CRM
cannot tell from once: contacts are found by their id there, else by their e-mail address. The database is asked by one
thread; each connection's batch has a thread of its own, so a CRM that thinks holds up nobody but itself.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from automation.liquid_values import NotWritten
from automation.webhooks import calling
from automation.webhooks.claiming import withdrawn
from integrations import claiming, judging, settling, values
from integrations.connectors import Account, Connector, Door, Row, Said, later
from integrations.judging import Result
from integrations.models import Connection, Push
from lib import outages
from lib.http_call import Answer, Request
from lib.sealed import Unreadable, unseal
from ops import work

log = structlog.get_logger(__name__)
# A batch claims nothing new after so long: a task's 45 s, these, a last call and an outage fit into django-q2's 300.
MOST_SECONDS = 120
LOOK_AGAIN = 0.25
OUTAGE_SECONDS = 60
AT_ONCE = 16
FAULT = "It could not be written, by a fault of Dripline’s own; the log says which."


@dataclass
class Parcel:
    """Pushes of one connection that are ready to be written."""

    connector: Connector
    account: Account
    pushes: dict
    rows: list[Row]


def push_due(now: datetime) -> int:
    """Make the pushes that are due; returns how many were handled."""
    handled = claiming.take_back(now)
    with work.abroad():
        return handled + Batch(now).run()


def account_of(connection: Connection) -> Account:
    """As its connector sees it; raises Unreadable."""
    return Account(connection.name, connection.config, unseal(connection.secret), connection.account)


def door(now: datetime) -> Door:
    """The way out, which webhooks take as well: no private networks, no redirects, a limit on the whole of a call."""

    def call(request: Request) -> Answer:
        return calling.call(request, settings.WEBHOOK_NETWORKS)

    return Door(call, now)


class Batch:
    """Parcels on their way, a thread each."""

    def __init__(self, now: datetime):
        self.began, self.start = time.monotonic(), now
        self.flying: dict[Future[list[Said]], Parcel] = {}

    def now(self) -> datetime:
        """Slow CRMs stretch a batch: to the second."""
        return self.start + timedelta(seconds=int(time.monotonic() - self.began))

    def run(self) -> int:
        handled = 0
        while True:
            while claimed := self._claim():
                handled += len(claimed)
                self._begin(claimed)
            if not self.flying:
                return handled
            for parcel, said in self._ended():
                self._settle(results_of(parcel, said, self.now()))
            work.beat()

    def _claim(self) -> list[Push]:
        if len(self.flying) >= AT_ONCE:
            return []
        if time.monotonic() - self.began > MOST_SECONDS:
            return []  # what is left is due still, and is rung for again
        return claiming.claim(self.now())

    def _begin(self, claimed: list[Push]) -> None:
        results, parcel = prepare(claimed, self.now())
        self._settle(results)
        if parcel:
            self.flying[_pool().submit(_pushed, parcel, self.now())] = parcel

    def _ended(self) -> list[tuple[Parcel, list[Said]]]:
        if not self.flying:
            return []
        done, _ = wait(self.flying, LOOK_AGAIN, return_when=FIRST_COMPLETED)
        return [(self.flying.pop(task), task.result()) for task in done]

    def _settle(self, results: list[Result]) -> None:
        try:
            settling.settle(results, self.now())
        except (OperationalError, InterfaceError) as fault:
            if not outages.is_outage(fault):
                raise
            outages.when_it_answers(lambda: settling.settle(results, self.now()), OUTAGE_SECONDS)


def prepare(claimed: Sequence[Push], now: datetime) -> tuple[list[Result], Parcel | None]:
    """Pushes of one connection made ready; those that will not be made have their results. Queries: a fixed number."""
    gone, connection = withdrawn(claimed), claimed[0].connection
    results = [judging.cancelled(push) for push in claimed if push.pk in gone]
    pushes = [push for push in claimed if push.pk not in gone]
    if not pushes:
        return results, None
    if connection.connector is None:
        why = f"The connector “{connection.kind}” is not installed any more."
        return results + [judging.paused(push, why, now) for push in pushes], None
    try:
        account = account_of(connection)
    except Unreadable:
        why = "What was kept of its access token cannot be read any more; type it in again."
        return results + [judging.paused(push, why, now) for push in pushes], None
    faults, rows = _rows(connection, pushes, now)
    parcel = Parcel(connection.connector, account, {push.pk: push for push in pushes}, rows)
    return results + faults, parcel if rows else None


def _rows(connection: Connection, pushes: Sequence[Push], now: datetime) -> tuple[list[Result], list[Row]]:
    ids = {push.contact_id for push in pushes}
    known = dict(connection.records.filter(contact__in=ids).values_list("contact", "external_id"))
    mapped, extras = values.of_contacts(connection, ids, now), values.Extras(pushes, now)
    results: list[Result] = []
    rows: list[Row] = []
    taken: set[str] = set()
    for push in pushes:
        record, email = known.get(push.contact_id, ""), push.contact.email
        if taken & {record, email} - {""}:
            results.append(judging.next_time(push, now))  # no two of a batch about the same record
            continue
        taken |= {record, email}
        try:
            own = extras.of(push)
        except NotWritten as fault:
            results.append(judging.failed(push, str(fault)))
            continue
        rows.append(Row(push.pk, email, record, {**mapped.get(push.contact_id, {}), **own}))
    return results, rows


def _pushed(parcel: Parcel, now: datetime) -> list[Said]:
    try:
        return parcel.connector.push(parcel.account, parcel.rows, door(now))
    except Exception:  # noqa: BLE001  a fault of a connector must not lose the others' answers
        log.exception("push.fault", connection=parcel.account.name)
        return later(parcel.rows, FAULT.rstrip("."))


def results_of(parcel: Parcel, said: Sequence[Said], now: datetime) -> list[Result]:
    """What was said of each row; a row of which nothing was said is tried again."""
    told = {one.ref: one for one in said}
    silent = later([row for row in parcel.rows if row.ref not in told], "Nothing was said of it")
    told |= {one.ref: one for one in silent}
    results = []
    for row in parcel.rows:
        result = judging.judged(parcel.pushes[row.ref], told[row.ref], now)
        result.sent = {**({"email": row.email} if row.email else {}), **row.values}
        results.append(result)
    return results


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool() -> ThreadPoolExecutor:
    """The threads of this process; django-q2 forks its workers, so they are made after the fork."""
    if os.getpid() not in _pools:
        _pools.clear()
        _pools[os.getpid()] = ThreadPoolExecutor(AT_ONCE, "push")
    return _pools[os.getpid()]
