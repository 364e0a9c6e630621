"""The start page: the week's numbers, what runs, what is left to do on a new site, the latest events."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.urls import reverse

from campaigns import numbers as campaign_numbers
from campaigns.models import Campaign, EmailTemplate, Message
from events.models import Event
from events.sentences import labels, properties_in_words, sentence
from integrations.models import Connection
from lib import clock, words
from ops.models import ApiKey, SiteSettings
from reports import time_travel, week

SHOWN = 8
CHART = {
    "animation": False,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": False}},
    "scales": {"x": {"display": False, "grid": {}}, "y": {"display": False, "beginAtZero": True, "grid": {}}},
}


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page shows this person; a fixed number of queries."""
    now, may = clock.now(), request.user.has_perm
    site = SiteSettings.get()
    return context | {
        "now": now,
        "site_settings": site,
        "paused_connections": _paused_connections() if may("integrations.view_connection") else [],
        "week": [_tile(number) for number in week.numbers(now)] if may("contacts.view_contact") else [],
        "chart_options": json.dumps(CHART),
        "running": running(now) if may("campaigns.view_campaign") else None,
        "checklist": checklist(site, may),
        "events": latest_events() if may("events.view_event") else None,
        "travel": _travel(request, now),
    }


def _paused_connections() -> list[Connection]:
    """Accounts at CRMs that nobody is written to until a person looks."""
    return list(Connection.objects.filter(state=Connection.State.PAUSED)[:SHOWN])


def _tile(number: week.Number) -> dict[str, Any]:
    bars = {
        "labels": [f"{day:%a} {day.day} {day:%b}" for day, _ in number.days],
        "datasets": [
            {
                "label": number.title,
                "data": [count for _, count in number.days],
                "backgroundColor": "var(--color-primary-500)",
                "borderRadius": 3,
            }
        ],
    }
    return {"number": number, "chart": json.dumps(bars)}


def running(now: datetime) -> list[dict[str, Any]]:
    """Campaigns that move or are paused, with who waits and what was sent in these seven days; three queries."""
    states = [Campaign.State.ACTIVE, Campaign.State.DRAINING, Campaign.State.PAUSED]
    campaigns = list(Campaign.objects.filter(state__in=states).order_by("state", "-activated_at")[:SHOWN])
    counted = campaign_numbers.since([campaign.pk for campaign in campaigns], now - week.DAYS * time_travel.DAY)
    return [{"campaign": campaign, "numbers": counted[campaign.pk]} for campaign in campaigns]


@dataclass(frozen=True)
class Step:
    """One line of the checklist; `url` is empty for those who may not go there."""

    title: str
    text: str
    url: str
    done: bool


def checklist(site: SiteSettings, may: Callable[[str], bool]) -> list[Step]:
    """What a new site still needs, each ticked by itself; empty when all is done."""

    def step(title: str, text: str, page: str, permission: str, done: bool) -> Step:
        return Step(title, text, reverse(f"admin:{page}") if may(permission) else "", done)

    steps = [
        step(
            "Add an API key", "Your product sends events with it.",
            "ops_apikey_add", "ops.add_apikey", ApiKey.objects.usable().exists(),
        ),
        step(
            "See your first event", "It appears here seconds after your product has sent it.",
            "events_event_changelist", "events.view_event", Event.objects.exclude(type__startswith="email.").exists(),
        ),
        step(
            "Fill in the site settings", "Who the mails come from, and your postal address.",
            "ops_sitesettings_changelist", "ops.view_sitesettings", bool(site.sender_email and site.postal_address),
        ),
        step(
            "Write a template", "What a mail says; begin with one that is there.",
            "campaigns_emailtemplate_changelist", "campaigns.view_emailtemplate", _template_was_written(),
        ),
        step(
            "Activate a campaign", "The welcome campaign is there, and off.",
            "campaigns_campaign_changelist", "campaigns.view_campaign", Campaign.objects.exclude(live=None).exists(),
        ),
    ]  # fmt: skip
    return [] if all(step.done for step in steps) else steps


def _template_was_written() -> bool:
    """By a person: templates that came with the product do not count before they were used."""
    by_hand = LogEntry.objects.filter(content_type__app_label="campaigns", content_type__model="emailtemplate")
    return (by_hand.exists() or Message.objects.exists()) and EmailTemplate.objects.exists()


def latest_events() -> list[dict[str, Any]]:
    found = list(Event.objects.order_by("-id").select_related("contact__address")[:SHOWN])
    named = labels({event.type for event in found})
    return [
        {"event": event, "sentence": sentence(event.type, named), "detail": properties_in_words(event.properties)}
        for event in found
    ]


def _travel(request: HttpRequest, now: datetime) -> dict[str, str] | None:
    if not (time_travel.is_possible() and request.user.is_superuser):
        return None
    return {"now": words.day_and_time(now), "url": reverse("admin:time_travel")}
