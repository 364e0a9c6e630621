"""Those who get nothing, so that it can be seen what campaigns change: chosen by hash, once, and kept."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from automation.enrolling import Entry
from automation.models import Assignment, SiteAssignment
from campaigns.document import Document
from campaigns.models import Campaign, EmailTemplate
from campaigns.numbers import MAIL_KINDS
from lib.chances import share_of
from ops.models import SiteSettings

HOLDOUT, IN = "holdout", "in"
Place = tuple[int, int]  # (campaign, contact)
OF_CAMPAIGN = "Held out by chance, to measure what the campaign does."
OF_SITE = "Held out by chance from all campaigns of the site, to measure what they do together."
BUT = "They get its transactional mail only."


def assign(entries: Sequence[Entry], now: datetime) -> None:
    """Hold out the campaigns' share of those who enter, and the site's; whoever was assigned before stays so.

    Transactional mail is for everybody: a campaign that sends no other mail holds nobody out, and where it sends both
    those who are held out go through it without its marketing mails.
    """
    if not entries:
        return
    percent = SiteSettings.get().holdout
    # At 0 % nobody is chosen any more, but whoever was before stays so.
    held = _held([entry for entry in entries if entry.again and not entry.document.holdout])
    of_site = set() if percent else _held_by_site(entries)
    concerned = [
        entry
        for entry in entries
        if percent or entry.document.holdout or _place(entry) in held or entry.start.contact_id in of_site
    ]
    kinds = _kinds_of_mail(concerned)
    concerned = [entry for entry in concerned if kinds[entry.campaign.pk] != {True}]
    if not concerned:
        return
    held |= _choose([entry for entry in concerned if entry.document.holdout], now)
    of_site |= _choose_for_site(concerned, percent, now)
    for entry in concerned:
        if _place(entry) in held:
            entry.held_out = OF_CAMPAIGN
        elif entry.start.contact_id in of_site:
            entry.held_out = OF_SITE
        if entry.held_out and True in kinds[entry.campaign.pk]:
            entry.goes_through, entry.held_out = True, f"{entry.held_out} {BUT}"


def is_exempt(document: Document) -> bool:
    """Does it send mail, and none but transactional?"""
    named = {step.config["template"] for step in document.steps if step.kind in MAIL_KINDS}
    return bool(named) and not EmailTemplate.objects.filter(pk__in=named, transactional=False).exists()


def held_by_campaign(campaign: Campaign, document: Document, contact_id: int) -> bool:
    """Whether they are held out of it, or would be once they enter."""
    given = Assignment.objects.filter(campaign=campaign, contact=contact_id, name=HOLDOUT).first()
    return given.arm == HOLDOUT if given else share(campaign.pk, contact_id, HOLDOUT) < document.holdout


def held_by_site(percent: int, contact_id: int) -> bool:
    """The same of the holdout of the whole site."""
    given = SiteAssignment.objects.filter(contact=contact_id).first()
    return given.held_out if given else share(0, contact_id, HOLDOUT) < percent


def _place(entry: Entry) -> Place:
    return entry.campaign.pk, entry.start.contact_id


def _choose(entries: Sequence[Entry], now: datetime) -> set[Place]:
    """Whoever was not assigned is; (campaign, contact) of those held out."""
    Assignment.objects.bulk_create((_chosen(entry, now) for entry in entries), ignore_conflicts=True)
    return _held(entries)


def _held(entries: Sequence[Entry]) -> set[Place]:
    """Those of them who were held out of the campaign before, whatever its percentage is now."""
    if not entries:
        return set()
    rows = Assignment.objects.filter(
        campaign_id__in={entry.campaign.pk for entry in entries},
        contact_id__in={entry.start.contact_id for entry in entries},
        name=HOLDOUT,
        arm=HOLDOUT,
    )
    return set(rows.values_list("campaign_id", "contact_id"))


def _chosen(entry: Entry, now: datetime) -> Assignment:
    contact_id = entry.start.contact_id
    held = share(entry.campaign.pk, contact_id, HOLDOUT) < entry.document.holdout
    return Assignment(campaign=entry.campaign, contact_id=contact_id, name=HOLDOUT, at=now, arm=HOLDOUT if held else IN)


def _choose_for_site(entries: Sequence[Entry], percent: int, now: datetime) -> set[int]:
    if not percent:
        return set()
    people = sorted({entry.start.contact_id for entry in entries})
    SiteAssignment.objects.bulk_create(
        (SiteAssignment(contact_id=pk, held_out=share(0, pk, HOLDOUT) < percent, at=now) for pk in people),
        ignore_conflicts=True,
    )
    return _held_by_site(entries)


def _held_by_site(entries: Sequence[Entry]) -> set[int]:
    rows = SiteAssignment.objects.filter(contact__in={entry.start.contact_id for entry in entries}, held_out=True)
    return set(rows.values_list("contact_id", flat=True))


def _kinds_of_mail(entries: Iterable[Entry]) -> dict[int, set[bool]]:
    """By campaign: whether it sends transactional mail (True), marketing (False), both or none."""
    mails: dict[int, set[int]] = {
        entry.campaign.pk: {step.config["template"] for step in entry.document.steps if step.kind in MAIL_KINDS}
        for entry in entries
    }
    named = {template for templates in mails.values() for template in templates}
    kinds = dict(EmailTemplate.objects.filter(pk__in=named).values_list("pk", "transactional")) if named else {}
    return {campaign: {kinds[pk] for pk in templates if pk in kinds} for campaign, templates in mails.items()}


def share(campaign_id: int, contact_id: int, name: str) -> float:
    """A number from 0 to 100 that belongs to this contact, campaign and choice."""
    return share_of(campaign_id, contact_id, name) * 100
