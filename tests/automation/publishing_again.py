"""Campaigns that are edited and published again while people are inside."""

from datetime import timedelta

from automation.models import Enrollment
from campaigns import lifecycle, publishing
from campaigns.choices import Choices, StepChoice
from campaigns.document import StepDoc, parse
from campaigns.linear import Row, from_rows, rows
from campaigns.models import Campaign, Version
from tests.factories import NOW, TemplateFactory

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def mails(*subjects: str, wait: float = 1) -> list[Row]:
    """Mails, a day (or `wait`) apart: `mail0`, `wait1`, `mail1`, …"""
    return [
        Row(uid=f"mail{n}", wait_uid=f"wait{n}" if n else "", wait_amount=n and wait, template=template(subject))
        for n, subject in enumerate(subjects)
    ]


def template(subject: str) -> int:
    return TemplateFactory(subject=subject).pk


def now_rows(campaign: Campaign) -> list[Row]:
    found = rows(parse(Campaign.objects.get(pk=campaign.pk).draft))
    assert found
    return found


def edit(campaign: Campaign, steps: list[Row] | list[StepDoc], **changes) -> Campaign:
    """Save the draft with these steps."""
    campaign = Campaign.objects.get(pk=campaign.pk)
    document = parse(campaign.draft)
    document.steps = steps if steps and isinstance(steps[0], StepDoc) else from_rows(steps)  # type: ignore[arg-type, assignment]
    for name, value in changes.items():
        setattr(document, name, value)
    return lifecycle.save_draft(campaign, document, campaign.revision, None, NOW)


def publish(campaign: Campaign, now, people="follow", removed=None, waits=None, user=None) -> Version:
    """`removed`: uid → (deed, target)."""
    chosen = {uid: StepChoice(then=then, target=target) for uid, (then, target) in (removed or {}).items()}
    return publishing.publish(campaign, user, now, Choices(people=people, removed=chosen, waits=waits or {}))


def subjects(inbox) -> list[str]:
    return [mail.message["Subject"] for mail in inbox.accepted]


def everybody_stands_in_their_version() -> None:
    """Nobody who is inside has lost their step."""
    for row in Enrollment.objects.active().select_related("version"):
        assert parse(row.version.document).step(row.step_uid), f"{row} is at {row.step_uid}, which is not there"
