"""The way that somebody took through a campaign: each decision in order, and the flow with that way marked on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

from automation import fact_words, let_in_by, pace
from automation.documents import of_version
from automation.models import Enrollment, Visit
from automation.zones import flaw, zone_of
from campaigns.document import Document, NotADocument
from campaigns.flow import ENTRY
from campaigns.flow_svg import Card, Drawing, Line, drawing
from campaigns.step_kinds import STEP_KINDS
from events import sentences
from ops.models import SiteSettings

LONGEST = 300
SHOWN_ON_A_CARD = 3
ANSWERS = "webhook"  # what webhooks answered, among what an enrollment carries


@dataclass
class Stop:
    """One decision, or the entry (0), or the end: what a reader is told of it."""

    number: int
    icon: str
    title: str
    words: str
    came: str
    left: str = ""
    at: datetime | None = None
    saw: list[tuple[str, str]] = field(default_factory=list)
    uid: str = ENTRY
    visit: Visit | None = None
    place: int | None = None
    """The place of its card in the picture; None: the picture has no such step."""
    event: Any = None
    """The id of the event that let them in, or woke them."""


@dataclass
class MarkedCard:
    """A card of the picture with the numbers of the decisions that were taken there."""

    card: Card
    place: int
    numbers: list[int] = field(default_factory=list)
    here: bool = False

    @property
    def badge(self) -> str:
        shown = " · ".join(map(str, self.numbers[-SHOWN_ON_A_CARD:]))
        return f"… {shown}" if len(self.numbers) > SHOWN_ON_A_CARD else shown

    @property
    def all_numbers(self) -> str:
        return " ".join(map(str, self.numbers))

    @property
    def label(self) -> str:
        """For whoever does not see the picture."""
        times = "decision" if len(self.numbers) == 1 else "decisions"
        said = f"{times} {', '.join(map(str, self.numbers))}" if self.numbers else "the entry"
        return f"{self.card.words} ({said}{', here now' if self.here else ''})"


@dataclass
class MarkedLine:
    """A way of the picture; the numbers are those of the decisions to which it led."""

    line: Line
    numbers: list[int] = field(default_factory=list)

    @property
    def all_numbers(self) -> str:
        return " ".join(map(str, self.numbers))


class WayTaken:
    """Everything of it, as the page shows it; a fixed number of queries for each version, however long the way is."""

    def __init__(self, enrollment: Enrollment, visits: Sequence[Visit], before: int = 0):
        """`visits` in their order; `before`: how many more there were, too long ago to be shown."""
        site = SiteSettings.get()
        name = enrollment.contact.timezone
        self.enrollment, self.before, self.zone = enrollment, before, zone_of(name, site)
        self.clock = pace.clock_of(enrollment)
        whose = "the test run’s own clock, in " if self.clock else ""
        self.where = f"Times are those of {whose}{self.zone}.{flaw(name, site)}"
        self.document, self.picture = _drawn(enrollment)
        self.cards = [MarkedCard(card, place) for place, card in enumerate(self.picture.cards if self.picture else ())]
        self.lines = [MarkedLine(line) for line in (self.picture.lines if self.picture else ())]
        self._by_uid = {marked.card.uid: marked for marked in self.cards}
        woken = [told.get("event") for visit in visits if isinstance(told := visit.facts.get("woken"), dict)]
        self.types = sentences.labels({enrollment.event_type, *filter(None, woken)} - {""})
        self.stops = [self._entry(visits)]
        self.stops += [self._stop(number, visit) for number, visit in enumerate(visits, before + 1)]
        if enrollment.left_at:
            self.stops.append(self._end(before + len(visits) + 1))
        self._mark()

    # --- the decisions ---

    def _entry(self, visits: Sequence[Visit]) -> Stop:
        row = self.enrollment
        said = f"They {sentences.sentence(row.event_type, self.types)}, and so they entered." if row.event_type else ""
        began_with = (visits[0].version_id if visits else row.version_id) if not self.before else None
        words = said or let_in_by.sentence(row, began_with)
        carried = {key: value for key, value in row.data.items() if key != ANSWERS}
        event = row.event_id if row.event_type and not self.clock else None  # that of a test run was made up
        return Stop(
            0, "bolt", "Entry", words, self._time(row.entered_at), at=row.entered_at, event=event,
            saw=fact_words.carried(carried, self.zone), place=self._place(ENTRY),
        )  # fmt: skip

    def _stop(self, number: int, visit: Visit) -> Stop:
        kind = STEP_KINDS.get(visit.kind)
        woken = visit.facts.get("woken")
        stays = visit.left_at and abs((visit.left_at - visit.entered_at).total_seconds()) >= 1
        return Stop(
            number,
            kind.icon if kind else "help",
            kind.label if kind else "A step of a kind that is not there any more",
            visit.explanation,
            self._time(visit.entered_at),
            self._time(visit.left_at) if stays and visit.left_at else "",
            visit.entered_at,
            fact_words.in_words(visit.kind, visit.facts, self.zone, self.types),
            visit.step_uid,
            visit,
            self._place(visit.step_uid),
            woken.get("event_id") if isinstance(woken, dict) else None,
        )

    def _end(self, number: int) -> Stop:
        row = self.enrollment
        finished = row.state == Enrollment.State.FINISHED
        words = row.explanation or row.get_state_display()
        icon, title = ("flag", "The end") if finished else ("logout", "Left early")
        assert row.left_at
        return Stop(number, icon, title, words, self._time(row.left_at), at=row.left_at)

    def _time(self, at: datetime) -> str:
        return _to_the_second(self.clock(at) if self.clock else at, self.zone)

    def _place(self, uid: str) -> int | None:
        marked = self._by_uid.get(uid)
        return marked.place if marked else None

    @property
    def colour(self) -> str:
        """Of the badge that says their state."""
        return {"active": "info", "held": "info", "parked": "danger", "finished": "success"}.get(
            self.enrollment.state, ""
        )

    @property
    def due(self) -> datetime | None:
        """When they go on by themselves; what waits for something that time may turn is looked at before."""
        return (not self.clock and self._until) or self.enrollment.due_at

    @property
    def goes_on(self) -> str:
        """The same where they are; in a test run by its own clock."""
        at = self._until or (self.clock(self.due) if self.clock and self.due else self.due)
        return fact_words.clock_time(at, self.zone) if at else ""

    @property
    def _until(self) -> datetime | None:
        last = self.taken[-1].visit if self.taken else None
        return last.until if last and last.left_at is None and self.enrollment.listens else None

    @property
    def awaits(self) -> str:
        """What the step waits for from outside, as it says itself."""
        last = self.taken[-1].visit if self.taken else None
        held = self.enrollment.state == Enrollment.State.HELD
        return last.explanation if last and held and last.left_at is None else ""

    @cached_property
    def taken(self) -> list[Stop]:
        """The visits alone."""
        return [stop for stop in self.stops if stop.visit]

    @property
    def answers(self) -> list[tuple[str, str]]:
        """What webhooks answered, which later steps may use."""
        found = self.enrollment.data.get(ANSWERS)
        return fact_words.carried(found, self.zone) if isinstance(found, dict) else []

    # --- the picture ---

    def _mark(self) -> None:
        source, arm = ENTRY, "done"
        whole = not self.before
        for stop in self.taken:
            if marked := self._by_uid.get(stop.uid):
                marked.numbers.append(stop.number)
            if whole or source != ENTRY:
                self._walk(source, arm, stop.uid, stop.number)
            source, arm = stop.uid, stop.visit.arm if stop.visit else ""
        self._mark_the_place(source, arm, self.stops[-1].number)

    def _mark_the_place(self, source: str, arm: str, last: int) -> None:
        """Where they are, or how they ended."""
        row = self.enrollment
        if row.state in Enrollment.INSIDE and row.arm != "holdout":
            is_open = any(stop.visit and stop.visit.left_at is None for stop in self.taken[-1:])
            if not is_open:
                self._walk(source, arm, row.step_uid, last + 1)
            here = self.taken[-1].uid if is_open else row.step_uid
            if marked := self._by_uid.get(here):
                marked.here = True
        elif row.state == Enrollment.State.FINISHED and self.taken:
            self._walk(source, arm, None, last)

    def _walk(self, source: str, arm: str, target: str | None, number: int) -> None:
        """The way that the arm takes in the picture, if it leads where they went: who was moved took none."""
        ways = {marked.line.arm: marked for marked in self.lines if marked.line.source == source}
        found = ways.get(arm) or ways.get("done") or (list(ways.values())[-1] if ways else None)
        if found and found.line.target == target and arm not in ("moved", "exit"):
            found.numbers.append(number)

    @property
    def not_visited(self) -> list[str]:
        """The steps of the picture to which they did not come, in words."""
        cards = [marked for step in self.document.steps if (marked := self._by_uid.get(step.uid))]
        return [marked.card.words for marked in cards if not marked.numbers and not marked.here]

    @property
    def pale_lines(self) -> Iterable[MarkedLine]:
        return [marked for marked in self.lines if not marked.numbers]

    @property
    def walked_lines(self) -> Iterable[MarkedLine]:
        return [marked for marked in self.lines if marked.numbers]


def _to_the_second(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %-d %b %Y, %H:%M:%S}"


def _drawn(enrollment: Enrollment) -> tuple[Document, Drawing | None]:
    """The version that they follow; no picture where it cannot be read any more."""
    try:
        document = of_version(enrollment.version_id)
        return document, drawing(document)
    except (NotADocument, LookupError):
        return Document(), None
