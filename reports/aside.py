"""What the engine has laid aside until a person decides: what each kind is, how it reads, what may be done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet

from automation import fuse_notices, fuse_releasing, fuses
from automation import releasing as enrollments
from automation.fuse_models import Fuse
from automation.models import Call, Enrollment
from automation.webhooks import deciding as calls
from campaigns import releasing as messages
from campaigns.models import Message
from contacts import releasing as merges
from contacts.models import Change, Merge
from events import releasing as changes
from integrations import deciding as pushes
from integrations.models import Push
from lib import clock
from lib.words import capital

SHOWN = 5


@dataclass(frozen=True)
class Line:
    """One row in words; `page` names its page, for those with the permission `may`."""

    pk: str
    title: str
    reason: str
    at: datetime | None = None
    detail: str = ""
    page: str = ""
    may: str = ""


@dataclass(frozen=True)
class Deed:
    """A button: its verb takes (rows, by, now) and returns how many."""

    key: str
    button: str
    verb: Callable[..., int]
    effect: str
    done: str
    danger: bool = False


@dataclass(frozen=True)
class Found:
    """What there is of one kind: how many (one more than the cap: there are more), and the first of them."""

    kind: "Kind"
    count: int
    cap: int
    lines: Sequence[Line]

    @property
    def number(self) -> str:
        return f"more than {self.cap:,}" if self.count > self.cap else f"{self.count:,}"

    @property
    def more(self) -> int:
        return self.count - len(self.lines)


@dataclass(frozen=True)
class Kind:
    """One kind of rows that wait for a person."""

    key: str
    title: str
    singular: str
    plural: str
    explanation: str
    rows: Callable[[], QuerySet]
    line: Callable[[Any], Line]
    deeds: Sequence[Deed]

    def read(self, cap: int) -> Found:
        rows = self.rows()
        lines = [self.line(row) for row in rows.order_by("pk")[:SHOWN]]
        count = len(lines) if len(lines) < SHOWN else rows.order_by()[: cap + 1].count()
        return Found(self, count, cap, lines)

    def named(self, count: int) -> str:
        return f"1 {self.singular}" if count == 1 else f"{count:,} {self.plural}"

    def deed(self, key: str) -> Deed | None:
        return next((deed for deed in self.deeds if deed.key == key), None)

    def __reduce__(self) -> tuple:
        """Kept in the cache by its name: functions cannot be."""
        return _kind, (self.key,)


def _kind(key: str) -> Kind:
    return ASIDE[key]


def _message(message: Message) -> Line:
    title = f"“{message.template}” of {message.campaign}" if message.campaign else f"“{message.template}”"
    detail = f"Message-ID {message.message_id}" if message.message_id else ""
    at = message.settled_at or message.created_at
    page = "admin:campaigns_message_change"
    return Line(str(message.pk), title, message.reason, at, detail, page, "campaigns.view_message")


def _enrollment(row: Enrollment) -> Line:
    page, may = "admin:automation_enrollment_change", "automation.view_enrollment"
    title = f"Contact {row.contact_id} in {row.campaign}"
    return Line(str(row.pk), title, row.said, row.entered_at, row.technical[:300], page, may)


def _fuse(fuse: Fuse) -> Line:
    page, said = "admin:automation_fuse_release", fuses.sentence(fuse, fuses.today(clock.now()))
    title = f"{fuse_notices.step_words(fuse)} in {fuse.campaign}"
    return Line(str(fuse.pk), title, capital(said), fuse.blown_at, "", page, fuse_notices.PUBLISH)


def _call(call: Call) -> Line:
    title, page = f"{call} in {call.campaign}", "admin:automation_call_change"
    return Line(str(call.pk), title, call.reason, call.created_at, call.webhook_id, page, "automation.view_call")


def _push(push: Push) -> Line:
    title, page = f"Contact {push.contact_id} to {push.connection}", "admin:integrations_push_change"
    return Line(str(push.pk), title, push.reason, push.created_at, "", page, "integrations.view_push")


def _change(change: Change) -> Line:
    what = {"event": "An event", "merged": "A merge", "company": "A company", "consent": "A word on consent"}
    title = f"{what.get(change.kind, change.kind.capitalize())} of contact {change.contact_id}"
    detail = ", ".join(str(name) for name in change.names[:5])
    return Line(str(change.pk), title, change.parked_because, change.event_at, detail)


def _merge(merge: Merge) -> Line:
    title = f"Contact {merge.loser_id} was merged into {merge.winner_id}"
    return Line(str(merge.pk), title, merge.fault, merge.at)


def _messages(**wanted: Any) -> Callable[[], QuerySet]:
    return lambda: Message.objects.filter(**wanted).select_related("template", "campaign")


def _rows(model: type[Model], condition: Any, *related: str) -> Callable[[], QuerySet]:
    # Without names, select_related() would follow every relation.
    def rows() -> QuerySet:
        found = model._default_manager.filter(condition)
        return found.select_related(*related) if related else found

    return rows


ARRIVED = Deed(
    "arrived", "It arrived", messages.arrived,
    "It counts as sent from then on. Nothing is mailed.", "noted as sent",
)  # fmt: skip
NOT_ARRIVED = Deed(
    "not-arrived", "It did not arrive", messages.did_not_arrive,
    "It counts as not sent from then on. Nothing is mailed.", "noted as not sent",
)  # fmt: skip
RESEND = Deed(
    "resend", "Send again", messages.resend,
    "It is handed over again under the same Message-ID; should the first have arrived, most mailboxes show one. "
    "What is too late by now, or belongs to an archived campaign, is not sent.", "sent again",
)  # fmt: skip
HANDED_OVER = (
    "They were handed over and no answer came, so each may or may not have arrived. "
    "Your mail server's log knows them by their Message-ID."
)

_kinds = [
    Kind(
        "messages", "Parked mails", "parked mail", "parked mails",
        "A worker ended three times with the mail in hand, so it is not tried again by itself.",
        _messages(state=Message.State.PARKED), _message,
        [
            Deed("release", "Release", messages.release,
                 "It is tried again now. What is too late by now is not sent.", "released"),
            Deed("discard", "Discard", messages.discard,
                 "It is never sent; whoever is inside a campaign goes on without it.", "discarded", danger=True),
        ],
    ),
    Kind(
        "enrollments", "People stopped by a fault", "person", "people",
        "A step went wrong for them. Mend the cause first, or they stop again.",
        _rows(Enrollment, enrollments.PARKED, "campaign"), _enrollment,
        [
            Deed("release", "Try again", enrollments.release, "The step that went wrong is tried again now.",
                 "let go on"),
            Deed("discard", "Take out", enrollments.discard,
                 "They leave the campaign and get no more of its mails.", "taken out", danger=True),
        ],
    ),
    Kind(
        "fuses", "Steps that the fuse holds", "step", "steps",
        "They were about to mail far more people than on any day before, or too many of their mails bounced. "
        "Whoever may publish lets them go on.",
        fuse_releasing.all_blown, _fuse, [],
    ),
    Kind(
        "calls", "Parked webhook calls", "parked call", "parked calls",
        "A worker ended three times while it made the call, so it is not tried again by itself.",
        _rows(Call, calls.PARKED, "campaign", "receiver"), _call,
        [
            Deed("release", "Release", calls.release, "It is made again now, under the same id.", "released"),
            Deed("discard", "Discard", calls.discard,
                 "It is never made; whoever waits for it goes on by “failed”.", "discarded", danger=True),
        ],
    ),
    Kind(
        "pushes", "Parked pushes to CRMs", "parked push", "parked pushes",
        "A worker ended three times while it wrote them to the CRM, so it is not tried again by itself.",
        _rows(Push, pushes.PARKED, "connection"), _push,
        [
            Deed("release", "Release", pushes.release, "They are written again now, as the same record.", "released"),
            Deed("discard", "Discard", pushes.discard,
                 "They are not written; whoever waits for it goes on by “failed”.", "discarded", danger=True),
        ],
    ),
    Kind(
        "changes", "Parked changes", "parked change", "parked changes",
        "What was written about a contact is kept, but what should follow from it went wrong.",
        _rows(Change, changes.PARKED), _change,
        [
            Deed("release", "Release", changes.release, "What should follow is tried again now.", "released"),
            Deed("discard", "Discard", changes.discard,
                 "What is known of the contacts stays, but nothing follows from it: nobody enters a campaign by it.",
                 "discarded", danger=True),
        ],
    ),
    Kind(
        "merges", "Parked merges", "parked merge", "parked merges",
        "The two contacts are one, but some of the history could not be moved.",
        _rows(Merge, merges.PARKED), _merge,
        [
            Deed("release", "Release", merges.release, "The rest of the history is moved now.", "released"),
            Deed("discard", "Discard", merges.discard,
                 "The contacts stay one; the rest of the history stays with the one that was merged away.",
                 "discarded", danger=True),
        ],
    ),
    Kind(
        "unknown", "Marketing mails that may have arrived", "mail", "mails",
        f"{HANDED_OVER} They are never mailed a second time: only say what you know.",
        lambda: _messages(state=Message.State.UNKNOWN)().exclude(purpose=Message.Purpose.TRANSACTIONAL), _message,
        [ARRIVED, NOT_ARRIVED],
    ),
    Kind(
        "unknown-transactional", "Transactional mails that may have arrived", "mail", "mails",
        f"{HANDED_OVER} They were handed over twice already.",
        _messages(state=Message.State.UNKNOWN, purpose=Message.Purpose.TRANSACTIONAL), _message,
        [ARRIVED, NOT_ARRIVED, RESEND],
    ),
]  # fmt: skip
ASIDE: dict[str, Kind] = {kind.key: kind for kind in _kinds}
