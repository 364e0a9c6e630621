"""The settings of a step in words, as its form shows them, and in which of them two versions of a step differ."""

from typing import NamedTuple

from campaigns.document import StepDoc
from campaigns.step_kinds import STEP_KINDS


class SettingChange(NamedTuple):
    """One setting that was changed; empty words: it was or is not set."""

    label: str
    before: str
    after: str


def settings_in_words(step: StepDoc) -> dict[str, str]:
    """What the form of the step's kind shows, by label; nothing for a kind without settings."""
    kind = STEP_KINDS.get(step.kind)
    named = {"Name": step.name} if step.name else {}
    if kind is None or kind.form is None:
        return named
    return {**named, **kind.form(initial=kind.form.initial_from(step.config)).in_words()}


def changed_settings(before: StepDoc, after: StepDoc) -> list[SettingChange]:
    """In the order of the form."""
    old, new = settings_in_words(before), settings_in_words(after)
    labels = [*new, *(label for label in old if label not in new)]
    found = [SettingChange(label, old.get(label, ""), new.get(label, "")) for label in labels]
    return [one for one in found if one.before != one.after]
