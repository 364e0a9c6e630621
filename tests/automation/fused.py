"""What the tests of the fuse share: ten people are many, and a campaign that is no longer in its first days."""

from datetime import timedelta

import pytest

from automation import fuses
from automation.models import Visit
from tests import engine
from tests.automation.flows import flow, happens, mail
from tests.factories import NOW

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A thousand people would take a minute: here ten are many."""
    monkeypatch.setattr(fuses, "LEAST", 10)


def names(first: int, count: int) -> list[str]:
    return [f"u{number:04}" for number in range(first, first + count)]


def comes(people: list[str], now, event="users.signed_up") -> None:
    """They do what lets them in, and whatever follows from it happens."""
    happens(people, event, now)
    engine.run(now)


def readers(inbox) -> list[str]:
    return sorted(name for mail in inbox.accepted if (name := mail.recipient.partition("@")[0]).startswith("u"))


def notes(inbox) -> list[str]:
    return [mail.message["Subject"] for mail in inbox.accepted if mail.recipient.startswith("publisher")]


def waiting() -> int:
    return Visit.objects.filter(left_at=None, facts__fuse="held").count()


def welcome(**more):
    return flow(mail("hello"), name="Welcome", **more)


def old(campaign, days=30):
    """Active for so long that its first days are over."""
    type(campaign).objects.filter(pk=campaign.pk).update(activated_at=NOW - days * DAY)
    campaign.refresh_from_db()
    return campaign
