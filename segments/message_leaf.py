"""The leaf that asks how somebody dealt with our mail: {"message": "clicked", "campaign": 3, "when": …}."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.expressions import Combinable

from lib.registry import Registry
from segments import timeframes
from segments.event_leaf import NEVER, ONCE, EventLeaf, asks, unknown_keys
from segments.leaves import LeafKind, Problem, Scope, joined_path, quoted
from segments.operators import operator_named
from segments.values import TYPES

Leaf = dict[str, Any]

# What became of a message, the events that tell it (a click implies an open), and how a sentence says it.
STATES = {
    "sent": (["email.sent"], "were sent {}"),
    "delivered": (["email.delivered"], "received {}"),
    "opened": (["email.opened", "email.clicked"], "opened {}"),
    "clicked": (["email.clicked"], "clicked a link in {}"),
    "bounced": (["email.bounced"], "could not be reached by {}"),
    "complained": (["email.complained"], "marked {} as spam"),
    "unsubscribed": (["email.unsubscribed"], "unsubscribed by {}"),
}
JUDGED = {"opened", "clicked"}  # of which it is known whether it was a person

# What leaves name by its id and only apps above know: `CHOICES.register("campaign", choices)` → (id, name).
CHOICES: Registry[Callable[[], Iterable[tuple[int, str]]]] = Registry("choice in conditions")


class MessageLeaf(LeafKind):
    """Engagement, from the events that the engine records about its mail: the number of *different* messages.

    Opens and clicks count unless a machine made them; with `by` “anyone” those, too.
    """

    key = "message"
    reads_events = True
    keys = {"message", "by", "campaign", "template", "op", "value", "when"}

    def problems(self, leaf: Leaf, path: str, scope: Scope) -> Iterator[Problem]:
        state = leaf["message"]
        if not isinstance(state, str) or state not in STATES:
            yield Problem(joined_path(path, "message"), f"Choose what became of a mail: {', '.join(STATES)}.")
            state = "sent"
        if leaf.get("by") not in (None, "human", "anyone"):
            yield Problem(joined_path(path, "by"), "Write “human” or “anyone”.")
        elif leaf.get("by") and state not in JUDGED:
            yield Problem(joined_path(path, "by"), "Only opens and clicks are told apart by who made them; remove it.")
        for key in ("campaign", "template"):
            if leaf.get(key) is not None and (not isinstance(leaf[key], int) or isinstance(leaf[key], bool)):
                yield Problem(joined_path(path, key), f"Choose a {key}.")
        compared: Leaf = {"event": "email.sent"}
        compared |= {key: leaf[key] for key in ("op", "value", "when") if key in leaf}
        yield from _EVENT.problems(compared, path, scope)
        yield from unknown_keys(leaf, self.keys, path)

    def expression(self, leaf: Leaf, scope: Scope) -> Combinable:
        return _EVENT.expression(_asked(leaf), scope)

    def sentence(self, leaf: Leaf, scope: Scope) -> str:
        _, words = STATES[leaf["message"]]
        who = " (or a machine did)" if leaf["message"] in JUDGED and leaf.get("by") == "anyone" else ""
        return f"they {words.format(_mails(leaf))}{_of(leaf)}{timeframes.words(leaf.get('when'))}{who}"

    def paths(self, leaf: Leaf) -> list[str]:
        return []

    def reads(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        yield from _EVENT.reads(_asked(leaf), scope)

    def turns(self, leaf: Leaf, scope: Scope, since: datetime) -> Iterator[QuerySet]:
        yield from _EVENT.turns(_asked(leaf), scope, since)

    def turns_at_midnight(self, leaf: Leaf, scope: Scope) -> bool:
        return timeframes.turns_at_midnight(leaf.get("when"), scope)

    def seen(self, leaf: Leaf, scope: Scope) -> Combinable:
        return _EVENT.seen({**_asked(leaf), **MESSAGES, "op": "≥", "value": 1}, scope)

    def vanished(self, leaf: Leaf, scope: Scope) -> Iterator[str]:
        for key in ("campaign", "template"):
            if (pk := leaf.get(key)) and key in CHOICES and pk not in dict(CHOICES[key]()):
                yield f"The {key} {pk} is not there any more, so nobody matches; choose another."


_EVENT = EventLeaf()
MESSAGES = {"measure": "distinct", "property": "message", "type": "text"}


def _asked(leaf: Leaf) -> Leaf:
    """The same as a leaf about events: of several types, which is not for people to write."""
    filters = [
        {"field": f"event.{key}", "op": "is", "value": leaf[key], "type": "number"}
        for key in ("campaign", "template")
        if leaf.get(key) is not None
    ]
    if leaf["message"] in JUDGED and leaf.get("by") != "anyone":
        filters.append({"field": "event.machine", "op": "is not", "value": True, "type": "boolean"})
    made = {"event": STATES[leaf["message"]][0], "where": {"all": filters}, "when": leaf.get("when")}
    if leaf.get("op"):
        made |= {"op": leaf["op"], "value": leaf.get("value")}
        if not asks(leaf, ONCE) and not asks(leaf, NEVER):
            made |= MESSAGES
    return made


def _mails(leaf: Leaf) -> str:
    operator = operator_named(leaf.get("op"))
    if operator is None or asks(leaf, ONCE):
        return "an e-mail"
    if asks(leaf, NEVER):
        return "no e-mail"
    number = operator.takes.words(leaf["value"], TYPES["number"])
    phrase = operator.phrase.removeprefix("is ").format(number)
    return f"{'exactly ' if operator.key == 'is' else ''}{phrase} {'e-mail' if number == '1' else 'e-mails'}"


def _of(leaf: Leaf) -> str:
    named = [f"the {key} {_name(key, leaf[key])}" for key in ("campaign", "template") if leaf.get(key)]
    return f" of {' and '.join(named)}" if named else ""


def _name(key: str, pk: int) -> str:
    names = dict(CHOICES[key]()) if key in CHOICES else {}
    return quoted(names.get(pk, pk))
