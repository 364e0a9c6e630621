"""What was chosen for an import: what its columns are, whom to write, on what basis they may be mailed."""

from datetime import date
from typing import NamedTuple

import msgspec

MAX_TAG = 80


class Basis(NamedTuple):
    """On what ground people of a file may be mailed about a topic; `satisfies` are the demands of topics."""

    label: str
    verb: str
    satisfies: frozenset[str]


BASES = {
    "opt_in": Basis("They agreed to it", "Agreed", frozenset({"other", "opt_in"})),
    "double_opt_in": Basis(
        "They agreed to it and confirmed their address",
        "Agreed and confirmed",
        frozenset({"other", "opt_in", "double_opt_in"}),
    ),
    "soft_opt_in": Basis(
        "They are customers, who could say no when they bought", "Became a customer", frozenset({"other"})
    ),
}


class Column(msgspec.Struct):
    """What one column is: a key of USES; for an attribute its dotted path and its type."""

    use: str
    attribute: str = ""
    type: str = "text"


class Mapping(msgspec.Struct):
    """Everything that was chosen for an import."""

    columns: list[Column] = []
    known: str = "update"  # or "leave": contacts that are here already
    unknown: str = "add"  # or "leave": people who are not here yet
    empty: str = "leave"  # or "clear": an empty cell takes the attribute away
    tags: list[str] = []
    destination: str = ""  # "segment:12"
    topic: int | None = None
    basis: str = ""  # a key of BASES
    agreed_on: str = ""
    agreed_through: str = ""
    wording: str = ""

    @property
    def told(self) -> str:
        """What the ledger of consent keeps: the words that people agreed to, when and through what."""
        if not self.basis:
            return self.wording
        day = date.fromisoformat(self.agreed_on)
        said = f"{BASES[self.basis].verb} on {day.day} {day:%B %Y} through {self.agreed_through}."
        return f"{self.wording}\n{said}".strip()
