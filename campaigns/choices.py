"""What a marketer decides, publishing, about those who are inside; kept with the version, to be read later."""

from typing import Any, Literal

import msgspec

from lib.said_plainly import plainly


class StepChoice(msgspec.Struct, kw_only=True):
    """What becomes of those in a step that is no more: the next step now, a chosen one now or when due, or out."""

    then: Literal["next", "step", "due", "exit"]
    target: str = ""


class Choices(msgspec.Struct, kw_only=True):
    """`follow`: people inside go on with the new version; `drain`: they finish on theirs.

    `waits` and `removed` are by the uid of a step; a wait that is not named keeps the time of those who are in it.
    """

    people: Literal["follow", "drain"] = "follow"
    waits: dict[str, Literal["keep", "recompute"]] = {}
    removed: dict[str, StepChoice] = {}

    @property
    def drains(self) -> bool:
        return self.people == "drain"

    def recomputes(self, uid: str) -> bool:
        return self.waits.get(uid) == "recompute"


class NoChoice(ValueError):
    """Says in a sentence that what was sent is no choice."""


def parse(value: Any) -> Choices:
    """The choices, typed; raises NoChoice."""
    try:
        return msgspec.convert(value, Choices)
    except msgspec.ValidationError as fault:
        raise NoChoice(f"What becomes of those inside cannot be read: {plainly(fault).sentence}") from fault


def to_json(choices: Choices) -> dict:
    return msgspec.to_builtins(choices)
