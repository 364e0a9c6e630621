import smtplib
import socket
from email.message import EmailMessage

import pytest

from campaigns import catcher, sending
from campaigns.models import CaughtMail, Message
from tests.connections import cut_others
from tests.factories import NOW, MessageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def port(transactional_db):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = catcher.controller("127.0.0.1", port)
    controller.start()
    yield port
    controller.stop()
    cut_others()  # those of the catcher's threads, or the test database could not be dropped


def test_a_mail_of_ours_is_caught_whole(port, settings):
    settings.EMAIL_URL, settings.MAIL_CONNECTIONS = f"smtp://127.0.0.1:{port}", 1
    message = MessageFactory(contact__email="ann@example.com", template__subject="Grüße 💧")
    sending.send_due(NOW)
    assert Message.objects.get(pk=message.pk).state == "sent"
    caught = CaughtMail.objects.get()
    assert (caught.sender, caught.recipient, caught.subject) == ("ann@acme.example", "ann@example.com", "Grüße 💧")
    raw = bytes(caught.raw)
    assert (
        b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw and raw.count(b"multipart/alternative") == 1
    )


def test_every_recipient_has_a_row_and_letters_beyond_ascii_are_taken(port):
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Two", "shop@example.com"
    mail.set_content("Hello")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(mail, to_addrs=["ann@example.org", "jörg@example.org"], mail_options=["SMTPUTF8"])
    assert set(CaughtMail.objects.values_list("recipient", "subject")) == {
        ("ann@example.org", "Two"),
        ("jörg@example.org", "Two"),
    }


ODD = {
    "no subject": b"From: a@example.com\r\n\r\nHello\r\n",
    "no header": b"\r\nHello\r\n",
    "nothing": b"",
    "8-bit subject": b"Subject: Gr\xfc\xdfe\r\n\r\nHello\r\n",
    "NUL": b"Subject: a\x00b\r\n\r\nHello\x00\r\n",
    "encoded NUL": b"Subject: =?utf-8?q?a=00b?=\r\n\r\nHello\r\n",
    "encoded half of a character": b"Subject: =?utf-8?q?=ED=A0=80?=\r\n\r\nHello\r\n",
    "a charset nobody knows": b"Subject: =?martian?q?abc?=\r\n\r\nHello\r\n",
    "a broken word": b"Subject: =?utf-8?b?!!!?= =?utf-8?b?\r\n\r\nHello\r\n",
    "utf-16": b"Subject: =?utf-16?b?2AA=?=\r\n\r\nHello\r\n",
    "utf-7": b"Subject: =?utf-7?q?+2AA-?=\r\n\r\nHello\r\n",
    "a broken address": b"From: <<<@@\r\nTo: ,,;:\r\nSubject: x\r\n\r\nHello\r\n",
    "a long subject": b"Subject: " + b"x" * 20_000 + b"\r\n\r\nHello\r\n",
}


@pytest.mark.parametrize("raw", ODD.values(), ids=list(ODD))
def test_odd_mails_are_caught_like_others(raw):
    catcher.catch("a@example.com", ["b@example.com"], raw)
    caught = CaughtMail.objects.get()
    assert bytes(caught.raw) == raw and "\x00" not in caught.subject


def test_only_the_newest_are_kept(monkeypatch):
    monkeypatch.setattr(catcher, "KEEP", 3)
    for n in range(5):
        catcher.catch("a@example.com", ["b@example.com"], b"Subject: %d\r\n\r\n" % n)
    catcher.forget_old(NOW)
    catcher.forget_old(NOW)
    assert set(CaughtMail.objects.values_list("subject", flat=True)) == {"2", "3", "4"}
