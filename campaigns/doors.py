"""Doors upward: what the engine (`automation`) tells campaigns, and what it is told. Filled in `ready()`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from lib.registry import Registry


@dataclass(frozen=True)
class Waiting:
    """Who stands in one step: how many, and from when to when they are due (None: for their mail).

    `held`: those whose mail, or something else that has no time, is awaited; `parked`: those whom a fault stopped.
    """

    count: int
    due_from: datetime | None
    due_to: datetime | None
    held: int = 0
    parked: int = 0


@dataclass(frozen=True)
class Place(Waiting):
    """Those who stand in one step of one version (its id)."""

    version: int = 0
    uid: str = ""


@dataclass(frozen=True)
class Prospect:
    """What activating would do at once: sentences, and who could come in besides, as (days to look back, words)."""

    lines: Sequence[str] = ()
    choices: Sequence[tuple[int, str]] = ()
    people: int = 0
    """The most who come in at one time by themselves."""
    counts: Mapping[int, int] = field(default_factory=dict)
    """Of each choice: how many that would be."""


@dataclass(frozen=True)
class Blown:
    """A step that waits for a person: why, in a sentence, since when, and how many people wait there."""

    pk: int
    campaign: Any
    uid: str
    step: str
    sentence: str
    since: datetime
    waiting: int


standing: Registry[Callable] = Registry("reader of who stands where")
"""(campaign) → [Place]: who is inside, by version and step."""

timed_anew: Registry[Callable] = Registry("reader of waits that are worked out anew")
"""(campaign, document, now) → {uid: Waiting}: who would wait anew by that definition, and from when to when."""

on_published: Registry[Callable] = Registry("listener to publishing")
"""(campaign, version, now): in the publishing transaction; `version.choices` says what becomes of those inside."""

on_resumed: Registry[Callable] = Registry("listener to resuming")
"""(campaign, stop, now): in the resuming transaction; the Stop says since when, and what becomes of the overdue."""

on_reopened: Registry[Callable] = Registry("listener to reopening")
"""(campaign, now): in the transaction by which a campaign that drained takes people in again."""

overdue: Registry[Callable] = Registry("reader of what is overdue")
"""(campaign, now) → campaigns.resuming.Overdue."""

prospects: Registry[Callable] = Registry("reader of what activating would do")
"""(document, now) → Prospect."""

MANY_A_DAY = 1_000
"""So many people a day one step mails without being asked about it."""

on_expected: Registry[Callable] = Registry("keeper of how many are expected")
"""(campaign, people): in the activating transaction; so many people a day may one step mail in its first days."""

fuses: Registry[Callable] = Registry("reader of steps that wait for a person")
"""(campaign, now) → [Blown]; None: of all campaigns."""

on_activated: Registry[Callable] = Registry("listener to activating")
"""(campaign, days, user, now): in the activating transaction, where those who match by now are to come in, too."""

on_missed: Registry[Callable] = Registry("listener to letting in who was missed")
"""(campaign, since, user, now): in the resuming transaction; lets in who came since then and was refused."""

on_archived: Registry[Callable] = Registry("listener to archiving")
"""(campaign, now): in the archiving transaction."""

on_settled: Registry[Callable] = Registry("listener to settled messages")
"""(messages, now): a batch of settled messages, in the transaction that announces them."""

withdrawn: Registry[Callable] = Registry("reader of withdrawn messages")
"""(message ids) → those that are for nobody any more: their reader left while they were being handed over."""

clocks: Registry[Callable] = Registry("clock of test runs")
"""(messages of test runs, now) → by the id of the message, what the clock of its run shows."""


def places(campaign) -> list[Place]:
    """Who is inside, by version and step."""
    return [place for read in standing for place in read(campaign)]


def anew(campaign, document, now: datetime) -> dict[str, Waiting]:
    """By step: who would wait anew by that definition, and from when to when."""
    return {uid: crowd for read in timed_anew for uid, crowd in read(campaign, document, now).items()}


def blown(campaign, now: datetime) -> list[Blown]:
    """The steps of a campaign, or of all, that wait for a person."""
    return [step for read in fuses for step in read(campaign, now)]


def together(crowds: Sequence[Waiting]) -> Waiting:
    """Several crowds as one."""
    return Waiting(
        sum(crowd.count for crowd in crowds),
        min((crowd.due_from for crowd in crowds if crowd.due_from), default=None),
        max((crowd.due_to for crowd in crowds if crowd.due_to), default=None),
        sum(crowd.held for crowd in crowds),
        sum(crowd.parked for crowd in crowds),
    )


def who_is_inside(campaign) -> dict[str, Waiting]:
    """Who is inside, by step, whatever their version."""
    crowds: dict[str, list[Place]] = {}
    for place in places(campaign):
        crowds.setdefault(place.uid, []).append(place)
    return {uid: together(found) for uid, found in crowds.items()}


def for_nobody(message_ids: Collection[UUID]) -> set[UUID]:
    return {pk for read in withdrawn for pk in read(message_ids)} if message_ids else set()


def shown(messages: Collection[Any], now: datetime) -> dict[UUID, datetime]:
    """What it is for the readers of these messages of test runs."""
    return {pk: at for read in clocks for pk, at in read(messages, now).items()} if messages else {}
