"""What can let people into a campaign. The kinds themselves stand in `automation.triggers` and register here."""

import hashlib
import json
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from campaigns.config_form import ConfigForm
from campaigns.document import Tree, Trigger
from lib.registry import Registry
from segments import conditions


class TriggerKind:
    """One kind of trigger: a class, a line in `AppConfig.ready()`, a test file of the same name."""

    key: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    help: ClassVar[str] = ""  # what it is for, in a sentence
    form: ClassVar[type[ConfigForm] | None] = None  # None: nothing to set
    looks_back: ClassVar[bool] = False  # activating may let in those whose event lies some days back
    by_event: ClassVar[bool] = True  # people come in by an event; else the filter is asked of the contact alone

    def problems(self, trigger: Trigger) -> list[str]:
        """What is wrong with the settings (not with the filter), in sentences; of any settings that JSON can hold."""
        return []

    def references(self, trigger: Trigger) -> list[tuple[str, str]]:
        """What it uses, as (kind, key): guards against deletion, and how the engine finds it."""
        return []

    def describe(self, trigger: Trigger) -> str:
        """ "When somebody abandons a cart", without the filter."""
        return self.label

    def example(self, trigger: Trigger, now: datetime, zone: ZoneInfo) -> str:
        """When that is, in a sentence; `zone`: the site's. Of settings without problems; empty: nothing to add."""
        return ""

    def returns(self, trigger: Trigger) -> bool:
        """Whether the same people are meant again and again, by the calendar."""
        return False

    def event_type(self, trigger: Trigger) -> str | None:
        """The type of the events that let people in, whose properties conditions and mails may use."""
        return None

    def narrowed(self, trigger: Trigger) -> Tree:
        """What the settings ask of the event, or of the contact, beside the filter."""
        return None

    def state(self, trigger: Trigger) -> Tree:
        """What is true of those whom it would have let in by now, asked of the contact; None: it is about a moment."""
        return None


TRIGGER_KINDS: Registry[TriggerKind] = Registry("kind of trigger")


def kind_of(trigger: Trigger) -> TriggerKind:
    """LookupError for an unknown one."""
    return TRIGGER_KINDS[trigger.kind]


def subject_of(trigger: Trigger) -> str:
    """What the trigger's filter is asked of."""
    return "event" if kind_of(trigger).by_event else "contact"


def tree_of(trigger: Trigger) -> Tree:
    """Everything that the trigger asks: its settings and its filter in one condition."""
    parts = [tree for tree in (kind_of(trigger).narrowed(trigger), trigger.filter) if not conditions.is_empty(tree)]
    return {"all": parts} if len(parts) > 1 else (parts[0] if parts else None)


def event_types_of(triggers: list[Trigger]) -> list[str]:
    """The types of the events by which people come in, each once; what cannot be read is passed over."""
    types = [TRIGGER_KINDS[one.kind].event_type(one) for one in triggers if one.kind in TRIGGER_KINDS]
    return list(dict.fromkeys(type_ for type_ in types if type_))


def key_of(trigger: Trigger) -> str:
    """Names a trigger by its settings without the filter: after an edit of them what is kept for it begins anew."""
    settings = json.dumps([trigger.kind, trigger.event, trigger.config], sort_keys=True, default=str)
    return hashlib.sha256(settings.encode()).hexdigest()[:16]


# The form of a kind reads and writes one flat set of settings: those of its own, the event and the filter.


def settings_of(trigger: Trigger) -> dict[str, Any]:
    """What `form.initial_from` takes."""
    return {**trigger.config, "event": trigger.event, "filter": trigger.filter}


def from_settings(kind: str, settings: dict[str, Any]) -> Trigger:
    """The trigger that `form.config()` stands for."""
    config = {name: value for name, value in settings.items() if name not in ("event", "filter")}
    return Trigger(kind=kind, event=settings.get("event") or "", filter=settings.get("filter") or None, config=config)
