"""What holds of campaigns of every kind of step, beside the promises about mails: places, calls, limits, choices."""

from collections import Counter, defaultdict
from datetime import datetime

from django.db.models import F

from automation.call_models import Call
from automation.fuse_models import Fuse
from automation.gate_models import Gate, Place
from automation.models import Assignment, Enrollment, Visit
from campaigns import numbers
from campaigns.document import Document, parse
from campaigns.models import Campaign, FrequencyCap, Message

INSIDE = Enrollment.INSIDE


class Memory:
    """What was, so that it can be asked whether it stayed so."""

    def __init__(self) -> None:
        self.inside: Counter[int] = Counter()
        self.chosen: dict[int, str] = {}
        self.documents: dict[int, Document] = {}
        self.last = 0

    def holds(self) -> None:
        visits: dict[int, list[Visit]] = defaultdict(list)
        for visit in Visit.objects.order_by("pk"):
            visits[visit.enrollment_id].append(visit)
        rows = list(Enrollment.objects.select_related("version"))
        for row in rows:
            _is_where_their_version_is(row, visits[row.pk], self._document(row))
            _took_one_step_after_the_other(row, visits[row.pk])
        _calls_are_for_those_who_stand_there(visits)
        _who_is_held_by_a_fuse_can_be_let_go(rows, visits)
        self._gates_are_kept({row.pk: row for row in rows}, visits)
        self._choices_stand()
        self._nobody_comes_only_to_leave(rows)
        limits_are_kept()

    def _document(self, row: Enrollment) -> Document:
        if row.version_id not in self.documents:
            self.documents[row.version_id] = parse(row.version.document)
        return self.documents[row.version_id]

    def _gates_are_kept(self, rows: dict[int, Enrollment], visits: dict[int, list[Visit]]) -> None:
        """Never more inside than there are places; nobody is sent out where a version has fewer."""
        inside: Counter[int] = Counter()
        gates = {gate.pk: gate for gate in Gate.objects.all()}
        latest: dict[tuple[int, int], Place] = {}
        for place in Place.objects.order_by("occurrence"):
            latest[place.gate_id, place.enrollment_id] = place
        for (pk, enrollment), place in latest.items():
            its = visits[enrollment]
            [at] = [
                visit.pk
                for visit in its
                if (visit.step_uid, visit.occurrence) == (gates[pk].step_uid, place.occurrence)
            ]
            through = any(visit.step_uid == gates[pk].until and visit.pk > at for visit in its)
            inside[pk] += bool(place.taken_at and rows[enrollment].state in INSIDE and not through)
        for pk, count in inside.items():
            assert count <= max(gates[pk].places, self.inside[pk]), f"{count} inside, {gates[pk].places} places"
        self.inside = inside

    def _nobody_comes_only_to_leave(self, rows: list[Enrollment]) -> None:
        """Whose entry event gives a reason to leave does not enter; of several read at once the last may do so."""
        for row in rows:
            alone = row.pk > self.last and self._document(row).on_repeat == "ignore"
            assert not (alone and self._is_odd(row)), "entered, and would have to leave at once"
        self.last = max((row.pk for row in rows), default=0)

    def _is_odd(self, row: Enrollment) -> bool:
        document = self._document(row)
        leaves = any(watch.uid == "odd" for watch in document.exits)
        # Where they wait for the trigger again, it may have brought the order since.
        again = not document.entry_key and any(step.config.get("again") for step in document.steps)
        return leaves and not again and row.data.get("order") == "b"

    def who_has_to_leave_has_left(self) -> None:
        """Where the engine came to rest; of a reason that was there when they entered."""
        self.holds()
        inside = Enrollment.objects.filter(state__in=["active", "held"], campaign__in=Campaign.objects.running())
        for row in inside.filter(version__published_at__lte=F("entered_at")):
            assert not self._is_odd(row), "has a reason to leave, and is inside"

    def gates_are_full(self) -> None:
        """Where the engine came to rest: who waits at a gate waits because its places are taken."""
        self.holds()
        for place in Place.objects.filter(state="waiting", enrollment__state="held").select_related("gate__campaign"):
            gate, here = place.gate, place.enrollment.visits.filter(left_at=None).first()
            waits = here and (here.step_uid, here.occurrence) == (gate.step_uid, place.occurrence)
            if waits and gate.campaign.state in ("active", "draining"):
                assert self.inside[gate.pk] >= gate.places, f"{self.inside[gate.pk]} inside, and others wait"

    def _choices_stand(self) -> None:
        """A random choice changes only where its way is there no more."""
        chosen = {row.pk: row for row in Assignment.objects.select_related("campaign__live")}
        for pk, row in chosen.items():
            before = self.chosen.get(pk, row.arm)
            assert before == row.arm or row.name != "holdout", "held out, and then not"
        self.chosen = {pk: row.arm for pk, row in chosen.items()}


def _is_where_their_version_is(row: Enrollment, visits: list[Visit], document: Document) -> None:
    step, here = document.step(row.step_uid), next((visit for visit in visits if visit.left_at is None), None)
    assert row.state not in INSIDE or step, f"stands in {row.step_uid}, which their version has not"
    assert row.state not in ("finished", "exited") or row.explanation, f"{row.state}, and nobody knows why"
    assert not row.listens or (row.state == "active" and here and here.kind == "wait_for"), "listens, and does not wait"
    assert not row.listens or here.step_uid == row.step_uid, "listens in a step that it has left"


def _took_one_step_after_the_other(row: Enrollment, visits: list[Visit]) -> None:
    for before, after in zip(visits, visits[1:], strict=False):
        assert before.left_at and before.left_at <= after.entered_at, "in two steps at once"
    for visit in visits:
        assert visit.explanation and (visit.left_at is None or visit.entered_at <= visit.left_at)
        assert visit.left_at is None or visit.arm, "left by no way"


def _calls_are_for_those_who_stand_there(visits: dict[int, list[Visit]]) -> None:
    for call in Call.objects.filter(state__in=Call.OPEN, by_hand=False):
        here = [visit for visit in visits[call.enrollment_id] if visit.left_at is None]
        assert (call.step_uid, call.occurrence) in [(visit.step_uid, visit.occurrence) for visit in here], (
            "called after"
        )


def limits_are_kept() -> None:
    """In no stretch of time does an address get more marketing mails than a limit says."""
    sent: dict[tuple[int, int | None], list[datetime]] = defaultdict(list)
    mails = Message.objects.filter(purpose="marketing", sent_at__isnull=False, contact__is_test=False)
    for message in mails.order_by("sent_at"):
        for topic in {None, message.topic_id}:
            sent[message.address_id, topic].append(message.sent_at)
    for cap in FrequencyCap.objects.all():
        for (_, topic), times in sent.items():
            if topic == cap.topic_id:
                for first, last in zip(times, times[cap.most :], strict=False):
                    assert last - first >= cap.window, f"{cap}, and yet from {first} to {last}"


def _who_is_held_by_a_fuse_can_be_let_go(rows: list[Enrollment], visits: dict[int, list[Visit]]) -> None:
    blown = set(Fuse.objects.filter(blown_at__isnull=False).values_list("campaign", "step_uid"))
    for row in rows:
        here = visits[row.pk][-1] if row.state == "held" else None
        if here and here.facts.get("fuse") == "held":
            assert (row.campaign_id, row.step_uid) in blown and here.step_uid == row.step_uid, "held by a whole fuse"


# --- where everything has come to rest ---


def everybody_has_a_way_on(now: datetime) -> None:
    """Whoever is inside has a time that is to come, or waits for a person, or for others at a gate."""
    gates = {(gate.campaign_id, gate.step_uid): gate for gate in Gate.objects.all()}
    for row in Enrollment.objects.active().filter(campaign__in=Campaign.objects.running()):
        here = row.visits.filter(left_at=None).first()
        parked = here and (
            (here.message and here.message.state == "parked") or row.calls.filter(state="parked").exists()
        )
        queues = here and here.kind == "gate" and (row.campaign_id, here.step_uid) in gates
        fuse = here and here.facts.get("fuse") == "held"
        assert row.due_at or parked or queues or fuse, f"{row.state} for ever in {row.step_uid}: {here and here.kind}"


def numbers_are_those_of_the_rows(campaigns: list[int], accepted: list) -> None:
    """What pages say is what there is (P6)."""
    arrived = {str(mail.message["Message-ID"]).strip() for mail in accepted}
    for campaign in Campaign.objects.filter(pk__in=campaigns):
        told = numbers.by_step(campaign)
        inside = campaign.enrollments.filter(state__in=INSIDE, contact__is_test=False)
        assert {uid: one.waiting for uid, one in told.items() if one.waiting} == Counter(
            inside.values_list("step_uid", flat=True)
        )
        mails = Message.objects.filter(campaign=campaign, purpose__in=["marketing", "transactional"])
        mails = mails.exclude(contact__is_test=True)
        sent = Counter(mails.filter(message_id__in=arrived).exclude(state="unknown").values_list("step_uid", flat=True))
        assert {uid: one.sent for uid, one in told.items() if one.sent} == sent, f"{told}, {sent}"


def nobody_is_left() -> None:
    """Once the campaigns are archived nobody is inside, and nothing is on its way."""
    assert not Enrollment.objects.active().exists()
    assert not Call.objects.filter(state__in=Call.OPEN, by_hand=False).exists()
    assert not Message.objects.filter(settled_at=None).exclude(state="parked").exists()
    assert not Visit.objects.filter(left_at=None).exists()
