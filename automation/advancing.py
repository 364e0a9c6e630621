"""Advancing: due enrollments take their steps, in batches grouped by step.

Everything here is database work, done in the transaction that claims the enrollments. The campaign
is locked against change for that long (FOR SHARE), so pausing and publishing wait for a batch, and a
batch never mixes two versions.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count, Min

from automation import pace, seen, staying
from automation.holding import was_held
from automation.models import Enrollment, Visit
from automation.moving import Move, save_moves, save_visits, skip_sentence
from campaigns.document import Document, StepDoc, parse
from campaigns.models import Campaign, Version
from campaigns.step_kinds import STEP_KINDS, Done, Exit, Outcome, Wait
from lib.due import Question, work_off
from ops.models import SiteSettings
from segments import conditions

BATCH = 500
MAX_STEPS_TAKEN = 10_000
MAX_JUMPS = 100  # back to the same step
ROUNDS = 50
# No step asks for these, and they are read of thousands of rows a second.
UNREAD = ["message__data", "message__links", "message__address__digest", "message__address__created_at"]
UNREAD_PEOPLE = ["contact__name", "contact__created_at", "contact__updated_at", "contact__last_seen_at"]
UNREAD_PEOPLE += ["contact__address__digest", "contact__address__created_at"]


is_due = Question(lambda now: Enrollment.objects.filter(campaign__in=_running(), due_at__lte=now))


def _running():
    return Campaign.with_tests.running().values("pk")


def advance(now: datetime, limit: int = BATCH) -> int:
    """Advance one batch of one campaign, the one that waits longest; returns how many enrollments."""
    for campaign_id in _campaigns_with_due_work(now):
        with transaction.atomic():
            handled = _advance_campaign(campaign_id, now, limit)
        if handled:
            return handled
    return 0


def _campaigns_with_due_work(now: datetime) -> Iterable[int]:
    oldest = (
        Enrollment.objects.filter(due_at__lte=now)
        .filter(campaign__in=_running())
        .values("campaign_id")
        .annotate(oldest=Min("due_at"))
        .order_by("oldest")
    )
    return [row["campaign_id"] for row in oldest]


def _advance_campaign(campaign_id: int, now: datetime, limit: int) -> int:
    campaign = _share_locked(campaign_id)
    if campaign is None:
        return 0
    waiting = (
        Enrollment.objects.filter(campaign_id=campaign_id).select_related("contact__address").defer(*UNREAD_PEOPLE)
    )
    rows = list(waiting.claim(now, limit))
    work_off(rows, lambda batch: _take_steps(campaign, batch, now), lambda row, fault: park(row, fault, now))
    return len(rows)


def _take_steps(campaign: Campaign, rows: Sequence[Enrollment], now: datetime) -> None:
    """All together; in a test run each by themselves, because everybody has a time of their own there."""
    for batch in [[row] for row in rows] if campaign.test_of_id else [rows]:
        Round(campaign, batch, now).run()


def _share_locked(campaign_id: int) -> Campaign | None:
    """The campaign, held as it is until the transaction ends; None where it does not run any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM campaigns_campaign WHERE id = %s AND state IN ('active', 'draining') FOR SHARE SKIP LOCKED",
            [campaign_id],
        )
        if not cursor.fetchone():
            return None
    return Campaign.with_tests.select_related("live", "test_run").get(pk=campaign_id)


def park(enrollment: Enrollment, fault: Exception, now: datetime) -> None:
    """Out of the way until a person releases it; the others go on."""
    Enrollment.objects.filter(pk=enrollment.pk).update(
        state=Enrollment.State.PARKED,
        due_at=None,
        listens=False,
        reason="fault",
        explanation=f"{type(fault).__name__}: {fault}"[:400],
    )


class Round:
    """A batch of enrollments of one campaign, moved step by step until none of them is due any more."""

    def __init__(self, campaign: Campaign, enrollments: Sequence[Enrollment], now: datetime):
        self.campaign, self.enrollments, self.now = campaign, enrollments, now
        self.time = pace.of(campaign, enrollments, now)
        self.documents: dict[int, Document] = {}
        if campaign.live:
            self.documents[campaign.live.pk] = parse(campaign.live.document)
        for row in enrollments:
            row.campaign = campaign
        self.visits: dict[int, Visit] = {}
        self.occurrences: dict[tuple[int, str], int] = defaultdict(int)

    def run(self) -> None:
        self._read_versions()
        self._read_visits()
        self._leave_what_was_removed()
        moving = list(self.enrollments)
        with self.time:
            for _ in range(ROUNDS):
                if not moving:
                    return
                moving = self._one_round(moving)
        # The rest stay due: the next batch goes on with them.

    def _read_versions(self) -> None:
        missing = {row.version_id for row in self.enrollments} - set(self.documents)
        for version in Version.objects.filter(pk__in=missing) if missing else ():
            self.documents[version.pk] = parse(version.document)

    def _read_visits(self) -> None:
        visits = Visit.objects.filter(enrollment_id__in=[row.pk for row in self.enrollments])
        for enrollment_id, uid, count in visits.values_list("enrollment_id", "step_uid").annotate(count=Count("pk")):
            self.occurrences[enrollment_id, uid] = count
        here = visits.filter(left_at=None).select_related("message__address").defer(*UNREAD)
        for visit in here.prefetch_related("message__template"):  # few, and large
            self.visits[visit.enrollment_id] = visit

    def _leave_what_was_removed(self) -> None:
        """Those whose step a new version removed, and who were to go on elsewhere when due: that is now.

        Elsewhere may be the same place, where another kind of step stands now.
        """
        left = [visit for row in self.enrollments if (visit := self._elsewhere(row))]
        for visit in left:
            visit.left_at, visit.arm = self.now, visit.message.outcome if visit.message else "moved"
            del self.visits[visit.enrollment_id]
        if left:
            save_visits(left)

    def _elsewhere(self, row: Enrollment) -> Visit | None:
        visit = self.visits.get(row.pk)
        if visit is None or visit.step_uid != row.step_uid:
            return visit
        step = self.documents[row.version_id].step(row.step_uid)
        return visit if step and step.kind != visit.kind else None  # it became another kind of step

    def _one_round(self, moving: list[Enrollment]) -> list[Enrollment]:
        """Every moving enrollment takes one step; returns those that are still due."""
        free = [row for row in moving if self._is_free(row)]
        leaving = self.time.of_those_leaving(free, staying.leaving(free, self.documents, self.time.now))
        moves = [Move(row, self.visits.get(row.pk), leaving[row.pk]) for row in moving if row.pk in leaving]
        groups: dict[tuple[int, str], list[Enrollment]] = defaultdict(list)
        for row in moving:
            if row.pk not in leaving:
                groups[row.version_id, row.step_uid].append(row)
        for (version_id, uid), rows in groups.items():
            step = self.documents[version_id].step(uid)
            if step is None:
                exit_ = Exit("Its step is no longer part of the campaign.", "step_removed")
                moves += [Move(row, self.visits.get(row.pk), exit_) for row in rows]
            else:
                moves += self._take(step, rows)
        save_moves(moves, self.documents, self.now)
        for move in moves:
            if move.leaves_step:
                self.visits.pop(move.enrollment.pk, None)
            elif move.visit:
                self.visits[move.enrollment.pk] = move.visit
        return [move.enrollment for move in moves if move.is_due]

    def _is_free(self, row: Enrollment) -> bool:
        """Is nothing of theirs under way? What was handed over is awaited."""
        visit = self.visits.get(row.pk)
        return visit is None or visit.message_id is None

    def _take(self, step: StepDoc, rows: list[Enrollment]) -> list[Move]:
        here = self.visits
        entering = [row for row in rows if row.pk not in here or was_held(here[row.pk])]
        skipping = self._skipping(step, entering)
        visits = []
        for row in rows:
            visit = self.visits.get(row.pk) or self._new_visit(step, row)
            visit.enrollment, visit.step = row, step  # type: ignore[attr-defined]
            visits.append(visit)
        moves = [
            Move(visit.enrollment, visit, Done(skip_sentence(step), arm="skipped", facts=skipping[visit.enrollment.pk]))
            for visit in visits
            if visit.enrollment.pk in skipping
        ]
        running = [visit for visit in visits if visit.enrollment.pk not in skipping]
        outcomes = self.time.take(STEP_KINDS[step.kind], running) if running else []
        return moves + [
            Move(visit.enrollment, visit, self._within_limits(visit, outcome))
            for visit, outcome in zip(running, outcomes, strict=True)
        ]

    def _within_limits(self, visit: Visit, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Wait):  # some waits look again every quarter of an hour, for two years
            return outcome
        visit.enrollment.steps_taken += 1
        if visit.occurrence > MAX_JUMPS or visit.enrollment.steps_taken > MAX_STEPS_TAKEN:
            return Exit("It took too many steps: the campaign goes in circles.", "too_many_steps")
        return outcome

    def _skipping(self, step: StepDoc, entering: list[Enrollment]) -> dict[int, dict]:
        """Those for whom the step's condition does not hold, with the values that it saw; two queries at most.

        Whose mail was held back is asked once more: what was true in the evening need not be in the morning.
        """
        if not step.only_if or not entering:
            return {}
        ids = {row.pk for row in entering}
        here = self.time.now.astimezone(SiteSettings.get().zone)
        rows, contacts = Enrollment.objects.filter(pk__in=ids), {row.contact_id for row in entering}
        matching = conditions.matching(rows, step.only_if, here, only=contacts)
        skipping = ids - set(matching.values_list("pk", flat=True))
        read = seen.values([step.only_if], skipping, contacts, here) if skipping else {}
        return {pk: {"seen": read[pk]} if pk in read else {} for pk in skipping}

    def _new_visit(self, step: StepDoc, row: Enrollment) -> Visit:
        self.occurrences[row.pk, step.uid] += 1
        return Visit(
            enrollment=row,
            version_id=row.version_id,
            step_uid=step.uid,
            kind=step.kind,
            occurrence=self.occurrences[row.pk, step.uid],
            entered_at=self.now,
        )
