"""What holds after every step of the machine, whatever happened, in words of the database."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models.functions import Now

from automation.call_models import Call
from automation.gate_models import Place
from automation.models import Enrollment, Visit
from campaigns.models import Campaign, Message
from contacts.models import Change, Merge
from events.models import Event
from ops.models import SiteSettings
from ops.work import due_queues
from tests.properties.dying import Fault
from tests.properties.people import BOUGHT, LOOKED, TRIGGER
from tests.smtp_server import Accepted

RUNNING = ("active", "draining")
A_MOMENT = timedelta(minutes=1)
PLANTED = f"Fault: {Fault('planted here')}"


@dataclass
class World:
    """All rows of the engine, read once a step."""

    enrollments: dict[int, Enrollment] = field(
        default_factory=lambda: {row.pk: row for row in Enrollment.objects.select_related("campaign")}
    )
    visits: list[Visit] = field(default_factory=lambda: list(Visit.objects.all()))
    messages: dict = field(default_factory=lambda: {row.pk: row for row in Message.objects.all()})
    calls: list[Call] = field(default_factory=lambda: list(Call.objects.filter(state__in=Call.OPEN, by_hand=False)))
    queues: list[Place] = field(default_factory=lambda: list(Place.objects.filter(state="waiting")))

    def __post_init__(self):
        self.open = {visit.enrollment_id: visit for visit in self.visits if visit.left_at is None}
        self.called = {(call.enrollment_id, call.step_uid, call.occurrence) for call in self.calls}
        self.queuing = {(place.enrollment_id, place.occurrence) for place in self.queues}

    def holds(self, accepted: list[Accepted]) -> None:
        for row in self.enrollments.values():
            self._is_at_one_place(row)
        self._nobody_is_mailed_after_leaving()
        self._nothing_is_mailed_twice(accepted)
        self._nothing_is_mailed_too_late()

    def _is_at_one_place(self, row: Enrollment) -> None:
        inside, visit = row.state in Enrollment.INSIDE, self.open.get(row.pk)
        assert row.state != "parked" or row.explanation == PLANTED, f"met a fault: {row.explanation}"
        assert (row.left_at is None) == inside, f"{row.state}, and left at {row.left_at}"
        assert (row.due_at is not None) == (row.state == "active")
        assert row.state != "exited" or (row.reason and row.explanation), "left without a reason"
        assert inside or visit is None, f"{row.state}, and stands in a step"
        # Held by its mail, its call, a gate or a fuse, and by nothing else; let go when the outcome was told.
        held_by = visit and self._holds(visit)
        if not (visit and visit.message_id and self._was_decided_about(visit.message_id)):
            assert (row.state == "held") == bool(held_by), f"{row.state} in {visit and visit.kind}: {held_by}"

    def _was_decided_about(self, pk) -> bool:
        """By a person, once its end was unknown: by then whoever waited for it was let go on."""
        return self.messages[pk].resent or self.messages[pk].reason.startswith("A person said")

    def _holds(self, visit: Visit) -> object:
        message = self.messages[visit.message_id] if visit.message_id else None
        return (
            (message and not message.announced)
            or (visit.enrollment_id, visit.step_uid, visit.occurrence) in self.called
            or visit.facts.get("fuse") == "held"
            or (visit.kind == "gate" and (visit.enrollment_id, visit.occurrence) in self.queuing)
        )

    def _nobody_is_mailed_after_leaving(self) -> None:
        """What was being handed over when they left may still be, and what a person has sent again."""
        for visit in self.visits:
            message = visit.message_id and self.messages[visit.message_id]
            again = message and message.resent and visit.arm == "unknown"
            if message and visit.left_at and message.settled_at is None and not again:
                assert message.state == "sending", f"{message.state} to somebody who has left"

    def _nothing_is_mailed_twice(self, accepted: list[Accepted]) -> None:
        """P1 to P3: each visit is mailed once at most, sent means accepted, and unsent is unsent."""
        arrived = Counter(str(mail.message["Message-ID"]).strip() for mail in accepted)
        messages = {message.message_id: message for message in self.messages.values() if message.message_id}
        assert arrived.keys() <= messages.keys(), "accepted without a mark"
        for message_id, times in arrived.items():  # a transactional one whose answer was lost is sent once more
            assert times == 1 or (times == 2 and messages[message_id].resent), "accepted twice"
        for message_id, message in messages.items():
            if message.state not in ("sending", "unknown") and not message.resent:
                came = message_id in arrived
                assert came == (message.state == "sent"), f"{message.state}, and accepted: {came}"
        visits = {visit.message_id: (visit.enrollment_id, visit.step_uid, visit.occurrence) for visit in self.visits}
        own = [messages[message_id] for message_id in arrived]
        # What tells the team that a fuse has blown belongs to no visit.
        mailed = [visits[message.pk] for message in own if message.key.startswith("visit:")]
        assert len(mailed) == len(set(mailed)), "a visit was mailed twice"

    def _nothing_is_mailed_too_late(self) -> None:
        for message in self.messages.values():
            if message.sent_at and message.stale_after:
                assert message.sent_at <= message.stale_after + A_MOMENT, f"sent at {message.sent_at}, too late"

    def nobody_entered(self, closed: set[int], last: int) -> int:
        """None of these campaigns took anybody in since that enrollment; the last that there is."""
        for pk, row in self.enrollments.items():
            assert pk <= last or row.campaign_id not in closed, "entered a campaign that lets nobody in"
        return max(self.enrollments, default=0)

    def nobody_is_inside_twice(self, person: dict[int, str]) -> None:
        """Whoever they were before; where no merge is under way."""
        inside = [row for row in self.enrollments.values() if row.state in Enrollment.INSIDE]
        # Only a test contact is nobody of these, who is in a campaign of its own each time.
        times = Counter((row.campaign_id, person.get(row.contact_id), row.entry_key) for row in inside)
        assert all(count == 1 for count in times.values()), f"inside twice: {times}"

    def nobody_is_left(self) -> None:
        """At the end all are out, but for those whose mail took its workers with it three times."""
        for row in self.enrollments.values():
            visit = self.open.get(row.pk)
            if row.state in Enrollment.INSIDE and row.campaign.state in RUNNING:
                assert visit and self.messages[visit.message_id].state == "parked", f"{row.state} for ever"
        for message in self.messages.values():
            assert message.settled_at or message.state == "parked", f"{message.state} for ever: {message.reason}"
        assert not Change.objects.exists()


def only_planted_faults_are_met() -> None:
    """Nothing waits for a person by a mistake of the engine's own."""
    for said in Change.objects.filter(due_at=None).values_list("parked_because", flat=True):
        assert said == PLANTED, said
    for said in Merge.objects.exclude(fault="").values_list("fault", flat=True):
        assert said.endswith(str(Fault("planted here"))), said


def nobody_holds_what_ran_out() -> None:
    """Once leases were looked after: what a dead worker had in hand is in nobody's hand any more."""
    ran_out = {"lease_until__lt": Now()}
    assert not Message.objects.filter(state__in=["leased", "sending"], **ran_out).exists(), "a mail of a dead worker"
    assert not Call.objects.filter(state="leased", **ran_out).exists(), "a call of a dead worker"


def nothing_is_overdue(now: datetime) -> None:
    """Where the engine came to rest; what a worker has in hand is its lease's business."""
    stopped = SiteSettings.get().sending_stopped_at is not None
    due = set(due_queues(now))
    assert due <= ({"mail"} if stopped else set()), f"still due: {due}"
    running = Campaign.objects.running().values("pk")
    assert not Enrollment.objects.filter(campaign__in=running, due_at__lte=now).exists()
    assert not Message.objects.filter(settled_at__isnull=False, announced=False).exists()


def nobody_waits_for_what_happened(behind: set[int]) -> None:
    """Where the engine came to rest; what merged contacts did before wakes nobody, nor what a fault has kept back."""
    waiting = Visit.objects.filter(kind="wait_for", left_at=None, enrollment__campaign__in=Campaign.objects.running())
    waiting = waiting.exclude(enrollment__state="parked").exclude(enrollment__contact__in=behind)
    for visit in waiting.select_related("enrollment"):
        row = visit.enrollment
        assert row.state == "active" and row.listens, "waits, and does not listen"
        since = {"contact": row.contact_id, "type": BOUGHT, "occurred_at__gt": _begun(visit)}
        for event in Event.objects.filter(**since):
            order = event.properties.get("order")
            assert order not in (None, row.entry_key), (
                f"{row.contact_id} bought at {event.occurred_at}, and still waits"
            )


def _begun(visit: Visit) -> datetime:
    """As they saw it: the step began for them when what had let them in happened, if they had waited for nothing."""
    first = not visit.enrollment.visits.filter(pk__lt=visit.pk).exists()
    return min(visit.entered_at, visit.enrollment.event_at) if first else visit.entered_at


def everybody_took_the_way_that_was_theirs(behind: set[int]) -> None:
    """Who went on because of something has done it there; who went on without has not."""
    left = Visit.objects.filter(kind="wait_for", left_at__isnull=False).select_related("enrollment")
    for visit in left.exclude(enrollment__contact__in=behind):
        row, told = visit.enrollment, {"bought": BOUGHT, "looked": LOOKED}.get(visit.arm)
        done = Event.objects.filter(contact_id=row.contact_id, occurred_at__gte=_begun(visit))
        if told:
            assert done.filter(type=told, occurred_at__lte=visit.left_at).exists(), f"{visit.arm}, and did not"
        if visit.explanation.startswith("Nothing of it happened"):
            for event in done.filter(type=BOUGHT, occurred_at__gt=_begun(visit), occurred_at__lt=visit.left_at):
                assert event.properties.get("order") not in (None, row.entry_key), "bought in time, and was not heard"


def nobody_is_left_out(behind: set[int]) -> None:
    """Where the engine came to rest; who signed up has entered, or it is written down why not."""
    campaigns = Campaign.objects.filter(state__in=["active", "paused"]).exclude(live=None)
    came = set(Event.objects.filter(type=TRIGGER).values_list("contact_id", flat=True)) - behind
    for campaign in campaigns:
        told = set(campaign.enrollments.values_list("contact", flat=True))
        told |= set(campaign.refusals.values_list("contact", flat=True))
        assert came <= told, f"neither inside nor refused: {came - told}"
