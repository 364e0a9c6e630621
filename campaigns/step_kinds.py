"""What a step can be. The kinds themselves run in `automation.kinds` and register here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar

from campaigns.config_form import ConfigForm
from campaigns.document import Watch
from lib.registry import Registry
from lib.words import spoken

AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True)
class Done:
    """The step is over; the enrollment leaves by this arm (or by “done”, where the arm leads nowhere of its own)."""

    explanation: str
    arm: str = "done"
    facts: dict | None = None


@dataclass(frozen=True)
class Wait:
    """Ask again at `until`; None: somebody else will wake the enrollment.

    `listens`: what the step `watches` may wake it before, and then stands in the visit's facts as `woken`.
    """

    explanation: str
    until: datetime | None
    facts: dict | None = None
    listens: bool = False


@dataclass(frozen=True)
class Exit:
    """The enrollment leaves the campaign early."""

    explanation: str
    reason: str
    facts: dict | None = None


Outcome = Done | Wait | Exit


@dataclass(frozen=True)
class Arm:
    """A way out of a step, as the canvas draws it; no label: the only one."""

    key: str
    label: str = ""


DONE = Arm("done")


class StepKind:
    """One kind of step: a class, a line in `AppConfig.ready()`, a test file of the same name."""

    key: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str]
    group: ClassVar[str] = "Flow"  # under which heading it is offered
    help: ClassVar[str] = ""  # what it is for, in a sentence
    ends: ClassVar[bool] = False  # nobody goes on from here, but those who skip it
    by_the_clock: ClassVar[bool] = False  # what it decides depends on the time or the day: a test run shows its own
    outside: ClassVar[bool] = False  # calls other systems or the team: a test run leaves it out unless asked
    form: ClassVar[type[ConfigForm] | None] = None  # None: nothing to set
    saw: ClassVar[dict[str, str]] = {}  # what each fact of its visits is called for readers; "": it tells them nothing

    def problems(self, config: dict) -> list[str]:
        """What is wrong with the configuration, in sentences."""
        return []

    def references(self, config: dict) -> list[tuple[str, str]]:
        """What the step uses, as (kind, key): guards against deletion."""
        return []

    def describe(self, config: dict) -> str:
        """The step in words: “wait 2 days”."""
        return self.label.lower()

    def arms(self, config: dict) -> list[Arm]:
        """The ways out that the configuration has, in the order in which they are drawn; the last is the way on for
        those who skip the step."""
        return [DONE]

    def wider(self, arm: str) -> str:
        """The arm that stands for this one where it leads nowhere of its own."""
        return "done"

    def outcomes(self, config: dict) -> list[Arm]:
        """What later conditions may ask for: by which arm somebody left."""
        return self.arms(config)

    def pauses(self, config: dict, arm: str) -> bool:
        """Does time pass, or something new happen, before anybody leaves by this arm? A circle needs such a step."""
        return False

    def trees(self, config: dict) -> list[Any]:
        """The conditions in the configuration, asked of the enrollment."""
        return []

    def steps(self, config: dict) -> list[str]:
        """Other steps that the configuration names, by their uids; such a step must be there."""
        return []

    def watches(self, config: dict) -> list[Watch]:
        """What may wake those who stand here and listen; a watch is named by the arm that it opens."""
        return []

    def example(self, config: dict, now: datetime, zone: tzinfo) -> str:
        """What it means for somebody who gets here now, such as “until Tue 24 Nov, 14:00”; empty: nothing to add."""
        return ""

    def goes_on(self, config: dict, arm: str, at: datetime, zone: tzinfo, window: Any) -> datetime | None:
        """When somebody who gets here at `at` goes on by this arm, at the earliest; None: that cannot be told.

        `window` is the send window of the campaign, as its definition has it.
        """
        return at

    def may_take_longer(self, config: dict, arm: str) -> bool:
        """May it be later than `goes_on` says: because chance, people or other systems decide?"""
        return self.outside

    def from_entry(self, config: dict, arrives: datetime, sure: bool, now: datetime, zone: tzinfo, window: Any) -> str:
        """What it means for somebody who enters now and gets here then (not `sure`: then at the earliest)."""
        if arrives - now < AT_ONCE:
            return f"If someone enters now, they {'get' if sure else 'may get'} here at once."
        return f"If someone enters now, they get here {'' if sure else 'at the earliest '}{spoken(arrives, zone)}."

    def waits(self, visit) -> bool:
        """Is what holds somebody here a time that the configuration gave? Not their mail, or when it may go out."""
        return False

    def due_again(self, visits: Sequence, config: dict, now: datetime) -> list[Wait | None]:
        """What those who wait here would wait for had they come with this configuration; None: as it is.

        Never until before now; the facts hold the end as `until`, also where the kind looks again before that. A kind
        that has an answer lets marketers choose it when they publish another wait.
        """
        return [None for _ in visits]

    @property
    def can_be_due_again(self) -> bool:
        return type(self).due_again is not StepKind.due_again

    def times(self, config: dict) -> Any:
        """What of the configuration says how long people wait: where that stays, nobody need be due again."""
        return config

    def run(self, visits: Sequence, now: datetime) -> list[Outcome]:
        """An outcome for each visit, in order; an exception is a failure. The number of queries must not grow."""
        raise NotImplementedError


STEP_KINDS: Registry[StepKind] = Registry("step kind")
