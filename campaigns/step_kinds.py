"""What a step can be. The kinds themselves run in `automation.kinds` and register here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from lib.registry import Registry


@dataclass(frozen=True)
class Done:
    """The step is over; the enrollment leaves by this arm (or by “done”, where the arm leads nowhere of its own)."""

    explanation: str
    arm: str = "done"
    facts: dict | None = None


@dataclass(frozen=True)
class Wait:
    """Ask again at `until`; None: somebody else will wake the enrollment."""

    explanation: str
    until: datetime | None
    facts: dict | None = None
    message: Any = None


@dataclass(frozen=True)
class Exit:
    """The enrollment leaves the campaign early."""

    explanation: str
    reason: str
    facts: dict | None = None


Outcome = Done | Wait | Exit


class StepKind:
    """One kind of step: a class, a line in `AppConfig.ready()`, a test file of the same name."""

    key: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]

    def problems(self, config: dict) -> list[str]:
        """What is wrong with the configuration, in sentences."""
        return []

    def references(self, config: dict) -> list[tuple[str, str]]:
        """What the step uses, as (kind, key): guards against deletion."""
        return []

    def describe(self, config: dict) -> str:
        """The step in words: “wait 2 days”."""
        return self.label.lower()

    def run(self, visits: Sequence, now: datetime) -> list[Outcome]:
        """An outcome for each visit, in order; an exception is a failure. The number of queries must not grow."""
        raise NotImplementedError


STEP_KINDS: Registry[StepKind] = Registry("step kind")
