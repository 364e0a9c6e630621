"""The time by which steps are taken: as it is, and in a test run as its own clock shows it.

In a test run a wait of three days takes minutes. What is stored stays real; only what looks at the clock and the
calendar (`StepKind.by_the_clock`, reasons to leave, conditions) sees the run's time, and what it waits for is turned
back. The clock goes quickly while somebody waits, and stands while they have a mail under way, so that a slow mail
server does not make anybody miss a window. `Moment`s tell what it showed when.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from automation import staying
from automation.models import Enrollment, Visit
from automation.run_models import Moment, TestRun
from campaigns.models import Campaign, Message
from campaigns.step_kinds import Done, Exit, Outcome, StepKind, Wait
from segments.timeframes import as_lived

SHORTEST = timedelta(seconds=0.25)  # in which a step is asked again, whatever the speed
Clock = Callable[[datetime], datetime]


class Time(AbstractContextManager):
    """As it is: of all who are not in a test run."""

    def __init__(self, now: datetime):
        self.now = now

    def __exit__(self, *_) -> None:
        pass

    def take(self, kind: StepKind, visits: Sequence[Visit]) -> list[Outcome]:
        """The step for these visits."""
        return kind.run(visits, self.now)

    def of_those_leaving(self, rows: Sequence[Enrollment], leaving: dict[int, Exit]) -> dict[int, Exit]:
        return leaving


class RunTime(Time):
    """Of one person in a test run."""

    def __init__(self, run: TestRun, row: Enrollment, now: datetime):
        self.run, self.row, self.real = run, row, now
        self.moments = list(Moment.objects.filter(enrollment=row))
        super().__init__(_shown(self.moments, run.speed, now))
        self.until: datetime | None = None
        self.exits = ExitStack()
        row.real_now, row.shown_now = now, self.now  # type: ignore[attr-defined]
        if run.speed != 1:
            row.began_by_clock = self.now  # type: ignore[attr-defined]

    def __enter__(self):
        self.exits.enter_context(as_lived(lambda shown: _real(self.moments, self.run.speed, shown, self.real)))
        return self

    def __exit__(self, fault, *about) -> None:
        self.exits.close()
        if fault is None:
            Moment.objects.create(enrollment=self.row, at=self.real, shown=self.now, until=self.until)

    def take(self, kind, visits):
        self.until = None
        if kind.outside and not self.run.outside:
            config = visits[0].step.config
            return [Done(f"Left out in this test run: {kind.describe(config)}."[:400], arm=kind.arms(config)[-1].key)]
        if not kind.by_the_clock:
            return kind.run(visits, self.real)
        return [self._turned_back(outcome) for outcome in kind.run(visits, self.now)]

    def _turned_back(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Wait) or outcome.until is None:
            return outcome
        self.until = outcome.until
        return replace(outcome, until=self.real + _span(outcome.until - self.now, self.run.speed))

    def of_those_leaving(self, rows, leaving):
        """Whom the audience would not have let in stays; who is no test contact any more does not."""
        if rows and not self.row.contact.is_test:
            return {self.row.pk: Exit("They are no test contact any more, so the test run ended.", "no_test_contact")}
        return {pk: why for pk, why in leaving.items() if why.reason != staying.STOPPED or not self._is_stranger()}

    def _is_stranger(self) -> bool:
        return "audience" in self.run.remarks.get(str(self.row.contact_id), {})


def of(campaign: Campaign, rows: Sequence[Enrollment], now: datetime) -> Time:
    """The time of a batch; each person in a test run is a batch of their own."""
    return RunTime(campaign.test_run, rows[0], now) if campaign.test_of_id else Time(now)


def real(row: Enrollment, now: datetime) -> datetime:
    """What is written, sent or looked up bears the real time, also where a step goes by the run's clock."""
    return getattr(row, "real_now", now)


def shown(row: Enrollment, now: datetime) -> datetime:
    """What is told to people as “now”."""
    return getattr(row, "shown_now", now)


def began(row: Enrollment) -> datetime | None:
    """Since when a step is due, by the clock that its kind is shown.

    That of a quick run never runs on beyond what was waited for: nothing lags behind by it.
    """
    return getattr(row, "began_by_clock", row.scheduled_at)


def begin(rows: Mapping[int, datetime]) -> None:
    """The run's clock of these enrollments shows what it really is."""
    Moment.objects.bulk_create(Moment(enrollment_id=pk, at=at, shown=at) for pk, at in rows.items())


def begin_again(spans: Mapping[int, timedelta], now: datetime) -> None:
    """What some enrollments wait for begins anew: those in test runs are due by their own clock. A query; few rows."""
    told = TestRun.objects.filter(campaign__enrollments__in=list(spans))
    for pk, speed in told.values_list("campaign__enrollments", "speed"):
        if pk in spans:
            _again(pk, speed, spans[pk], now)


def _again(pk: int, speed: int, span: timedelta, now: datetime) -> None:
    shown = _shown(list(Moment.objects.filter(enrollment=pk)), speed, now)
    due = now + _span(span, speed)
    Enrollment.objects.filter(pk=pk).update(due_at=due, scheduled_at=due)
    for visit in Visit.objects.filter(enrollment=pk, left_at=None):
        visit.facts = {**visit.facts, "until": (shown + span).isoformat()}
        visit.save(update_fields=["facts"])
    Moment.objects.create(enrollment_id=pk, at=now, shown=shown, until=shown + span)


def clock_of(enrollment: Enrollment) -> Clock | None:
    """What the run's clock showed at a real time of theirs, such as a visit's; None: they are in no test run."""
    if not enrollment.campaign.test_of_id:
        return None
    run = enrollment.campaign.test_run
    moments = list(enrollment.moments.all())
    return lambda at: _shown([moment for moment in moments if moment.at <= at], run.speed, at)


@contextmanager
def lived(row: Enrollment, now: datetime) -> Iterator[datetime]:
    """Within it conditions see what somebody of a test run has lived, by the run's clock; gives what that shows."""
    run, moments = row.campaign.test_run, list(Moment.objects.filter(enrollment=row))
    with as_lived(lambda shown: _real(moments, run.speed, shown, now)):
        yield _shown(moments, run.speed, now)


def of_messages(messages: Collection[Message], now: datetime) -> dict[UUID, datetime]:
    """By the id of each message of a test run what its reader's clock shows: it stands while a mail is on its way."""
    rows = Enrollment.objects.filter(campaign__in={message.campaign_id for message in messages})
    rows = rows.filter(contact__in={message.contact_id for message in messages}).select_related("campaign__test_run")
    clocks: dict[tuple[int | None, int], Clock] = {
        (row.campaign_id, row.contact_id): clock for row in rows if (clock := clock_of(row))
    }
    its = {message.pk: clocks.get((message.campaign_id, message.contact_id)) for message in messages}
    return {pk: clock(now) for pk, clock in its.items() if clock}


def _span(shown: timedelta, speed: int) -> timedelta:
    return shown if speed == 1 else max(shown / speed, SHORTEST)


def _shown(moments: Sequence[Moment], speed: int, at: datetime) -> datetime:
    """Never later than what was waited for: however late the engine comes, it comes just then."""
    if not moments or speed == 1:
        return at
    last = moments[-1]
    if last.until is None:
        return last.shown
    return max(last.shown, min(last.until, last.shown + (at - last.at) * speed))


def _real(moments: Sequence[Moment], speed: int, shown: datetime, now: datetime) -> datetime:
    """When the clock showed that; before the run it was right."""
    before = [moment for moment in moments if moment.shown <= shown]
    if not before or speed == 1:
        return shown
    later = moments[len(before)].at if len(before) < len(moments) else now
    return min(before[-1].at + (shown - before[-1].shown) / speed, later)
