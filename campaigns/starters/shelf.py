"""The ready-made campaigns: a file each, with the campaign as `campaigns.files` has it and the words of its mails."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec

from campaigns import files
from campaigns.document import Document, StepDoc
from campaigns.flow import ENTRY, Flow
from campaigns.models import Campaign
from campaigns.starters.mails import StarterMail
from campaigns.trigger_kinds import event_types_of
from campaigns.watches import watching
from contacts.models import Contact
from events import types as event_types
from events.models import EventTypeRow
from lib import plain_yaml
from lib.durations import UNITS, duration, in_words

FOLDER = Path(__file__).parent
UID = "ready-{}"
RECORDED_BY_US = {"segment.entered", "segment.left", "users.email_confirmed"}


class Starter(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """One ready-made campaign: what it is for, which events it needs and what of them it uses, mails, definition.

    `segments` are ready-made segments (segments.starters) that it needs; `example` is an event for the previews;
    `place` orders those of one type.
    """

    key: str
    title: str
    when: str
    mails: tuple[StarterMail, ...]
    campaign: dict[str, Any]
    needs: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    length: str = ""
    place: int = 0
    segments: tuple[str, ...] = ()
    example: dict[str, Any] = {}

    @cached_property
    def outline(self) -> Document:
        """The definition as it is drawn: its mails stand in it by name."""
        document = files.outline(_by_name(deepcopy(self.campaign)))
        for step in document.steps:
            if step.kind == "email":
                step.name = step.config["template"]
        return document

    @property
    def uid(self) -> str:
        """What the campaign made of it is called in files; the second one has a number behind."""
        return UID.format(self.key.replace("_", "-"))

    @property
    def type_label(self) -> str:
        return str(Campaign.Type(self.outline.type).label)

    @property
    def mails_in_words(self) -> str:
        return "1 mail" if len(self.mails) == 1 else f"{len(self.mails)} mails"

    @property
    def length_in_words(self) -> str:
        """How long somebody is inside at most; of what depends on a date the file says it."""
        return self.length or _length(self.outline)

    @property
    def events(self) -> list[str]:
        """The keys of the event types that it reads, those that let people in first."""
        watched = [one.watch.event for one in watching(self.outline) if one.watch.event]
        found = dict.fromkeys([*event_types_of(self.outline.triggers), *watched])
        return [key for key in found if not key.startswith("email.")]

    def needed(self) -> list[dict[str, Any]]:
        """Each event and attribute in words: what the campaign uses of it, and whether it has come so far."""
        return [*self._attributes(), *self._events()]

    def _attributes(self) -> Iterator[dict[str, Any]]:
        for key, why in self.needs.items():
            root, _, name = key.partition(".")
            if root == "contact":
                known = Contact.objects.filter(attributes__has_key=name).exists()
                yield {"key": key, "label": name.capitalize(), "why": why, "attribute": True, "known": known}

    def _events(self) -> list[dict[str, Any]]:
        seen = dict(EventTypeRow.objects.filter(key__in=self.events).values_list("key", "last_seen_at"))
        found = []
        for key in self.events:
            kind = event_types.find(key)
            own = key in RECORDED_BY_US
            found.append(
                {"key": key, "label": kind.label, "why": self.needs.get(key, ""), "seen": seen.get(key), "own": own}
            )
        return found


@lru_cache(maxsize=1)
def starters() -> dict[str, Starter]:
    """All of them by key, in the order of the types of campaigns."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    order = list(Campaign.Type.values)
    found.sort(key=lambda one: (order.index(one.outline.type), one.place, one.title))
    return {one.key: one for one in found}


def _read(path: Path) -> Starter:
    return msgspec.convert({"key": path.stem, **plain_yaml.load(path.read_bytes())}, Starter)


def _by_name(value: Any) -> Any:
    """The definition with its segments by name where events are asked for them: they may not be there yet."""
    if isinstance(value, list):
        return [_by_name(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = value.get("value")
    if isinstance(named, dict) and named.keys() == {"segment"}:
        value = {**value, "value": named["segment"], "type": "text"}
    return {key: _by_name(one) for key, one in value.items()}


def _length(document: Document) -> str:
    longest = longest_way(document)
    if longest >= timedelta(days=1):
        longest = timedelta(days=round(longest / timedelta(days=1)))
    return in_words(longest) if longest else ""


def longest_way(document: Document) -> timedelta:
    """How long the longest way through the flow takes."""
    walk = Flow(document).main
    far: dict[str, timedelta] = {}
    for node in walk.order:
        before = [far[way.source] for way in walk.into.get(node, ())]
        step = document.step(node) if node != ENTRY else None
        far[node] = max(before, default=timedelta()) + (_span(step) if step else timedelta())
    return max(far.values())


def _span(step: StepDoc) -> timedelta:
    config = step.config["timeout"] if step.kind == "wait_for" else step.config
    if step.kind in ("wait", "wait_for") and config.get("unit") in UNITS:
        return duration(config["amount"], config["unit"])
    return timedelta()
