"""The history of a campaign: its versions, what changed between any two, who did what; and the way back to one."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse

from campaigns import choices as choosing
from campaigns import doors, impact, lifecycle
from campaigns.document import Document, parse
from campaigns.flow_diff import pictures
from campaigns.head_words import parts_changed
from campaigns.impact import Impact, describe
from campaigns.models import Campaign, Version
from campaigns.pages import found, number, page, tell
from campaigns.sequence_words import readable
from lib import clock
from ops import audit

SHOWN = 50
LATEST = 10
CHANGED_MEANWHILE = "Somebody changed the draft after you opened this page; look at the difference again."


@dataclass
class Published:
    """One version as the page lists it."""

    version: Version
    document: Document
    changed: list[str]
    choices: list[str]
    inside: int
    is_draft: bool = False
    """The draft says the same."""


def versions_page(model_admin, request, object_id):
    """Versions with who published them, when, what changed and who is inside; two of them side by side."""
    campaign = found(model_admin, request, str(object_id))
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    published = _published(campaign)
    older, newer = _asked(request, campaign, published)
    may_change = model_admin.has_change_permission(request, campaign) and campaign.state != Campaign.State.ARCHIVED
    return page(
        model_admin,
        request,
        "campaigns/versions.html",
        f"History: {campaign}",
        campaign,
        campaign=campaign,
        latest=published[:LATEST],
        earlier=published[LATEST:],
        offered=_offered(published),
        older=older,
        newer=newer,
        compared=_compared(campaign, published, older, newer),
        may_restore=may_change,
        log=_log(campaign),
        whole_log=reverse("admin:campaigns_campaign_history", args=[campaign.pk]),
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
    )


def _offered(published: list[Published]) -> list[tuple[str, str]]:
    numbers = [one.version.number for one in published]
    return [*((str(number), f"Version {number}") for number in numbers), ("draft", "Draft")]


def _published(campaign: Campaign) -> list[Published]:
    """The newest first."""
    rows = list(campaign.versions.select_related("published_by").order_by("number"))
    inside: dict[int, int] = {}
    for place in doors.places(campaign):
        inside[place.version] = inside.get(place.version, 0) + place.count
    shown: list[Published] = []
    before: list[Document] = []
    draft = readable(campaign)
    for row in rows:
        document = parse(row.document)
        changed = impact.parts_changed(before[-1], document) if before else []
        words = _choices_in_words(row, document, before)
        shown.append(Published(row, document, changed, words, inside.get(row.pk, 0), document == draft))
        before.append(document)
    return shown[::-1]


def _choices_in_words(version: Version, document: Document, before: list[Document]) -> list[str]:
    """What became of those inside, as it was chosen then."""
    if not before:
        return []
    choices = choosing.parse(version.choices)
    if choices.drains:
        return ["Those inside finished on the version that they were on."]
    found = ["Those inside followed."]
    for uid, chosen in choices.removed.items():
        was = next((step for old in before[::-1] if (step := old.step(uid))), None)
        found.append(f"In “{describe(was)}”: {_went(chosen, document)}.")
    anew = [describe(document.step(uid)) for uid, chosen in choices.waits.items() if chosen == "recompute"]
    return found + [f"“{words}” was worked out anew for those who waited." for words in anew]


def _went(chosen: choosing.StepChoice, document: Document) -> str:
    target = describe(document.step(chosen.target)) or "a step"
    return {
        "next": "they went on with the next step",
        "step": f"they went on with “{target}”",
        "due": f"they go on with “{target}” when they are due",
        "exit": "they left the campaign",
    }[chosen.then]


def _asked(request, campaign: Campaign, published: list[Published]) -> tuple[str, str]:
    """The two that are compared; at first the last two, or what is live and a draft that differs."""
    known = {str(one.version.number) for one in published} | {"draft"}
    numbers = [str(one.version.number) for one in published[:2]]
    newer = "draft" if not campaign.live_id or lifecycle.has_unpublished_changes(campaign) else numbers[0]
    older = numbers[0] if newer == "draft" and numbers else numbers[-1] if numbers else "draft"
    asked = request.GET.get("from", ""), request.GET.get("to", "")
    return asked[0] if asked[0] in known else older, asked[1] if asked[1] in known else newer


def _compared(campaign: Campaign, published: list[Published], older: str, newer: str) -> dict[str, Any] | None:
    if older == newer:
        return None
    documents = {str(one.version.number): one.document for one in published} | {"draft": readable(campaign)}
    return _difference(documents[older], documents[newer])


def _difference(old: Document, new: Document) -> dict[str, Any]:
    head = [(part.label, part.before, part.after) for part in parts_changed(old, new)]
    steps = impact.difference(old, new)
    return {"head": head, "impact": Impact(steps), "pictures": pictures(old, new, steps)}


def _log(campaign: Campaign) -> list[LogEntry]:
    entries = LogEntry.objects.filter(content_type__app_label="campaigns", content_type__model="campaign")
    newest = entries.filter(object_id=str(campaign.pk)).select_related("user").order_by("-action_time", "-pk")
    return list(newest[:SHOWN])


def restore_page(model_admin, request, object_id, version):
    """Roll back: an old version's definition becomes the draft, which is then published the usual way."""
    campaign = found(model_admin, request, str(object_id))
    if request.method not in ("GET", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    if not model_admin.has_change_permission(request, campaign) or campaign.state == Campaign.State.ARCHIVED:
        raise PermissionDenied
    row = campaign.versions.filter(number=version).first()
    if row is None:
        raise Http404("There is no such version.")
    if request.method == "GET":
        return _ask_back(model_admin, request, campaign, row, [])
    try:
        _restore(campaign, row, number(request.POST.get("revision")) or 0, request.user)
    except lifecycle.Conflict:
        campaign.refresh_from_db()
        if readable(campaign) != parse(row.document):
            return _ask_back(model_admin, request, campaign, row, [CHANGED_MEANWHILE])
    tell(request, f"The draft is as version {row.number} was. Nothing changes for anybody until you publish it.")
    return redirect("admin:campaigns_campaign_change", campaign.pk)


def _restore(campaign: Campaign, row: Version, revision: int, user) -> None:
    lifecycle.save_draft(campaign, parse(row.document), revision, user, clock.now())
    audit.note(user, campaign, f"Took version {row.number} back as the draft.")


def _ask_back(model_admin, request, campaign: Campaign, row: Version, refused: list[str]):
    compared = _difference(readable(campaign), parse(row.document))
    return page(
        model_admin,
        request,
        "campaigns/confirm.html",
        f"Go back to version {row.number}: {campaign}",
        campaign,
        campaign=campaign,
        verb="Take it as the draft",
        effect=(
            f"The draft becomes what version {row.number} was; what is in it now and was never published is lost. "
            "Nothing changes for anybody until the draft is published, which asks what becomes of those inside."
        ),
        revision=campaign.revision,
        obstacles=[],
        refused=refused,
        impact=compared["impact"],
        differences=compared["head"],
        pictures=compared["pictures"],
        back=reverse("admin:campaigns_campaign_versions", args=[campaign.pk]),
    )
