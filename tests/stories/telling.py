"""Stories by kind: each told once, in a few lines, from what people do over HTTP to what they, or others, receive."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.document import Document, Trigger
from campaigns.models import Campaign
from lib import clock

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
Story = Callable[..., None]


class Stories(dict[str, Story]):
    """`@stories.of("event")`: one for each kind, and none left out."""

    def of(self, kind: str) -> Callable[[Story], Story]:
        def keep(tale: Story) -> Story:
            self[kind] = tale
            return tale

        return keep


@pytest.fixture
def monday(shop, settings):
    """The shop on a Monday in March, nine o'clock in London."""
    settings.CLOCK_OFFSET = str((MONDAY - timezone.now()).total_seconds())
    return shop


def begins(*steps, name: str = "Story", **more) -> Campaign:
    """An active campaign of these steps, for whoever signs up."""
    more.setdefault("triggers", [Trigger(event="users.signed_up")])
    document = Document(name=name, steps=list(steps), **more)
    return lifecycle.activate(lifecycle.create(document, None, clock.now()), None, clock.now())


def mails(inbox) -> list[tuple[str, str]]:
    """(who, subject) of all that arrived, in order."""
    return [(mail.recipient.partition("@")[0], mail.message["Subject"]) for mail in inbox.accepted]
