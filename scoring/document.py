"""The definition of a score model: one document, the same in force, in a draft and in an edition of the past."""

import secrets
from typing import Any, Literal

import msgspec

from lib.durations import UNITS

Tree = dict[str, Any] | None
Kind = Literal["behavioural", "demographic", "firmographic"]
MAX_RULES, MAX_POINTS, MAX_TIMES = 100, 1_000, 1_000


class Fading(msgspec.Struct, kw_only=True):
    """What becomes of a contribution: it stays, loses half its worth every so often, or expires after so long."""

    how: Literal["never", "half", "expires"] = "never"
    amount: int = 30
    unit: Literal["days", "weeks"] = "days"

    @property
    def seconds(self) -> float:
        return float(self.amount * UNITS[self.unit])


class Rule(msgspec.Struct, kw_only=True):
    """One rule. A behavioural one names an event, of which the latest `at_most` count; the others a condition."""

    uid: str
    kind: Kind
    name: str = ""
    effect: Literal["add", "set", "reset"] = "add"
    points: int = 0
    event: str = ""
    where: Tree = None
    machines: bool = False
    """Whether opens and clicks by machines count, too."""
    condition: Tree = None
    at_most: int = 10
    cap: int | None = None
    group: str = ""
    fading: Fading = msgspec.field(default_factory=Fading)

    @property
    def part(self) -> str:
        return "engagement" if self.kind == "behavioural" else "fit"


class Group(msgspec.Struct, kw_only=True):
    """Rules that together give no more than so many points, nor take more."""

    name: str
    cap: int


class Band(msgspec.Struct, kw_only=True):
    """A name for the scores from so many points on; the lowest band also holds all below."""

    name: str
    points: int


class Stage(msgspec.Struct, kw_only=True):
    """A stage of the lifecycle, reached at so many points; without them only by hand, a step or the API."""

    name: str
    points: int | None = None


def _bands() -> list[Band]:
    return [Band(name="Cold", points=0), Band(name="Warm", points=50), Band(name="Hot", points=80)]


class Document(msgspec.Struct, kw_only=True):
    """The whole definition. Bands and stages are in ascending order; a grade is C, B from the first number, A from
    the second one (of engagement: 3, 2, 1)."""

    name: str = ""
    description: str = ""
    rules: list[Rule] = []
    groups: list[Group] = []
    bands: list[Band] = msgspec.field(default_factory=_bands)
    margin: int = 2
    floor: int | None = 0
    ceiling: int | None = None
    fit_grades: tuple[int, int] = (20, 40)
    engagement_grades: tuple[int, int] = (25, 50)
    stages: list[Stage] = []

    def rule(self, uid: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.uid == uid), None)


class NotADocument(ValueError):
    """Says in a sentence why something is no definition."""


def parse(value: Any) -> Document:
    """The document, typed; raises NotADocument."""
    try:
        return msgspec.convert(value or {}, Document)
    except msgspec.ValidationError as fault:
        raise NotADocument(f"The definition cannot be read: {fault}.") from fault


def to_json(document: Document) -> dict[str, Any]:
    return msgspec.to_builtins(document)


def new_uid() -> str:
    return secrets.token_hex(4)
