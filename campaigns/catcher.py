"""The mail catcher: takes every mail on a local port and shows it under *Caught mail*, delivering nothing."""

import asyncio
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from django.db import close_old_connections

from campaigns.models import CaughtMail
from lib import clock

KEEP = 5000


class Catcher:
    """The handler of aiosmtpd's server; rows are written in a thread, so that a slow disk holds up nobody."""

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  aiosmtpd's name
        await asyncio.to_thread(
            _in_thread, envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or envelope.content
        )
        return "250 2.0.0 Caught"


def _in_thread(sender: str, recipients: list[str], raw: bytes) -> None:
    close_old_connections()  # no request ends here that would drop a dead one
    catch(sender, recipients, raw)


def catch(sender: str, recipients: list[str], raw: bytes) -> None:
    """Keep one mail, whatever it looks like: a row for each recipient."""
    subject = _subject(raw)
    CaughtMail.objects.bulk_create(
        CaughtMail(sender=sender[:320], recipient=recipient[:320], subject=subject, raw=raw, caught_at=clock.now())
        for recipient in recipients
    )


def _subject(raw: bytes) -> str:
    """What of the subject can be read; a mail that cannot is caught nevertheless."""
    try:
        subject = str(message_from_bytes(raw, policy=policy.default).get("Subject", ""))
    except Exception:  # noqa: BLE001  the standard library's parser fails in many ways on broken headers
        return ""
    return subject.encode("utf-8", "replace").decode().replace("\x00", "")


def controller(host: str, port: int) -> Controller:
    """A server that runs in a thread of its own: `start()` and `stop()` it."""
    return Controller(Catcher(), hostname=host, port=port, ident="Dripline mail catcher", enable_SMTPUTF8=True)


def forget_old(now) -> None:
    """Keep the newest few thousand."""
    ids = CaughtMail.objects.order_by("-id").values_list("id", flat=True)[KEEP : KEEP + 1]
    for newest_to_go in ids:
        CaughtMail.objects.filter(id__lte=newest_to_go).delete()
