"""A complete RFC 5322 message by hand: many times as fast as the standard library, proven equal to it."""

import binascii
import re
from base64 import encodebytes
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b

from campaigns.delivery import CONTROL, address_problem

MAX_SUBJECT = 998
MAX_WORD = 900  # a line may hold 998 characters, of which the header's name takes some
_FOLD = 76
_NAME = re.compile(r"[!-9;-~]{1,76}")
_OWN = {"from", "to", "subject", "date", "message-id", "mime-version", "bcc"}
_ADDRESSES = {"reply-to", "sender", "cc"}
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")
_WORD_BYTES = 45  # as many as fit one encoded word of 75 characters in base64


def assemble(
    *,
    sender: tuple[str, str],
    to: tuple[str, str],
    subject: str,
    text: str,
    html: str,
    message_id: str,
    date: datetime,
    headers: Mapping[str, str],
) -> bytes:
    """Assemble one mail with CRLF line ends, the same bytes for the same arguments.

    `sender` and `to` are (name, address), the name may be empty; an empty `text` or `html` leaves that part
    out; `message_id` is `<left@right>`; `date` is aware. The bytes are ASCII unless an address is not.
    ValueError with a plain sentence where a part could break the message.
    """
    if not _MESSAGE_ID.fullmatch(message_id) or len(message_id) > 250:
        raise ValueError("The Message-ID is not of the form <left@right>; write it without spaces.")
    if date.tzinfo is None:
        raise ValueError("The date of the mail has no time zone; give it one.")
    lines = [
        _folded("From", mailbox(*sender)),
        _folded("To", _mailbox(*to, "recipient")),
        _subject(subject),
        f"Date: {format_datetime(date)}",
        f"Message-ID: {message_id}",
        *[_header(name, value) for name, value in headers.items()],
        "MIME-Version: 1.0",
    ]
    return "\r\n".join(lines).encode() + b"\r\n" + _content(text, html, message_id)


@lru_cache(maxsize=256)
def mailbox(name: str, address: str) -> str:
    """Format a name and an address for an address header such as Reply-To, the name encoded where needed."""
    return _mailbox(name, address, "sender")


def _mailbox(name: str, address: str, label: str) -> str:
    if problem := address_problem(address):
        raise ValueError(f"The {label} {problem}.")
    if not name:
        return address
    _check(name, f"name of the {label}")
    if not name.isascii() or "=?" in name or len(name) > _WORD_BYTES or name != " ".join(name.split()):
        return f"{_encoded_words(name, 60)} <{address}>"
    if not _ATOM.fullmatch(name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{address}>"


def _subject(subject: str) -> str:
    _check(subject, "subject")
    value = _encoded(subject, len("Subject: "))
    if len(value) > MAX_SUBJECT:
        raise ValueError(f"The subject takes more than {MAX_SUBJECT} bytes when encoded; shorten it.")
    return _folded("Subject", value)


def _header(name: str, value: str) -> str:
    _check_name(name)
    _check(value, f"header {name}")
    # An address is structure: encoding it as a whole would make it unreadable to the servers on the way.
    return _folded(name, value if name.lower() in _ADDRESSES else _encoded(value, len(name) + 2))


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"The header name {name!r} may hold only visible ASCII characters and no colon.")
    if name.lower() in _OWN or name.lower().startswith("content-"):
        raise ValueError(f"The header {name} is set by the mail itself; remove it from the extra headers.")


def _check(value: str, what: str) -> None:
    if CONTROL.search(value):
        raise ValueError(f"The {what} contains a line break or control character; remove it.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"The {what} contains a broken character; type it again.") from None


def _encoded(value: str, taken: int) -> str:
    """The value itself where it can stand in a header, else in encoded words (RFC 2047)."""
    plain = value.isascii() and "=?" not in value and value == " ".join(value.split())
    if plain and (len(value) < _FOLD or max(map(len, value.split())) <= MAX_WORD):
        return value
    return _encoded_words(value, _FOLD - taken)


def _encoded_words(value: str, first: int) -> str:
    """Base64 words of whole characters; the first takes at most `first` columns."""
    words, chunk, room = [], b"", max(4, (first - len("=?utf-8?b??=")) // 4 * 3)
    room = min(room, _WORD_BYTES)
    for letter in value:
        encoded = letter.encode()
        if len(chunk) + len(encoded) > room:
            words.append(chunk)
            chunk, room = b"", _WORD_BYTES
        chunk += encoded
    words.append(chunk)
    return " ".join(f"=?utf-8?b?{binascii.b2a_base64(word, newline=False).decode()}?=" for word in words)


def _folded(name: str, value: str) -> str:
    """One header, broken at spaces; only a single long word makes a line longer than 76."""
    if len(name) + 2 + len(value) <= _FOLD:
        return f"{name}: {value}"
    lines = [f"{name}:"]
    for word in value.split():
        if len(lines[-1]) + 1 + len(word) > _FOLD and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += " " + word
    return "\r\n".join(lines)


def _content(text: str, html: str, message_id: str) -> bytes:
    if not (text and html):
        part = _part("html" if html else "plain", html or text)
        return part if part.endswith(b"\r\n") else part + b"\r\n"
    # "=_" occurs in neither encoding; unique per mail, or a forwarded mail would end the one around it.
    boundary = b"=_" + blake2b(message_id.encode(), digest_size=12).hexdigest().encode()
    return (b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n--%b\r\n%b\r\n--%b\r\n%b\r\n--%b--\r\n') % (
        boundary,
        boundary,
        _part("plain", text),
        boundary,
        _part("html", html),
        boundary,
    )


def _part(subtype: str, body: str) -> bytes:
    try:
        data = body.replace("\r\n", "\n").replace("\r", "\n").encode()
    except UnicodeEncodeError:
        raise ValueError("The text of the mail contains a broken character; type it again.") from None
    # Quoted-printable triples what is not ASCII, base64 adds a third to everything.
    if len(data) - len(body) > len(data) // 3:
        encoding, encoded = b"base64", encodebytes(data.replace(b"\n", b"\r\n"))
    else:
        encoding, encoded = b"quoted-printable", binascii.b2a_qp(data, istext=True)
    return b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        subtype.encode(),
        encoding,
        encoded.replace(b"\n", b"\r\n"),
    )
