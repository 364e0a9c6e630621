"""Doors upward: what the engine (`automation`) tells campaigns, and what it is told. Filled in `ready()`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lib.registry import Registry


@dataclass(frozen=True)
class Waiting:
    """Who stands in one step: how many, and from when to when they are due (None: for their mail)."""

    count: int
    due_from: datetime | None
    due_to: datetime | None


occupancy: Registry[Callable] = Registry("occupancy reader")
"""(campaign) → {step uid: Waiting}: who is inside, by step."""

on_published: Registry[Callable] = Registry("listener to publishing")
"""(campaign, version, now): in the publishing transaction."""

on_resumed: Registry[Callable] = Registry("listener to resuming")
"""(campaign, now): in the resuming transaction."""

on_archived: Registry[Callable] = Registry("listener to archiving")
"""(campaign, now): in the archiving transaction."""

on_settled: Registry[Callable] = Registry("listener to settled messages")
"""(messages, now): a batch of settled messages, in the transaction that announces them."""

withdrawn: Registry[Callable] = Registry("reader of withdrawn messages")
"""(message ids) → those that are for nobody any more: their reader left while they were being handed over."""


def who_is_inside(campaign) -> dict[str, Waiting]:
    found: dict[str, Waiting] = {}
    for read in occupancy:
        found |= read(campaign)
    return found


def for_nobody(message_ids: Collection[UUID]) -> set[UUID]:
    return {pk for read in withdrawn for pk in read(message_ids)} if message_ids else set()
