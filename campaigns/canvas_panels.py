"""The side panel of the canvas: one form a thing, read from the document and written back to it.

A panel knows nothing of the page: it gets a document, shows its forms, and gives the document as it is with what
was typed. Nothing is saved here.
"""

from typing import Any, ClassVar

from django import forms
from msgspec.structs import replace

from campaigns import arrival
from campaigns.canvas import example_of, when_of, words_of
from campaigns.canvas_forms import GoalForm, SettingsForm, StepFields, WatchForm
from campaigns.canvas_limits import numbers_of_rows
from campaigns.document import Document, StepDoc
from campaigns.flow_edits import CannotBeDone, put_in_order, settle_arms
from campaigns.head_words import trigger_in_words
from campaigns.step_kinds import STEP_KINDS
from campaigns.trigger_kinds import TRIGGER_KINDS, event_types_of, from_settings, settings_of
from campaigns.watches import MAX_EXITS, MAX_GOALS
from campaigns.watches import in_words as watch_in_words
from lib import clock, once
from ops.models import SiteSettings

SETTINGS, STEP = "set", "step"  # prefixes: the fields of a kind, and those that every step has
NEW = "new"


class Panel:
    """One thing of the document: what it is called, what is asked, what becomes of the answer."""

    template: ClassVar[str] = "campaigns/panels/plain.html"
    icon, help = "tune", ""
    removable = True

    def __init__(self, document: Document, key: str):
        self.document, self.key = document, key
        types = event_types_of(document.triggers)
        self.event_type = types[0] if len(types) == 1 else None
        self.find()

    def find(self) -> None:
        """Look the thing up; raises CannotBeDone where it is not there."""

    @property
    def title(self) -> str:
        raise NotImplementedError

    def forms(self, data: Any = None) -> dict[str, forms.Form]:
        raise NotImplementedError

    def applied(self, filled: dict[str, Any]) -> Document:
        """The document with what was typed; only of valid forms."""
        raise NotImplementedError

    def removed(self) -> Document:
        raise CannotBeDone("That cannot be removed here.")

    def told(self, document: Document) -> dict[str, str]:
        """What the settings mean, as they are typed."""
        return {}

    def shown(self) -> dict[str, Any]:
        """More for the template."""
        return {}


class StepPanel(Panel):
    """A step: the settings of its kind, its name, for whom it is done."""

    template = "campaigns/panels/step.html"

    def find(self):
        step = self.document.step(self.key)
        if step is None:
            raise CannotBeDone("That step is not here any more.")
        self.step: StepDoc = step
        self.kind = STEP_KINDS.get(step.kind)
        if self.kind:
            self.icon, self.help = self.kind.icon, self.kind.help

    @property
    def title(self):
        return self.kind.label if self.kind else self.step.kind

    def forms(self, data=None):
        found: dict[str, forms.Form] = {}
        if self.kind and self.kind.form:
            initial = self.kind.form.initial_from(self.step.config)
            about = {"event_type": self.event_type, "steps": self._others()}
            found["settings"] = self.kind.form(data, initial=initial, prefix=SETTINGS, **about)
        own = StepFields.initial_from(self.step)
        found["own"] = StepFields(data, initial=own, prefix=STEP, event_type=self.event_type)
        return found

    def _others(self):
        """The other steps, for settings that name one."""
        form = self.kind.form if self.kind else None
        if form is None or not form.names_steps:
            return ()
        return [(one.uid, one.name or words_of(one)) for one in self.document.steps if one.uid != self.key]

    def applied(self, filled):
        typed = filled["own"].cleaned_data
        config = filled["settings"].config() if "settings" in filled else self.step.config
        step = replace(self.step, config=config, name=typed["name"].strip(), only_if=typed["only_if"] or None)
        settle_arms(step, self.step)
        steps = [step if one is self.step else one for one in self.document.steps]
        document = replace(self.document, steps=steps)
        put_in_order(document)
        return document

    def told(self, document):
        step = document.step(self.key)
        if step is None:
            return {}
        zone, now = SiteSettings.get().zone, clock.now()
        with once.reading(numbers_of_rows(document)):
            said = [example_of(step, now, zone), arrival.in_words(document, self.key, now, zone)]
            return {"words": words_of(step), "example": " ".join(filter(None, said))}

    def shown(self):
        return {"told": self.told(self.document) if self.step.config else {}}


class EntryPanel(Panel):
    """Who enters, who leaves early, what it is for, and everything else about the whole."""

    template, icon, title, removable = "campaigns/panels/entry.html", "login", "Who enters, and when they leave", False

    def forms(self, data=None):
        initial = SettingsForm.initial_from(self.document)
        return {"settings": SettingsForm(data, initial=initial, prefix=SETTINGS, event_type=self.event_type)}

    def applied(self, filled):
        return filled["settings"].document(self.document)

    def shown(self):
        triggers = [(str(place), trigger_in_words(one)) for place, one in enumerate(self.document.triggers)]
        return {
            "parts": [
                ("trigger", "Who enters", triggers, "Add what lets people in", True),
                ("exit", "They leave early when", _told(self.document.exits), "Add a reason to leave",
                 len(self.document.exits) < MAX_EXITS),
                ("goal", "Goals", _told(self.document.goals), "Add a goal", len(self.document.goals) < MAX_GOALS),
            ],
            "trigger_kinds": list(TRIGGER_KINDS),
        }  # fmt: skip


def _told(watches) -> list[tuple[str, str]]:
    return [(watch.uid, watch_in_words(watch)) for watch in watches]


class TriggerPanel(Panel):
    """One thing that lets people in. The key is its place, or “new:” and the kind."""

    def find(self):
        new, _, kind = self.key.partition(":")
        self.place = None if new == NEW else int(new) if new.isdecimal() and len(new) < 4 else -1
        if self.place is not None:
            if not 0 <= self.place < len(self.document.triggers):
                raise CannotBeDone("That is not here any more.")
            kind = self.document.triggers[self.place].kind
        found = TRIGGER_KINDS.get(kind)
        if found is None:
            raise CannotBeDone("There is no such kind of trigger; remove it and choose another one.")
        self.kind, self.icon, self.help = found, found.icon, found.help

    @property
    def title(self):
        return self.kind.label

    def forms(self, data=None):
        if self.kind.form is None:
            return {}
        trigger = None if self.place is None else self.document.triggers[self.place]
        initial = self.kind.form.initial_from(settings_of(trigger) if trigger else {})
        form = self.kind.form(data, initial=initial, prefix=SETTINGS, event_type=self.event_type)
        return {"settings": form}

    def applied(self, filled):
        typed = filled["settings"].config() if "settings" in filled else {}
        triggers = list(self.document.triggers)
        place = len(triggers) if self.place is None else self.place
        triggers[place : place + 1] = [from_settings(self.kind.key, typed)]
        return replace(self.document, triggers=triggers)

    def told(self, document):
        trigger = document.triggers[-1 if self.place is None else self.place]
        words = trigger_in_words(trigger).removesuffix(".")
        return {"words": words, "example": when_of(trigger, clock.now(), SiteSettings.get().zone)}

    def shown(self):
        return {"told": self.told(self.document) if self.place is not None else {}}

    def removed(self):
        left = [one for place, one in enumerate(self.document.triggers) if place != self.place]
        return replace(self.document, triggers=left)


class WatchPanel(Panel):
    """An exit: when people leave early."""

    template, title, icon = "campaigns/panels/watch.html", "They leave early when", "logout"
    help = "It counts at once, also while they wait. Whoever matches already does not enter."
    part, form = "exits", WatchForm

    def find(self):
        self.watch = next((one for one in getattr(self.document, self.part) if one.uid == self.key), None)
        if self.watch is None and self.key != NEW:
            raise CannotBeDone("That is not here any more.")

    def forms(self, data=None):
        initial = self.form.initial_from(self.watch)
        return {"settings": self.form(data, initial=initial, prefix=SETTINGS, event_type=self.event_type)}

    def applied(self, filled):
        its = list(getattr(self.document, self.part))
        place = its.index(self.watch) if self.watch else len(its)
        its[place : place + 1] = [filled["settings"].watch(self.watch.uid if self.watch else "")]
        return replace(self.document, **{self.part: its})

    def removed(self):
        left = [one for one in getattr(self.document, self.part) if one is not self.watch]
        return replace(self.document, **{self.part: left})


class GoalPanel(WatchPanel):
    """A goal: what the campaign is for."""

    title, icon, part, form = "Goal: they reach it when", "flag", "goals", GoalForm
    help = "Reports count who reaches it."


PANELS: dict[str, type[Panel]] = {
    "step": StepPanel,
    "entry": EntryPanel,
    "trigger": TriggerPanel,
    "exit": WatchPanel,
    "goal": GoalPanel,
}


def media() -> forms.Media:
    """The scripts and styles that any panel may need: the page loads them once."""
    kinds = [kind.form for kind in (*STEP_KINDS, *TRIGGER_KINDS) if kind.form]
    found = SettingsForm().media + WatchForm().media
    for form in kinds:
        found += form().media
    return found
