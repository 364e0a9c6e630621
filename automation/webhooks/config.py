"""The settings of a webhook step: what is called, with what, and what counts as success."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from typing import Any

import idna
import msgspec
from django.conf import settings

from lib import outside

METHODS = ("POST", "GET", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
MAX_PATIENCE = 24 * 60
MAX_SECONDS, MAX_URL, MAX_HEADERS, MAX_HEADER, MAX_BODY = 30, 2000, 20, 4000, 64_000
# Scheme, host and port stand there as they are: only what comes after may hold values of the contact.
URL = re.compile(r"(https?)://([^/?#\s{}@\\]+?)(?::(\d{1,5}))?(?=[/?]|\Z)(.*)", re.IGNORECASE | re.DOTALL)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
IN_BRACKETS = re.compile(r"\[[0-9a-f:.]+\]", re.IGNORECASE)
DOTTED = re.compile(r"(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}")
NUMBERLIKE = re.compile(r"(0x[0-9a-f]*|\d+)", re.IGNORECASE)
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
ANSWER_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Written by us, or with a meaning for the connection.
OURS = {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
OURS |= {"accept-encoding", "cookie", "webhook-id", "webhook-timestamp", "webhook-signature", "proxy-connection"}
TELLTALE = ("auth", "token", "secret", "key", "password", "credential", "session")


class Header(msgspec.Struct, kw_only=True):
    """One header: its value, or the key of one that is kept sealed (`receivers.keep_header`)."""

    name: str
    value: str = ""
    secret: str = ""


class Hook(msgspec.Struct, kw_only=True):
    """The configuration of the step."""

    method: str = "POST"
    url: str = ""
    headers: list[Header] = []
    body: str = ""
    timeout: int = 10
    patience: int = 0  # minutes; 0: as long as attempts are made, about a day
    success: str = "200-299"
    answer: str = ""


def read(config: Any) -> Hook | None:
    """None for what is no such configuration."""
    try:
        return msgspec.convert(config, Hook)
    except msgspec.ValidationError:
        return None


def origin(url: str) -> str:
    """Scheme, host and port as they identify a receiver; empty where the address is none."""
    found = URL.fullmatch(url.strip())
    if not found:
        return ""
    scheme, host, port = found[1].lower(), ascii_host(found[2]), found[3]
    usual = {"https": "443", "http": "80"}[scheme]
    return f"{scheme}://{host}" + (f":{int(port)}" if port and port != usual else "") if host else ""


def rest(url: str) -> str:
    """What follows scheme, host and port: the part that may hold Liquid."""
    found = URL.fullmatch(url.strip())
    return found[4] if found else ""


def ascii_host(host: str) -> str:
    """As the name server knows it; empty where it is no host name, such as a number in disguise (0x7f.1)."""
    if IN_BRACKETS.fullmatch(host) or (DOTTED.fullmatch(host) and all(int(part) < 256 for part in host.split("."))):
        return host.lower()
    try:
        name = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or NUMBERLIKE.fullmatch(labels[-1]) or not all(LABEL.fullmatch(label) for label in labels):
        return ""
    return name


def is_secret_name(name: str) -> bool:
    """Whether a header of that name holds something that nobody else should read."""
    return any(word in name.lower() for word in TELLTALE)


def success_codes(text: str) -> list[range] | None:
    """ "200-299, 409" as ranges; None where it says something else."""
    found = []
    for part in text.replace("–", "-").split(","):
        first, _, last = (piece.strip() for piece in part.partition("-"))
        if not (first.isascii() and first.isdigit()) or not (last == "" or (last.isascii() and last.isdigit())):
            return None
        low, high = int(first[:4]), int((last or first)[:4])
        if not 200 <= low <= high <= 599:
            return None
        found.append(range(low, high + 1))
    return found


def problems(hook: Hook) -> Iterator[str]:
    """What is wrong with the parts that have nothing to do with Liquid."""
    if hook.method not in METHODS:
        yield f"Choose how to call it: {', '.join(METHODS)}."
    yield from _about_url(hook.url)
    if not 1 <= hook.timeout <= MAX_SECONDS:
        yield f"Say how long to wait for the answer: 1 to {MAX_SECONDS} seconds."
    if not 0 <= hook.patience <= MAX_PATIENCE:
        yield f"Write how many minutes it is tried at most: 1 to {MAX_PATIENCE:,}, or nothing for about a day."
    if success_codes(hook.success[:200]) is None:
        yield "Write the answers that count as success as numbers from 200 to 599, such as 200-299, 409."
    if hook.answer and not ANSWER_NAME.fullmatch(hook.answer):
        yield "Name the answer with small letters, digits and _, such as trial; it begins with a letter."
    if hook.body.strip() and hook.method == "GET":
        yield "A GET call carries no body: empty it, or choose POST."
    yield from _about_headers(hook.headers)


def _about_url(url: str) -> Iterator[str]:
    if not url.strip():
        yield "Write the address to call, such as https://api.example.com/trials."
    elif len(url) > MAX_URL:
        yield f"The address is longer than {MAX_URL:,} characters; shorten it."
    elif "\x00" in url or not origin(url):
        yield (
            "The address must begin with https:// and a host name, such as https://api.example.com/trials, "
            "without a user name or password; values of the contact may stand behind the host only."
        )
    elif "#" in rest(url):
        yield "What follows # in an address is never sent; remove it."
    elif not 0 < int((URL.fullmatch(url.strip()) or [""] * 4)[3] or 443) < 65536:
        yield "The port in the address must lie between 1 and 65535."
    elif origin(url).startswith("http:") and not settings.WEBHOOK_HTTP:
        yield "The address must begin with https://, so that nobody reads along."
    elif _is_inside(ascii_host((URL.fullmatch(url.strip()) or [""] * 3)[2])):
        yield "The address leads into a network that webhooks may not reach; write one that the whole internet can."


def _is_inside(host: str) -> bool:
    """Whether it says by itself that it is none of the public internet; of a name only the call can tell."""
    if host.removesuffix(".") == "localhost" or host.removesuffix(".").endswith(".localhost"):
        return not outside.may_reach(IPv4Address("127.0.0.1"), settings.WEBHOOK_NETWORKS)
    try:
        return not outside.may_reach(ip_address(host.strip("[]")), settings.WEBHOOK_NETWORKS)
    except ValueError:
        return False


def _about_headers(headers: list[Header]) -> Iterator[str]:
    if len(headers) > MAX_HEADERS:
        yield f"There are more than {MAX_HEADERS} headers; remove some."
        return
    names = [header.name.lower() for header in headers]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"The header “{name[:60]}” stands there twice; remove one."
    for header in headers:
        yield from about_header(header)


def about_header(header: Header) -> Iterator[str]:
    """What is wrong with one header."""
    shown = f"The header “{header.name[:60]}”"
    if not HEADER_NAME.fullmatch(header.name):
        yield f"“{header.name[:60]}” is no name of a header; write one such as X-Team, and a colon behind it."
    elif header.name.lower() in OURS or header.name.lower().startswith(("proxy-", "sec-")):
        yield f"{shown} is written by Dripline itself, or makes no sense here; remove it."
    elif header.value and is_secret_name(header.name):
        yield f"{shown} holds a secret: type it among the secret headers."
    elif not plain_value(header.value):
        yield f"{shown} has a value that no header can hold: write up to {MAX_HEADER:,} plain letters on one line."


def plain_value(value: str) -> bool:
    return len(value) <= MAX_HEADER and value.isascii() and (not value or value.isprintable())
