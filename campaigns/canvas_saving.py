"""Saving what was drawn on the canvas. Whoever tries again, because an answer was lost, does nothing twice."""

import re
from typing import Any

from django.template.loader import render_to_string

from campaigns import lifecycle
from campaigns.checking import problems
from campaigns.document import Document, to_json
from campaigns.models import Campaign
from campaigns.verb_pages import buttons
from lib import clock

UID = re.compile("[0-9a-f]{8}")


def made(user, document: Document, uid: Any) -> Campaign:
    """A new campaign; the page names its uid, by which an earlier try of the same page is found."""
    uid = uid if isinstance(uid, str) and UID.fullmatch(uid) else ""
    campaign, is_new = lifecycle.create_once(document, user, clock.now(), uid)
    if is_new:
        return campaign
    if campaign.created_by != user:
        return lifecycle.create_once(document, user, clock.now(), "")[0]
    if campaign.draft != to_json(document):
        return lifecycle.save_draft(campaign, document, campaign.revision, user, clock.now())
    return campaign


def saved(request, campaign: Campaign, document: Document, revision: int) -> dict[str, Any]:
    """The draft on top of the revision that was opened; raises Conflict where somebody else saved since."""
    try:
        campaign = lifecycle.save_draft(campaign, document, revision, request.user, clock.now())
    except lifecycle.Conflict as conflict:
        campaign = conflict.campaign
        if campaign.draft != to_json(document):  # else it was saved before
            raise
    return {"revision": campaign.revision, "said": _said(campaign, document), "head": _head(request, campaign)}


def _said(campaign: Campaign, document: Document) -> str:
    count = len(problems(document))
    left = f" {count} {'thing has' if count == 1 else 'things have'} to be put right before it can go live."
    live = (
        "What is live stays as it is until you publish." if campaign.live_id else "Nobody is mailed until it is active."
    )
    return f"Saved as a draft. {live}{left if count else ''}"


def _head(request, campaign: Campaign) -> str:
    context = {
        "campaign": campaign,
        "buttons": buttons(request, campaign),
        "unpublished": lifecycle.has_unpublished_changes(campaign),
    }
    return render_to_string("campaigns/head.html", context, request)
