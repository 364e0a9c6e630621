"""One contact's way through a campaign with a moved clock, for tests: the real engine, mails caught, nothing outside.

Used by the plugin `automation.testing` only, over a test's own database.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import msgspec
from aiosmtpd.controller import Controller
from django.utils import timezone

from automation import standing_in
from automation.entering import enter_contacts
from automation.models import Enrollment, Refusal, Visit
from automation.webhooks import calling
from campaigns import files, lifecycle
from campaigns.document import Document
from campaigns.models import Campaign
from contacts.models import Contact, Identity
from events import recording
from events.items import Item
from lib.durations import UNITS, duration, in_words
from lib.http_call import Answer, Request
from ops.models import Source
from ops.work import QUEUES

START = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
USER = "the-contact-of-this-test"
IDENTIFY = "identify"
ROUNDS = 1_000
Event = str | tuple[Any, ...]
Told = tuple[datetime, str, dict[str, Any]]  # when, what, its properties


class MailSent(tuple):
    """(after, subject), such as ("2 days", "Getting started"); with `to`, `text`, `html` and `at`."""

    at: datetime
    to: str
    text: str
    html: str


@dataclass
class Run:
    """What happened: times are told as how long after the start, “at once” for none."""

    mails: list[MailSent] = field(default_factory=list)
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    """(after, uid, what was decided in a sentence) of each step begun."""
    exits: list[tuple[str, str]] = field(default_factory=list)
    """(after, reason) of each early end; the reasons are those of docs/testing-campaigns.md."""
    refusals: list[tuple[str, str]] = field(default_factory=list)
    """(after, why) each time they did not enter although something happened that lets people in."""
    webhooks: list[tuple[str, str, Any]] = field(default_factory=list)
    """(after, address, body) of each call that would have been made, or was."""
    states: list[str] = field(default_factory=list)
    """Of each time they entered: active, held, parked, finished or exited."""

    @property
    def entered(self) -> int:
        """How many times they entered."""
        return len(self.states)


@contextmanager
def caught_mail(settings) -> Iterator["Inbox"]:
    """A mail server on loopback that keeps what it takes, as the site's way out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    server.start()
    settings.EMAIL_URL, settings.MAIL_CONNECTIONS = f"smtp://127.0.0.1:{port}", 1
    try:
        yield inbox
    finally:
        server.stop()


class Inbox:
    """The handler of the mail server."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's name
        self.taken.append(cast(EmailMessage, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 2.0.0 Caught"


class Player:
    """Plays one run in a test."""

    def __init__(self, settings, monkeypatch, inbox: Inbox):
        self.settings, self.monkeypatch, self.inbox = settings, monkeypatch, inbox
        self.run, self.start = Run(), START
        self._set(START)  # what the test makes first is made then

    def play(
        self,
        campaign: str | Path | Campaign | Document,
        contact: Mapping[str, Any] | None = None,
        *,
        events: Sequence[Event] = (),
        until: str = "7 days",
        start: datetime = START,
        enter: Mapping[str, Any] | None = None,
        webhooks: bool | Mapping[str, Any] = False,
    ) -> Run:
        """Run the campaign for one contact until so long after `start`; docs/testing-campaigns.md."""
        end, told = self._asked(start, until, events)
        self._rest()
        self.run, self.start, self.webhooks = Run(), start, webhooks
        self._set(start)
        self.inbox.taken.clear()
        if webhooks is not True:
            self.monkeypatch.setattr(calling, "call", self._answer)
        row = self._live(campaign)
        source = Source.objects.create(name=f"campaign_run {timezone.now().timestamp()}")
        self._record(source, Item(kind="identify", user_id=USER, traits=dict(contact or {})))
        if (email := (contact or {}).get("email")) and not self._contact().email:
            raise ValueError(f"“{email}” is no e-mail address; give the contact one such as ann@example.com.")
        self._rest()
        if enter is not None:
            enter_contacts(row.pk, [self._contact().pk], self.now, "api", what="campaign_run", data=enter)
        for at, name, properties in told:
            self._go_to(at)
            self._record(source, _item(name, properties))
        self._go_to(end)
        return self._told(row)

    # --- the scene ---

    def _asked(self, start: datetime, until: str, events: Sequence[Event]) -> tuple[datetime, list[Told]]:
        """When it ends, and what happens until then, in order; raises ValueError for what cannot be played."""
        if start.tzinfo is None:
            raise ValueError(f"“start” needs a time zone, such as datetime({start.year}, 3, 2, 9, tzinfo=UTC).")
        end, told = start + span(until), sorted((_event(start, one) for one in events), key=lambda one: one[0])
        for at, name, _ in told:
            if at > end:
                raise ValueError(f"“{name}” comes {in_words(at - start)} after the start; run until then, or longer.")
        return end, told

    def _live(self, campaign: str | Path | Campaign | Document) -> Campaign:
        standing_in.site()
        publisher = standing_in.publisher()
        if isinstance(campaign, str | Path):
            raw = Path(campaign).read_bytes() if isinstance(campaign, Path) or "\n" not in campaign else campaign
            standing_in.for_file(raw, self.now)
            campaign = files.read(raw).document
        if isinstance(campaign, Document):
            campaign = lifecycle.create(campaign, publisher, self.now)
        if campaign.state == Campaign.State.DRAFT:
            return lifecycle.activate(campaign, publisher, self.now)
        return campaign

    def _record(self, source: Source, item: Item) -> None:
        recorded = recording.record(source, [item], self.now)
        if recorded.rejected:
            raise ValueError(f"The event cannot be taken: {recorded.rejected[0]}")

    def _contact(self) -> Contact:
        return Contact.objects.get(identities__kind=Identity.Kind.USER, identities__value=USER)

    # --- time ---

    def _set(self, moment: datetime) -> None:
        self.now = moment
        self.settings.CLOCK_OFFSET = str((moment - timezone.now()).total_seconds())

    def _go_to(self, end: datetime) -> None:
        """From one thing that is due to the next, as the worker would."""
        self._rest()
        while (moment := self._next(end)) is not None:
            self._set(moment)
            self._rest()
        self._set(end)
        self._rest()

    def _rest(self) -> None:
        """Work off everything that is due now."""
        for _ in range(ROUNDS):
            handled = sum(queue.work(self.now) for queue in QUEUES)
            self._note_mails()
            if not handled:
                return
        raise RuntimeError(f"The campaign does not come to rest {after(self.start, self.now)} after the start.")

    def _next(self, end: datetime) -> datetime | None:
        """The second when something is due next, by halving; what is due but cannot be done is not waited for."""
        queues = [queue for queue in QUEUES if not queue.is_due(self.now)]
        queues = [queue for queue in queues if queue.is_due(end)]
        if not queues:
            return None
        low, high = 0, int((end - self.now).total_seconds()) + 1
        while high - low > 1:
            middle = (low + high) // 2
            moment = self.now + timedelta(seconds=middle)
            low, high = (low, middle) if any(queue.is_due(moment) for queue in queues) else (middle, high)
        return min(self.now + timedelta(seconds=high), end)

    # --- what is told ---

    def _note_mails(self) -> None:
        taken, self.inbox.taken[:] = list(self.inbox.taken), []
        for message in taken:
            mail = MailSent((after(self.start, self.now), str(message["Subject"])))
            mail.at, mail.to = self.now, str(message["To"])
            mail.text, mail.html = _body(message, "plain"), _body(message, "html")
            self.run.mails.append(mail)

    def _answer(self, request: Request, networks: Any) -> Answer:
        """The webhook is not called: it answers what the test says, else 200 and nothing."""
        said = self.webhooks.get(request.url, {}) if isinstance(self.webhooks, Mapping) else {}
        body = request.body.decode("utf-8", "replace")
        self.run.webhooks.append((after(self.start, self.now), request.url, _json(body)))
        if isinstance(said, int):
            return Answer(said, {}, b"")
        return Answer(200, {"content-type": "application/json"}, msgspec.json.encode(said))

    def _told(self, campaign: Campaign) -> Run:
        contact = self._contact()
        rows = Enrollment.objects.filter(campaign=campaign, contact=contact).order_by("pk")
        visits = Visit.objects.filter(enrollment__in=rows).order_by("entered_at", "pk")
        self.run.steps = [(after(self.start, one.entered_at), one.step_uid, one.explanation) for one in visits]
        self.run.states = [row.state for row in rows]
        left = [row for row in rows if row.state == Enrollment.State.EXITED and row.left_at]
        self.run.exits = [(after(self.start, row.left_at), row.reason) for row in left if row.left_at]
        refused = Refusal.objects.filter(campaign=campaign, contact=contact).order_by("at", "pk")
        self.run.refusals = [(after(self.start, one.at), one.explanation) for one in refused]
        return self.run


def _event(start: datetime, event: Event) -> Told:
    """`"name"`, `("name", {…})`, `("2 days", "name")` or `("2 days", "name", {…})`."""
    parts: list[Any] = [event] if isinstance(event, str) else list(event)
    after_ = span(parts.pop(0)) if len(parts) > 1 and isinstance(parts[1], str) else timedelta()
    return start + after_, parts[0], dict(parts[1]) if len(parts) > 1 else {}


def _item(name: str, properties: dict) -> Item:
    """Something they did, or what becomes known of them meanwhile."""
    if name == IDENTIFY:
        return Item(kind="identify", user_id=USER, traits=properties)
    return Item(kind="track", user_id=USER, event=name, properties=properties)


def span(text: str) -> timedelta:
    """“2 days”, “90 minutes”, “1 day and 6 hours”."""
    total = timedelta()
    for part in text.split(" and "):
        amount, _, unit = part.strip().partition(" ")
        unit = unit if unit.endswith("s") else f"{unit}s"
        if unit not in UNITS or not amount.replace(".", "", 1).isdigit():
            raise ValueError(f"“{text}” is no length of time; write one such as 2 days, 90 minutes, 1 day and 6 hours.")
        total += duration(float(amount), unit)
    return total


def after(start: datetime, moment: datetime) -> str:
    """How long after the start, to the minute."""
    passed = moment - start
    return in_words(passed) if passed >= timedelta(minutes=1) else "at once"


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""


def _json(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
