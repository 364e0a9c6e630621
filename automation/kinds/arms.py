"""What step kinds with a list of arms in their configuration share: reading it, and what may be wrong with it."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from automation.forms.rows import LONGEST_NAME, RESERVED

LONGEST_UID = 40
T = TypeVar("T")


class Named(Protocol):
    uid: str
    name: str


def read(config: Any, type_: type[T]) -> T | None:
    """The configuration, typed; None where it is not of that shape."""
    try:
        return msgspec.convert(config, type_)
    except (msgspec.ValidationError, RecursionError):
        return None


def about_arms(arms: Sequence[Named], fewest: int, most: int) -> Iterator[str]:
    """What is wrong with their number, their uids and their names."""
    if len(arms) < fewest:
        yield "Add a way: say who takes it." if fewest == 1 else f"Add a way: there must be at least {fewest}."
    if len(arms) > most:
        yield f"There are at most {most} ways; join some of them."
    for number, arm in enumerate(arms[:most], start=1):
        yield from _about_arm(arm, number, [other.name for other in arms[: number - 1]])
    uids = [arm.uid for arm in arms]
    if len(uids) != len(set(uids)):
        yield "Two ways have the same uid; remove one of them."


def _about_arm(arm: Named, number: int, before: list[str]) -> Iterator[str]:
    if not arm.uid or len(arm.uid) > LONGEST_UID or arm.uid in RESERVED or "\x00" in arm.uid:
        yield f"The way {number} cannot be told from others (its uid is not usable); remove it and add it again."
    if not arm.name.strip() or "\x00" in arm.name:
        yield f"Give the way {number} a name."
    elif len(arm.name) > LONGEST_NAME:
        yield f"The name of the way {number} is longer than {LONGEST_NAME} characters; shorten it."
    elif arm.name in before:
        yield f"Two ways are called “{arm.name}”; give one another name."
