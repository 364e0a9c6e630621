"""Campaigns as the API shows them."""

from typing import Any

from rest_framework import serializers

from campaigns import lifecycle
from campaigns.document import parse
from campaigns.head_words import head_in_words
from campaigns.impact import sentence
from campaigns.models import Campaign
from campaigns.numbers import Numbers
from campaigns.sequence_words import readable

NUMBERS = {"inside": 120, "sent": 412, "opened": 230, "clicked": 61}
WELCOME = {
    "id": 7,
    "uid": "welcome",
    "name": "Welcome",
    "type": "welcome",
    "objective": "Greet people who sign up.",
    "state": "active",
    "stopped_because": "",
    "version": 3,
    "unpublished": False,
    "edited_at": "2026-03-02T09:00:00Z",
    "activated_at": "2026-02-02T09:00:00Z",
    "numbers": NUMBERS,
}
STEP = {"uid": "hello", "kind": "email", "name": "", "sentence": "send “Hello”", "numbers": NUMBERS | {"failed": 3}}
ABOUT = [{"what": "Who enters", "sentence": "When somebody signs up."}]
FUSE = {
    "step": "hello", "since": "2026-03-02T09:00:00Z", "waiting": 4312,
    "sentence": "this step mailed 1,000 people today; on its best day before it was 12.",
}  # fmt: skip
WHOLE = WELCOME | {"about": ABOUT, "steps": [STEP], "fuses": [FUSE]}


class NumbersShown(serializers.Serializer):
    """What came of it; test contacts and test mails are left out of what was sent."""

    inside = serializers.IntegerField(help_text="People inside now.")
    sent = serializers.IntegerField(help_text="Mails.")
    opened = serializers.IntegerField(help_text="Mails opened by people, not machines; a click implies it.")
    clicked = serializers.IntegerField(help_text="Mails clicked by people, not machines.")


class StepNumbersShown(NumbersShown):
    """What came of a step."""

    failed = serializers.IntegerField(help_text="Mails that were not sent, bounced, or whose fate is unknown.")


class CampaignShown(serializers.Serializer):
    """A campaign."""

    id = serializers.IntegerField()
    uid = serializers.CharField(help_text="The same on every site that has the campaign from one file.")
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=Campaign.Type.choices)
    objective = serializers.CharField()
    state = serializers.ChoiceField(choices=Campaign.State.choices)
    stopped_because = serializers.CharField(help_text="Why the engine paused it, if it did.")
    version = serializers.IntegerField(allow_null=True, help_text="The number of what is live; null: nothing yet.")
    unpublished = serializers.BooleanField(help_text="Whether the draft differs from what is live.")
    edited_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    numbers = NumbersShown(help_text="Of the last 30 days; who is inside: now.")


class AboutShown(serializers.Serializer):
    """A part of the definition in words."""

    what = serializers.CharField()
    sentence = serializers.CharField()


class CampaignStepShown(serializers.Serializer):
    """A step, in words."""

    uid = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()
    sentence = serializers.CharField()
    numbers = StepNumbersShown(help_text="Since the campaign began.")


class FuseShown(serializers.Serializer):
    """A step that mails nobody until a person lets it go on."""

    step = serializers.CharField(help_text="Its uid.")
    since = serializers.DateTimeField()
    waiting = serializers.IntegerField(help_text="People who wait there.")
    sentence = serializers.CharField(help_text="Why.")


class CampaignWhole(CampaignShown):
    """A campaign with its definition in words: what is live, else the draft."""

    about = AboutShown(many=True)
    steps = CampaignStepShown(many=True)
    fuses = FuseShown(many=True)


def numbers_shown(found: Numbers) -> dict[str, int]:
    return {
        "inside": found.waiting,
        "sent": found.sent,
        "opened": found.opened,
        "clicked": found.clicked,
    }


def _of_step(found: Numbers) -> dict[str, int]:
    return numbers_shown(found) | {"failed": found.failed_total}


def campaign_shown(campaign: Campaign, found: Numbers) -> dict[str, Any]:
    """A campaign as JSON; what is live was fetched with it."""
    return {
        "id": campaign.pk,
        "uid": campaign.uid,
        "name": campaign.name,
        "type": campaign.type,
        "objective": campaign.objective,
        "state": campaign.state,
        "stopped_because": campaign.stopped_because,
        "version": campaign.live.number if campaign.live else None,
        "unpublished": lifecycle.has_unpublished_changes(campaign),
        "edited_at": campaign.edited_at,
        "activated_at": campaign.activated_at,
        "numbers": numbers_shown(found),
    }


def whole_shown(campaign: Campaign, recent: Numbers, by_step: dict[str, Numbers]) -> dict[str, Any]:
    document = parse(campaign.live.document) if campaign.live else readable(campaign)
    steps = [
        {
            "uid": step.uid,
            "kind": step.kind,
            "name": step.name,
            "sentence": sentence(step),
            "numbers": _of_step(by_step.get(step.uid) or Numbers()),
        }
        for step in document.steps
    ]
    about = [{"what": label, "sentence": words} for label, words in head_in_words(document)]
    fuses = [
        {"step": one.uid, "since": one.since, "waiting": one.waiting, "sentence": one.sentence}
        for one in campaign.fuses
    ]
    return campaign_shown(campaign, recent) | {"about": about, "steps": steps, "fuses": fuses}
