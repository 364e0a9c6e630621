"""The conditions of live campaigns, and which campaigns and templates use a computed attribute."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.urls import reverse

from campaigns import watches
from campaigns.document import parse
from campaigns.models import Campaign
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS
from segments.computed_models import ComputedAttribute

# A field of a condition, however deep; a value in a mail.
_CAMPAIGNS = """
SELECT DISTINCT c.id, c.name FROM campaigns_campaign c LEFT JOIN campaigns_version v ON v.id = c.live_id
WHERE c.state <> 'archived' AND jsonb_build_array(c.draft, v.document) @? ANY(%s::jsonpath[])
ORDER BY c.name, c.id
"""
_TEMPLATES = """
SELECT id, name FROM campaigns_emailtemplate
WHERE concat_ws(' ', subject, preheader, html, text) ~ %s ORDER BY name, id
"""


def trees() -> Iterator[tuple[str, Any, str]]:
    """(where, tree, subject) of every condition in a live version."""
    for campaign in Campaign.objects.exclude(state="archived").exclude(live=None).select_related("live"):
        document: dict[str, Any] = campaign.live.document if campaign.live else {}
        name = f"The campaign “{campaign}”"
        for number, trigger in enumerate(document.get("triggers", []), start=1):
            kind = TRIGGER_KINDS.get(trigger.get("kind", "event"))
            subject = "event" if kind is None or kind.by_event else "contact"
            yield f"{name}, trigger {number}", trigger.get("filter"), subject
        yield f"{name}, audience", document.get("audience"), "event"
        for number, step in enumerate(document.get("steps", []), start=1):
            yield f"{name}, step {number}", step.get("only_if"), "enrollment"
        yield from _watched(name, document)


def _watched(name: str, document: dict[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """What is looked out for, and what the settings of steps ask."""
    readable = parse(document)
    words = {watches.EXIT: "a reason to leave", watches.GOAL: "a goal", watches.WAKE: "a step that waits"}
    for role, _, watch in watches.watching(readable):
        for tree, subject, _ in watches.trees(watch):
            yield f"{name}, {words[role]}", tree, subject
    for number, step in enumerate(readable.steps, start=1):
        kind = STEP_KINDS.get(step.kind)
        for tree in kind.trees(step.config) if kind else ():
            yield f"{name}, step {number}", tree, "enrollment"


def uses_of_computed(attribute: ComputedAttribute) -> list[tuple[str, str]]:
    """(what, in words; the address of its page)."""
    return named([f'$.**.field ? (@ == "computed.{attribute.key}")'], rf"contact\.computed\.{attribute.key}\M")


def named(in_campaigns: Sequence[str], in_mails: str) -> list[tuple[str, str]]:
    """Campaigns, by SQL/JSON paths into their documents, live or draft; templates, by a regular expression."""
    with connection.cursor() as cursor:
        cursor.execute(_CAMPAIGNS, [list(in_campaigns)])
        campaigns = cursor.fetchall()
        cursor.execute(_TEMPLATES, [in_mails])
        templates = cursor.fetchall()
    found = [(f"the campaign “{name}”", _page("campaign", pk)) for pk, name in campaigns]
    return found + [(f"the template “{name}”", _page("emailtemplate", pk)) for pk, name in templates]


def _page(model: str, pk: int) -> str:
    return reverse(f"admin:campaigns_{model}_change", args=[pk])
