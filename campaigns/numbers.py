"""What came of campaigns and their steps: people waiting, mails sent, opened, clicked, failed.

Everything is counted from the rows themselves, in a fixed number of queries. Test contacts and test mails are left out,
also where the engine will move them: what becomes of whom it moves is in `campaigns.impact`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet

from campaigns.models import Campaign, Message

SENT = Q(sent_at__isnull=False)
CLICKED = Q(clicked_by_human_at__isnull=False)
OPENED = Q(opened_by_human_at__isnull=False) | CLICKED  # who clicked has seen it
FAILED = (
    Q(state=Message.State.NOT_SENT)
    | Q(state=Message.State.PARKED)
    | Q(state=Message.State.UNKNOWN)
    | Q(outcome=Message.Outcome.BOUNCED)
)
MAIL_KINDS = ("email", "digest")  # kinds of steps whose mails are counted
# Ways out of a step that mails, of those for whom no message was written.
NO_MAIL = {
    "capped": "Over a frequency limit",
    "outside_window": "Outside of the send window",
    "holdout": "Held out by chance",
    "skipped": "Left out: “only if”, or a date that was past",
}
NOT_DONE = ("failed", "refused")  # ways out of the other kinds of steps, of those with whom it did not work
WITHOUT = "without:"  # begins a reason of those for whom no message was written


@dataclass
class Numbers:
    """Counts of one campaign or of one step. Mails are counted, so that what was opened is a part of what was sent."""

    waiting: int = 0
    sent: int = 0
    opened: int = 0
    """Mails that people opened, however often; machines do not count, and a click is an open."""
    clicked: int = 0
    passed: int = 0
    """How often somebody went on from it."""
    ways: dict[str, int] = field(default_factory=dict)
    """The same by the way that they took."""
    failures: dict[str, int] = field(default_factory=dict)
    """By the reason (`reason_in_words`) how many mails were not sent or came back, or how often it did not work."""
    mails: bool = True
    """Whether it is a step that sends mail."""

    @property
    def failed_total(self) -> int:
        return sum(self.failures.values())

    @property
    def failed(self) -> list[tuple[str, int]]:
        """(reason in words, count), largest first."""
        return [(reason_in_words(reason), count) for reason, count in self.by_reason]

    @property
    def by_reason(self) -> list[tuple[str, int]]:
        return sorted(self.failures.items(), key=lambda found: -found[1])

    def share(self, count: int) -> str:
        """`count` as a part of what was sent, such as “41 %”; empty when nothing was sent."""
        return f"{round(100 * count / self.sent)} %" if self.sent else ""

    @property
    def opened_share(self) -> str:
        return self.share(self.opened)

    @property
    def clicked_share(self) -> str:
        return self.share(self.clicked)


def _inside(campaign_ids: list[int]):
    """Campaigns joined with the enrollments that have not left them (which live in the layer above)."""
    return Campaign.objects.filter(
        pk__in=campaign_ids,
        enrollments__entered_at__isnull=False,
        enrollments__left_at__isnull=True,
        enrollments__contact__is_test=False,
    )


def real(mails: QuerySet) -> QuerySet:
    """Without tests of mails, mails to test contacts, and notes to the team."""
    return mails.filter(contact__is_test=False).exclude(purpose__in=Message.UNCOUNTED)


def _real_mails():
    return real(Message.objects.all())


def _counts() -> dict:
    return {
        "sent": Count("pk", filter=SENT),
        "opened": Count("pk", filter=SENT & OPENED),
        "clicked": Count("pk", filter=SENT & CLICKED),
    }


def by_step(campaign: Campaign) -> dict[str, Numbers]:
    """Numbers per step uid, since the campaign began; four queries."""
    numbers: dict[str, Numbers] = {}
    inside = _inside([campaign.pk]).values(step=F("enrollments__step_uid"))
    for row in inside.annotate(waiting=Count("enrollments")).order_by():
        numbers.setdefault(row["step"], Numbers()).waiting = row["waiting"]
    mails = _real_mails().filter(campaign=campaign)
    for row in mails.values("step_uid").annotate(**_counts()).order_by():
        _fill(numbers.setdefault(row["step_uid"], Numbers()), row)
    failures = mails.filter(FAILED).values("step_uid", "state", "outcome").annotate(count=Count("pk"))
    for row in failures.order_by():
        _add(numbers.setdefault(row["step_uid"], Numbers()), row["outcome"] or row["state"], row["count"])
    for row in _left(campaign):
        _count_way(numbers.setdefault(row["step"], Numbers()), row)
    return numbers


def _left(campaign: Campaign):
    """How often real people went on from each step, by which way (visits live in the layer above)."""
    here = Q(enrollments__visits__left_at__isnull=False, enrollments__contact__is_test=False)
    visits = Campaign.objects.filter(here, pk=campaign.pk)
    names = {name: F(f"enrollments__visits__{name}") for name in ("arm", "kind")}
    rows = visits.values(step=F("enrollments__visits__step_uid"), **names)
    without = Count("enrollments__visits", filter=Q(enrollments__visits__message__isnull=True))
    return rows.annotate(count=Count("enrollments__visits"), without=without).order_by("-count")


def _count_way(numbers: Numbers, row: dict) -> None:
    if row["arm"] == "exit":  # they left the campaign, not the step
        return
    numbers.passed += row["count"]
    numbers.ways[row["arm"]] = numbers.ways.get(row["arm"], 0) + row["count"]
    if row["without"] and no_mail(row["kind"], row["arm"]):
        _add(numbers, WITHOUT + row["arm"], row["without"])


def _add(numbers: Numbers, reason: str, count: int) -> None:
    numbers.failures[reason] = numbers.failures.get(reason, 0) + count


def no_mail(kind: str, arm: str) -> str:
    """Why nothing was done for who left a step of this kind by this way, without a message; empty: it was done."""
    if kind in MAIL_KINDS:
        return NO_MAIL.get(arm, "")
    return "It did not work" if arm in NOT_DONE else ""


def since(campaign_ids: Iterable[int], start: datetime) -> dict[int, Numbers]:
    """Numbers per campaign: people inside now, and what was sent since `start`; two queries."""
    ids = list(campaign_ids)
    numbers = {pk: Numbers() for pk in ids}
    for row in _inside(ids).values("pk").annotate(waiting=Count("enrollments")).order_by():
        numbers[row["pk"]].waiting = row["waiting"]
    mails = _real_mails().filter(campaign__in=ids, sent_at__gte=start)
    for row in mails.values("campaign").annotate(**_counts()).order_by():
        _fill(numbers[row["campaign"]], row)
    return numbers


def _fill(numbers: Numbers, row: dict) -> None:
    numbers.sent, numbers.opened, numbers.clicked = row["sent"], row["opened"], row["clicked"]


def reason_in_words(reason: str) -> str:
    """Why there was no mail, or why it did not work."""
    if reason.startswith(WITHOUT):
        return NO_MAIL.get(reason.removeprefix(WITHOUT), "It did not work")
    labels: dict[str, Any] = {**dict(Message.State.choices), **dict(Message.Outcome.choices)}
    return str(labels.get(reason, reason))


def of_reason(reason: str) -> Q:
    """The messages among `FAILED` that have this reason."""
    return Q(outcome=reason) | Q(outcome="", state=reason)
