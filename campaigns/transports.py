"""Ways out for mail, by EMAIL_URL: our SMTP transport, or a provider through django-anymail.

`smtp://user:password@host:587` (`smtp+tls`: STARTTLS, `smtp+ssl`: TLS from the start), or
`anymail+postmark://?server_token=…`: the provider's name and its settings as django-anymail documents them.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection

from campaigns.delivery import Envelope, Outcome
from campaigns.mime import assemble, mailbox
from campaigns.rendering import Mail
from campaigns.smtp import Queue, SmtpTransport

Commit = Callable[[list[Outcome], Mail | None], bool]
SECURITY = {"smtp": "none", "smtp+tls": "starttls", "smtp+ssl": "ssl"}
DEFAULT_PORT = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}


class Transport(Protocol):
    """One way out; one per thread."""

    def send_all(self, mails: Iterable[Mail], commit: Commit) -> None:
        """Hand over each mail at most once; `commit(outcomes, mail)` marks it as being sent, see campaigns.smtp."""

    def close(self) -> None: ...


def transport_from(url: str) -> Transport:
    """The transport that EMAIL_URL names."""
    parts = urlsplit(url)
    if parts.scheme in SECURITY:
        return SmtpWay(
            SmtpTransport(
                parts.hostname or "127.0.0.1",
                parts.port or DEFAULT_PORT[parts.scheme],
                unquote(parts.username or ""),
                unquote(parts.password or ""),
                security=SECURITY[parts.scheme],  # type: ignore[arg-type]
            )
        )
    if parts.scheme.startswith("anymail+"):
        return ApiWay(parts.scheme.removeprefix("anymail+"), dict(parse_qsl(parts.query)))
    raise ImproperlyConfigured(
        "The environment variable EMAIL_URL must begin with smtp://, smtp+tls://, smtp+ssl:// or anymail+PROVIDER://."
    )


class SmtpWay:
    """SMTP: mails are assembled one by one, just before they go out."""

    def __init__(self, transport: SmtpTransport):
        self.transport = transport
        self.unfit: list[Outcome] = []

    def send_all(self, mails: Iterable[Mail], commit: Commit) -> None:
        def commit_with_unfit(outcomes: list[Outcome], envelope: Envelope | None) -> bool:
            unfit, self.unfit = self.unfit, []
            return commit([*outcomes, *unfit], envelope.ref if envelope else None)

        self.transport.send_all(
            self._envelopes(mails), lambda done, envelope: commit_with_unfit([_own(one) for one in done], envelope)
        )
        if self.unfit:
            commit_with_unfit([], None)

    def _envelopes(self, mails: Iterable[Mail]) -> Iterator[Envelope]:
        for mail in mails:
            try:
                yield Envelope(mail, mail.sender[1], mail.recipient[1], _bytes(mail))
            except ValueError as fault:  # what cannot be written as a mail is nobody's but this message's fault
                self.unfit.append(Outcome(mail.ref, "rejected", "body", text=str(fault)))

    def close(self) -> None:
        self.transport.close()


def _own(outcome: Outcome) -> Outcome:
    """The envelope's reference is the mail; the sender's is the mail's own."""
    return Outcome(outcome.ref.ref, outcome.kind, outcome.stage, outcome.code, outcome.enhanced, outcome.text)


def _bytes(mail: Mail) -> bytes:
    return assemble(
        sender=mail.sender,
        to=mail.recipient,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        message_id=mail.message_id,
        date=mail.date,
        headers=mail.headers,
    )


class ApiWay:
    """A provider's HTTP API: the mark is committed just before the request."""

    def __init__(self, provider: str, options: dict[str, str]):
        upper = {f"{provider.upper().replace('-', '_')}_{name.upper()}": value for name, value in options.items()}
        settings.ANYMAIL.update(upper)
        module = provider.replace("-", "_")
        self.connection = get_connection(f"anymail.backends.{module}.EmailBackend")

    def send_all(self, mails: Iterable[Mail], commit: Commit) -> None:
        done: list[Outcome] = []
        queue = Queue(mails)  # where the next cannot be had, the last is reported first
        for mail in queue:
            if commit(done, mail):
                done = [self._send(mail)]
            else:
                done = []
        commit(done, None)
        if queue.error is not None:
            raise queue.error

    def _send(self, mail: Mail) -> Outcome:
        message = EmailMultiAlternatives(
            mail.subject,
            mail.text,
            mailbox(*mail.sender),
            [mail.recipient[1]],
            headers={**mail.headers, "Message-ID": mail.message_id},
            connection=self.connection,
        )
        if mail.html:
            message.attach_alternative(mail.html, "text/html")
        message.metadata = {"message": mail.message_id.strip("<>").partition("@")[0]}  # type: ignore[attr-defined]
        try:
            message.send()
        except Exception as fault:  # noqa: BLE001  classed below; an unclassed one leaves the mail unknown
            return Outcome(mail.ref, _kind(fault), "api", _status(fault), text=str(fault)[:300])
        if not _accepted(message.anymail_status):  # type: ignore[attr-defined]
            return Outcome(mail.ref, "unknown", "api", 200, text="it did not say what became of the message")
        return Outcome(mail.ref, "sent", "api", 200)

    def close(self) -> None:
        self.connection.close()


def _accepted(status) -> bool:
    """An answer may be friendly and yet say nothing about the message."""
    return bool(status.message_id or (status.status or set()) & {"sent", "queued"})


def _status(fault: Exception) -> int:
    return getattr(fault, "status_code", None) or 0


def _kind(fault: Exception):
    """The error classes of providers: certain refusals, “later”, and what may have been accepted."""
    if isinstance(fault, AnymailRecipientsRefused):
        return "hard_bounce"
    status = _status(fault)
    if status in (401, 403):
        return "login"
    if status in (429, 503):
        return "retry"
    if 400 <= status < 500:
        return "rejected"
    cause = fault.__cause__
    if isinstance(fault, AnymailAPIError) and isinstance(cause, requests.ConnectTimeout):
        return "retry"
    if isinstance(cause, requests.ConnectionError) and "refused" in str(cause).lower():
        return "retry"
    if isinstance(fault, AnymailError) and not isinstance(fault, AnymailAPIError):
        return "rejected"
    return "unknown"
