"""What becomes, after a pause or an outage, of what should have happened meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import F

from campaigns.document import NotADocument, parse
from campaigns.models import Campaign, Message

Late = Literal["send", "shift", "exit"]


@dataclass(frozen=True)
class Resumption:
    """How to go on.

    `late`: what was due meanwhile goes on, and mails later than their limit are not sent (`send`); everything that is
    still to come happens later by the length of the pause (`shift`); who was due leaves (`exit`). Empty: as the
    campaign says. `minutes`: over how long those who go on at once are spread; None: many over a quarter of an hour,
    few at once. `enter`: let in who came meanwhile.
    """

    late: Late | Literal[""] = ""
    minutes: int | None = None
    enter: bool = False


@dataclass(frozen=True)
class Stop:
    """A time in which a campaign stood still, and how it goes on. `grace`: late by less is no more than busy."""

    since: datetime
    late: Late
    minutes: int | None = None
    grace: timedelta = timedelta()
    why: str = "the campaign was paused"


@dataclass(frozen=True)
class Overdue:
    """What stood still: how many are due by now, since when, and how many of their mails would be too late."""

    count: int = 0
    since: datetime | None = None
    too_late: int = 0
    missed: int = 0
    """People who did meanwhile what lets people in."""
    starts: Sequence[str] = ()
    """What resuming begins by itself, in sentences: a broadcast whose hour came, a run that was under way."""


def usual(campaign: Campaign) -> Late:
    """What the live version says of the overdue."""
    try:
        return parse(campaign.live.document).overdue if campaign.live else "send"
    except NotADocument:
        return "send"


def shift_mails(campaign: Campaign, span: timedelta) -> None:
    """Mails that are written already may be as much later."""
    waiting = Message.objects.filter(campaign=campaign, state__in=["queued", "leased"], stale_after__isnull=False)
    waiting.update(stale_after=F("stale_after") + span)
