"""Everything of a definition but its steps, in words: part by part, and where two definitions differ."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from campaigns import windows
from campaigns.document import Document, Goal, Reentry, Trigger, Watch
from campaigns.models import Campaign
from campaigns.trigger_kinds import TRIGGER_KINDS, subject_of
from campaigns.watches import deed_in_words
from campaigns.watches import in_words as watch_in_words
from contacts.models import Topic
from lib.words import capital
from segments import conditions

OUTSIDE = {"hold": "mails wait until it opens", "cancel": "mails are not sent"}
REPEAT = {"refresh": "Mails use the newest event.", "restart": "They begin again."}
OVERDUE = {"shift": "Everything happens later, by the length of the pause.", "exit": "Whoever is overdue leaves."}
PRIORITY = {"high": "High: its mails go out first.", "low": "Low: mails of other campaigns go out first."}


class PartChange(NamedTuple):
    """One part in which two definitions differ; empty words: there is nothing of it."""

    part: str
    label: str
    before: str
    after: str


def trigger_in_words(trigger: Trigger) -> str:
    """“When somebody abandons a cart, but only if …”."""
    kind = TRIGGER_KINDS.get(trigger.kind)
    if kind is None:
        return "In a way that this version does not know."
    asked = (subject_of(trigger), kind.event_type(trigger))
    condition = f", but only if {conditions.in_words(trigger.filter, *asked)}" if trigger.filter else ""
    return f"{kind.describe(trigger)}{condition}."


def window_in_words(config: dict) -> str:
    """“Monday to Friday, 09:00 to 18:00; outside of it a mail is not sent”."""
    window = windows.read(config)
    if window is None:
        return "a window that cannot be read"
    return f"{windows.words(window)}; outside of it {OUTSIDE[window.outside]}"


def _audience(document: Document) -> str:
    return f"{capital(conditions.in_words(document.audience, 'contact'))}." if document.audience else "Everybody."


def _reentry(reentry: Reentry) -> str:
    plain = {"once": "Each person once.", "every_time": "Everybody, every time it happens."}
    if reentry.mode in plain:
        return plain[reentry.mode]
    one = reentry.unit.removesuffix("s")
    return f"At most once per {one if reentry.amount == 1 else f'{reentry.amount:,} {reentry.unit}'}."


def _topic(document: Document) -> str:
    topic = Topic.objects.filter(key=document.topic).first() if document.topic else None
    return str(topic or "No topic")


def _exits(document: Document, say: Callable[[Watch], str] = watch_in_words) -> str:
    return f"{capital(', or '.join(map(say, document.exits)))}." if document.exits else ""


def _goals(document: Document, say: Callable[[Watch], str] = watch_in_words) -> str:
    said = [f"{say(goal)}, within {_days(goal)}" for goal in document.goals]
    return f"{capital(', or '.join(said))}." if said else ""


def _in_full(watch: Watch) -> str:
    return f"{watch_in_words(watch)} ({deed_in_words(watch)})" if watch.name else watch_in_words(watch)


def _days(goal: Goal) -> str:
    return "1 day" if goal.days == 1 else f"{goal.days} days"


def _on_goal(document: Document) -> str:
    stays = document.goals and not document.exit_on_goal
    return "They stay inside." if stays else ""


PARTS: dict[str, tuple[str, Callable[[Document], str]]] = {
    "name": ("Name", lambda it: it.name),
    "type": ("Type", lambda it: str(dict(Campaign.Type.choices).get(it.type, it.type))),
    "objective": ("Objective", lambda it: it.objective),
    "triggers": ("Who enters", lambda it: " ".join(trigger_in_words(trigger) for trigger in it.triggers)),
    "audience": ("Which people", _audience),
    "keep_matching": ("Whoever no longer matches", lambda it: "Leaves." if it.audience and it.keep_matching else ""),
    "reentry": ("Again", lambda it: _reentry(it.reentry)),
    "entry_key": ("Entry key", lambda it: it.entry_key and f"“{it.entry_key}” of the event"),
    "on_repeat": ("If it happens again meanwhile", lambda it: REPEAT.get(it.on_repeat, "")),
    "exits": ("They leave when", _exits),
    "goals": ("Goals", _goals),
    "exit_on_goal": ("Who reaches a goal", _on_goal),
    "topic": ("Topic", _topic),
    "window": ("Send window", lambda it: f"{capital(window_in_words(it.window))}." if it.window else ""),
    "priority": ("Priority", lambda it: PRIORITY.get(it.priority, "")),
    "overdue": ("After a pause", lambda it: OVERDUE.get(it.overdue, "")),
    "holdout": ("Holdout", lambda it: f"{it.holdout} % get nothing." if it.holdout else ""),
}
"""By the name of the part in the document: its label, and how it is said; nothing of what is as usual."""
SHOWN_APART = {"name", "type"}
IN_FULL = {"exits": partial(_exits, say=_in_full), "goals": partial(_goals, say=_in_full)}
"""With what names stand for: another condition under the same name is another one."""


def head_in_words(document: Document) -> list[tuple[str, str]]:
    """Everything but name, type and steps, as (label, sentence)."""
    found = [(label, say(document)) for part, (label, say) in PARTS.items() if part not in SHOWN_APART]
    return [(label, words) for label, words in found if words]


def parts_changed(old: Document, new: Document) -> list[PartChange]:
    """The parts that differ, in words; also one that is said alike, for what cannot be said in short."""
    return [
        PartChange(part, label, say(old), say(new))
        for part, (label, short) in PARTS.items()
        if getattr(old, part) != getattr(new, part)
        for say in [IN_FULL.get(part, short)]
    ]
