"""Mails assembled by hand say exactly what the standard library reads back."""

import re
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.mime import assemble, mailbox

DATE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
# What no mail may hold is refused (tested below); here is everything else.
LETTERS = st.characters(exclude_categories=["Cs", "Cc"])
WORDS = st.text(LETTERS, max_size=120)
BODIES = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


def mail(**changes) -> bytes:
    fields = {
        "sender": ("Ada's Shop", "shop@example.com"),
        "to": ("", "bea@example.org"),
        "subject": "Welcome",
        "text": "Hello Bea\n",
        "html": "<p>Hello Bea</p>\n",
        "message_id": "<m-1@example.com>",
        "date": DATE,
        "headers": {},
    }
    return assemble(**(fields | changes))


def parsed(**changes):
    return message_from_bytes(mail(**changes), policy=policy.default)


def body(message, kind: str) -> str:
    return message.get_body((kind,)).get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")


def lines_end_rightly(data: bytes) -> bool:
    return data.count(b"\r\n") == data.count(b"\n") == data.count(b"\r") and data.endswith(b"\r\n")


def test_a_plain_mail_reads_as_written():
    message = parsed(headers={"List-Unsubscribe": "<https://e.com/u/1>", "X-Campaign": "7"})
    assert message["From"].addresses[0].display_name == "Ada's Shop"
    assert message["From"].addresses[0].addr_spec == "shop@example.com"
    assert message["To"] == "bea@example.org"
    assert message["Subject"] == "Welcome"
    assert message["Date"].datetime == DATE
    assert message["Message-ID"] == "<m-1@example.com>"
    assert message["List-Unsubscribe"] == "<https://e.com/u/1>"
    assert message["X-Campaign"] == "7"
    assert message.get_content_type() == "multipart/alternative"
    assert (body(message, "plain"), body(message, "html")) == ("Hello Bea\n", "<p>Hello Bea</p>\n")


@settings(max_examples=150, deadline=None)
@given(subject=WORDS, name=WORDS, text=BODIES, html=BODIES)
def test_any_words_survive_the_way(subject, name, text, html):
    data = mail(subject=subject, sender=(name, "a@example.com"), to=(name, "b@example.com"), text=text, html=html)
    message = message_from_bytes(data, policy=policy.compat32)
    head = data.partition(b"\r\n\r\n")[0]
    assert lines_end_rightly(data) and data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert all(line.strip() for line in head.split(b"\r\n"))
    assert decoded(message["Subject"]) == subject
    assert decoded_name(message["From"]) == (name, "a@example.com")
    assert decoded_name(message["To"]) == (name, "b@example.com")
    parts = [part for part in message.walk() if not part.is_multipart()]
    payloads = [part.get_payload(decode=True).decode() for part in parts]
    expected = [text, html] if text and html else [html or text]
    expected = [re.sub(r"\r\n|\r|\n", "\r\n", words) for words in expected]
    if len(parts) == 1:  # a message of one part ends with its line
        payloads, expected = [payloads[0].removesuffix("\r\n")], [expected[0].removesuffix("\r\n")]
    assert payloads == expected


def decoded(value: str) -> str:
    from email.header import decode_header, make_header

    return str(make_header(decode_header(re.sub(r"\r\n ", " ", value))))


def decoded_name(value: str) -> tuple[str, str]:
    from email.utils import parseaddr

    name, address = parseaddr(re.sub(r"\r\n ", " ", value))
    return decoded(name), address


@pytest.mark.parametrize(
    "name",
    ["Ada", "Ada, Countess", 'The "Shop"', "back\\slash", "J. Doe", "Ünïcode ✓", "=?utf-8?q?x?=", "<x@y.z>"],
)
def test_a_name_stays_one_name_for_one_address(name):
    [address] = parsed(to=(name, "b@example.com"))["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "b@example.com")


@pytest.mark.parametrize(
    "changes, names",
    [
        ({"subject": "Hi\r\nBcc: all@example.com"}, "subject"),
        ({"subject": "Hi\x00"}, "subject"),
        ({"subject": "Hi \ud800"}, "subject"),
        ({"sender": ("A\nBcc: x@y.z", "a@b.c")}, "name of the sender"),
        ({"sender": ("A", "a@b.c\nBcc: x@y.z")}, "sender address"),
        ({"to": ("A", "a@b.c, x@y.z")}, "recipient address"),
        ({"to": ("A", "a@b.c> <x@y.z")}, "recipient address"),
        ({"to": ("A", "")}, "recipient address"),
        ({"headers": {"X-A\nBcc": "x@y.z"}}, "header name"),
        ({"headers": {"X-A:": "1"}}, "header name"),
        ({"headers": {"": "1"}}, "header name"),
        ({"headers": {"X-A": "1\r\nBcc: x@y.z"}}, "header X-A"),
        ({"headers": {"X-A": "1\r\n folded"}}, "header X-A"),
        ({"headers": {"bcc": "x@y.z"}}, "bcc"),
        ({"headers": {"Subject": "again"}}, "Subject"),
        ({"headers": {"Content-Type": "text/evil"}}, "Content-Type"),
        ({"message_id": "<a b@c>"}, "Message-ID"),
        ({"message_id": "<a@b>\r\nBcc: x"}, "Message-ID"),
        ({"date": datetime(2026, 1, 1)}, "date"),
        ({"text": "broken \udc80"}, "text of the mail"),
        ({"subject": "ü" * 700}, "subject"),
        ({"subject": "x" * 999}, "subject"),
    ],
)
def test_what_could_break_the_message_is_refused_in_a_sentence(changes, names):
    with pytest.raises(ValueError) as refused:
        mail(**changes)
    assert names in str(refused.value) and str(refused.value).endswith(".") and "\n" not in str(refused.value)


def test_long_subjects_and_headers_fold_and_read_as_one():
    subject = " ".join(["word"] * 150)
    urls = ", ".join(f"<https://example.com/{'u' * 200}/{n}>" for n in range(3))
    message = parsed(subject=subject, headers={"X-Links": urls})
    assert message["Subject"] == subject
    assert message["X-Links"] == urls


def test_a_reply_address_keeps_its_name():
    message = parsed(headers={"Reply-To": mailbox("Büro, Süd", "help@example.com")})
    [address] = message["Reply-To"].addresses
    assert (address.display_name, address.addr_spec) == ("Büro, Süd", "help@example.com")


@pytest.mark.parametrize("body", ["x" * 5000, "ü" * 5000, ".\n.\n..\n", "a \nb\t\nc ", "=_" * 50, "no newline " * 500])
def test_awkward_bodies_arrive_whole(body):
    message = parsed(text=body, html=f"<p>{body}</p>")
    plain, html = [part.get_payload(decode=True).decode() for part in message.iter_parts()]
    assert plain == body.replace("\n", "\r\n")
    assert html == f"<p>{body}</p>".replace("\n", "\r\n")
    assert lines_end_rightly(mail(text=body, html=body))


def test_a_mail_of_one_part_is_not_multipart():
    assert parsed(html="").get_content_type() == "text/plain"
    assert parsed(text="").get_content_type() == "text/html"


def test_the_same_arguments_give_the_same_bytes():
    assert mail() == mail()


def test_forwarded_mails_do_not_share_a_boundary():
    boundaries = {parsed(message_id=f"<{n}@example.com>").get_boundary() for n in range(50)}
    assert len(boundaries) == 50


def test_an_address_beyond_ascii_is_written_as_it_is():
    data = mail(to=("", "jürgen@example.com"))
    assert "To: jürgen@example.com\r\n".encode() in data


def test_a_mail_of_3_kb_takes_no_longer_than_a_render():
    text, html = "Hello Bea, this is news.\n" * 40, "<p>Hello <b>Bea</b>, this is news.</p>\n" * 50
    headers = {"List-Unsubscribe": "<https://e.com/u/1>", "Feedback-ID": "1:shop"}
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        for n in range(200):
            mail(text=text, html=html, headers=headers, message_id=f"<{n}@example.com>")
        best = min(best, (time.perf_counter() - start) / 200)
    # 100 µs on a quiet machine; the slack is for a busy one.
    assert best < 400e-6, f"{best * 1e6:.0f} µs a mail"
