"""Telling the team that a step waits for a person: a note to each who may let it go on."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.urls import reverse

from automation.documents import of_version
from automation.fuse_models import Fuse
from campaigns import notes
from campaigns.impact import describe
from campaigns.models import Campaign
from contacts.models import Contact
from lib.words import capital

PUBLISH = "campaigns.publish_campaign"
MOST = 20
DECIDE = "Whoever comes there waits until somebody lets them go on, or takes them out:"


def tell(campaign: Campaign, fuse: Fuse, sentence: str, about: int, now: datetime) -> None:
    """Once a day and step; a note is about a contact: one of those whom it concerns."""
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    text = f"{step_words(fuse)}: {sentence}\n{DECIDE}\n{settings.PUBLIC_URL}{page}"
    contact = Contact.objects.get(pk=about)
    for user in who_decides():
        note = notes.Note(
            key=f"fuse:{fuse.pk}:{fuse.told_on}:{user.pk}",
            contact=contact,
            campaign=campaign,
            version_id=campaign.live_id or 0,
            step_uid=fuse.step_uid,
            subject=f"“{campaign}” waits for you"[:200],
            text=text,
        )
        notes.queue(user, [note], now)


def who_decides():
    """Those on the team who may publish, and can be written to."""
    may = get_user_model().objects.with_perm(
        PUBLISH, is_active=True, include_superusers=True, backend="django.contrib.auth.backends.ModelBackend"
    )
    return notes.team().filter(pk__in=may.values("pk"))[:MOST]


def step_words(fuse: Fuse) -> str:
    """The step as a marketer knows it: its name, else what it does."""
    live = fuse.campaign.live_id
    step = of_version(live).step(fuse.step_uid) if live else None
    words = (step.name or describe(step)) if step else "A step that is there no more"
    return capital(words)
