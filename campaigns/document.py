"""The definition of a campaign: one document, the same in the draft, a version and an export.

A step names its followers by arm (`next`), so arms may join again. `campaigns.linear` shows one whose steps follow each
other as rows, `campaigns.checking` says what is wrong with it.
"""

import secrets
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lib.said_plainly import plainly

Tree = dict[str, Any] | None
MAX_STEPS = 100
# What nobody types; more would only make pages and queries slow. What is right `campaigns.checking` says.
Word = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=2_000)]


class Trigger(msgspec.Struct, kw_only=True):
    """What lets people in: an event, with a filter on its properties and on the contact; or another kind of trigger
    (`campaigns.trigger_kinds`), whose own settings stand in `config`."""

    kind: str = "event"
    event: str = ""
    filter: Tree = None
    config: dict[str, Any] = {}


class Reentry(msgspec.Struct, kw_only=True):
    """How often a contact may enter; a period is elapsed time since the previous entry."""

    mode: Literal["once", "every_time", "once_per"] = "once"
    amount: int = 30
    unit: Literal["minutes", "hours", "days", "weeks"] = "days"


class Watch(msgspec.Struct, kw_only=True):
    """Something looked out for while people are inside: an event that fits a filter or, without one, a condition."""

    uid: Word
    name: Word = ""
    event: Word = ""
    filter: Tree = None
    condition: Tree = None


class Goal(Watch, kw_only=True):
    """What the campaign is for; it counts within so many days of entering."""

    days: int = 3


class StepDoc(msgspec.Struct, kw_only=True):
    """One step; `next` maps an arm to the uid of a step, or to null: the end."""

    uid: Word
    kind: Word
    name: Word = ""
    config: dict[str, Any] = {}
    only_if: Tree = None
    next: Annotated[dict[Word, Word | None], Meta(max_length=60)] = {}

    @property
    def template(self) -> int | None:
        """The id of the mail that it sends; a draft may have anything in its place, which names none."""
        pk = self.config.get("template")
        return pk if type(pk) is int and 0 < pk < 2**31 else None


class Document(msgspec.Struct, kw_only=True):
    """The whole definition; the first step is where people begin."""

    name: Text = ""
    type: Word = "other"
    objective: Text = ""
    topic: Word | None = None
    triggers: list[Trigger] = []
    audience: Tree = None
    keep_matching: bool = False
    reentry: Reentry = msgspec.field(default_factory=Reentry)
    entry_key: Word = ""
    on_repeat: Literal["ignore", "refresh", "restart"] = "ignore"
    holdout: int = 0
    exits: list[Watch] = []
    goals: list[Goal] = []
    exit_on_goal: bool = True
    priority: Literal["low", "normal", "high"] = "normal"
    window: dict[str, Any] = {}
    overdue: Literal["send", "shift", "exit"] = "send"
    steps: Annotated[list[StepDoc], Meta(max_length=5 * MAX_STEPS)] = []

    def step(self, uid: str) -> StepDoc | None:
        return next((step for step in self.steps if step.uid == uid), None)


class NotADocument(ValueError):
    """Says in a sentence why the text is no campaign definition."""


def parse(value: dict) -> Document:
    """The document, typed; raises NotADocument."""
    try:
        return msgspec.convert(value, Document)
    except msgspec.ValidationError as fault:
        raise NotADocument(plainly(fault).sentence) from fault


def to_json(document: Document) -> dict:
    return msgspec.to_builtins(document)


def new_uid() -> str:
    return secrets.token_hex(4)
