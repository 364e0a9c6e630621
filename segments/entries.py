"""What a condition can be about: one entry for each thing that the rule builder offers to choose from."""

from dataclasses import dataclass
from typing import Any

CONTACT, ATTRIBUTES, COMPANY = "Contact", "Attributes", "Company"
STEPS = "Earlier steps"  # of the campaign that they are in
GROUPS = (
    CONTACT,
    ATTRIBUTES,
    COMPANY,
    "Events",
    "E-mails",
    "Consent",
    "Segments",
    "Computed",
    "Scores",
    "Sample",
    STEPS,
)
EVENT = "Event"  # the group of event.* fields, where there is an event


@dataclass(frozen=True)
class Choice:
    """A value that may be compared with, and how it is shown."""

    value: Any
    label: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing to choose: `kind` is that of the leaf, `key` what the leaf names."""

    kind: str
    key: Any
    label: str
    group: str
    type: str = ""
    """Of segments.values.TYPES; empty: not known, or nothing to compare."""
    values: tuple[Choice, ...] = ()
    """Common values, to suggest."""
    share: int | None = None
    """How many of a hundred have it; None: not known."""
    properties: tuple["Entry", ...] = ()
    """Of an event: its event.* fields, for `where` and measures."""
