"""Makes a ready-made campaign the site's own: its mails as templates, its campaign as a draft, off."""

from copy import deepcopy
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from campaigns import files, lifecycle
from campaigns.compiling import compile_email
from campaigns.models import Campaign, EmailTemplate
from campaigns.starters.mails import BASE, StarterMail, html_of
from campaigns.starters.shelf import Starter, starters
from ops import audit
from segments import defining
from segments.models import Segment
from segments.starters import BY_KEY, segment_of, usual

MAY_USE = {"campaigns.add_campaign", "campaigns.add_emailtemplate", "segments.add_segment"}
MOST_OF_A_NAME = 112  # of 120 characters, so that a number fits behind


class AlreadyThere(Exception):
    """The campaign that the same press of a button would make was made before."""


@transaction.atomic
def install(now: datetime) -> Campaign | None:
    """The Welcome sequence, as a draft, into a site that has no campaign yet."""
    if Campaign.objects.exists() or EmailTemplate.objects.exists():
        return None
    return use(starters()["welcome"], 1, None, now)


def made_of(starter: Starter) -> list[Campaign]:
    """The campaigns that were made of it and are still in use, the newest first."""
    found = Campaign.objects.filter(uid__regex=rf"^{starter.uid}(-[0-9]+)?$").exclude(state=Campaign.State.ARCHIVED)
    return list(found.order_by("-created_at", "-pk"))


def next_number(starter: Starter) -> int:
    """The how-manieth the next one is."""
    uids = Campaign.objects.filter(uid__regex=rf"^{starter.uid}(-[0-9]+)?$").values_list("uid", flat=True)
    taken = [int(uid.removeprefix(starter.uid).removeprefix("-") or 1) for uid in uids]
    return max(taken, default=0) + 1


def use(starter: Starter, number: int, user: Any, now: datetime, base: str = BASE) -> Campaign:
    """Make the `number`-th campaign of a starter, once: a second press of the same button raises AlreadyThere.

    Raises files.NotReadable where the site lacks something that the campaign uses.
    """
    number = min(number, next_number(starter))
    uid = starter.uid if number == 1 else f"{starter.uid}-{number}"
    try:
        with transaction.atomic():
            if Campaign.objects.filter(uid=uid).exists():
                raise AlreadyThere
            return _made(starter, uid, user, now, base)
    except IntegrityError as fault:  # somebody else is making the same at this moment
        raise AlreadyThere from fault


def _made(starter: Starter, uid: str, user: Any, now: datetime, base: str) -> Campaign:
    names = {
        "template": {mail.name: template_of(mail, now, user, base).name for mail in starter.mails},
        "segment": {BY_KEY[key].name: _segment(key, user, now).name for key in starter.segments},
    }
    file = files.read_value({**_placed(deepcopy(starter.campaign), names, base), "uid": uid})
    if file.unready:
        raise files.NotReadable(file.unready)
    file.document.name = _free(file.document.name, Campaign)
    campaign = lifecycle.create(file.document, user, now)
    campaign.uid = uid
    campaign.save(update_fields=["uid"])
    audit.note(user, campaign, "Made the campaign from a ready-made one.")
    return campaign


def template_of(mail: StarterMail, now: datetime, user: Any = None, base: str = BASE) -> EmailTemplate:
    """The mail as a template of a name of its own."""
    html = html_of(mail, base)
    compiled = compile_email(subject=mail.subject, preheader=mail.preheader, html=html, known_links=[])
    template = EmailTemplate.objects.create(
        name=_free(mail.name, EmailTemplate),
        subject=mail.subject,
        preheader=mail.preheader,
        html=html,
        transactional=mail.transactional,
        compiled=compiled.to_json(),
        created_at=now,
        edited_at=now,
    )
    audit.note(user, template, "Made the template for a ready-made campaign.")
    return template


def _segment(key: str, user: Any, now: datetime) -> Segment:
    """The ready-made segment that is there, else a new one."""
    starter = BY_KEY[key]
    there = Segment.objects.filter(name__iexact=starter.name).first()
    if there:
        return there
    segment = defining.save(segment_of(starter, usual()), user, now)
    audit.note(user, segment, "Made the segment for a ready-made campaign.")
    return segment


def _free(name: str, model: Any) -> str:
    """The name, with a number behind where there is one already."""
    name = name[:MOST_OF_A_NAME]
    taken = {one.lower() for one in model.objects.filter(name__istartswith=name).values_list("name", flat=True)}
    numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(taken) + 2))
    return next(one for one in numbered if one.lower() not in taken)


def _placed(value: Any, names: dict[str, dict[str, str]], base: str) -> Any:
    """The definition with the names that things got here, and with addresses below `base`."""
    if isinstance(value, list):
        return [_placed(one, names, base) for one in value]
    if isinstance(value, str):
        return value.replace(BASE, base)
    if not isinstance(value, dict):
        return value
    return {
        key: names[key].get(one, one) if key in names and isinstance(one, str) else _placed(one, names, base)
        for key, one in value.items()
    }
