"""Reads the environment, so that a wrong value ends in one sentence: which variable it is, and what to write.

Values are never repeated in the sentence: some hold passwords. A blank variable counts as absent.
"""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
RATE = re.compile(r"[1-9]\d{0,8}/(s|sec|second|m|min|minute|h|hour|d|day)")
SMTP = ("smtp", "smtp+tls", "smtp+ssl")


def text(name: str) -> str:
    return os.environ.get(name, "").strip()


def read(name: str, default: Any, remedy: str, cast: Callable[[str], Any]) -> Any:
    """One variable; `cast` raises for what cannot be meant. `remedy` ends the sentence “… is wrong:”."""
    given = text(name)
    if not given:
        return default
    try:
        return cast(given)
    except Exception as fault:  # noqa: BLE001  whatever a library stumbles over, the variable is wrong
        raise ImproperlyConfigured(f"The environment variable {name} is wrong: {remedy}") from fault


def flag(name: str) -> bool:
    """True or false; false where nothing is said. A slip of the pen must not switch safety off."""
    return read(name, False, "write true or false.", _flag)


def number(name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    return read(name, default, f"write a number from 1 to {most}, such as {default}.", lambda text: _number(text, most))


def one_of(name: str, default: str, *choices: str) -> str:
    return read(name, default, f"write one of {', '.join(choices)}.", lambda text: choices[choices.index(text.upper())])


def names(name: str, default: list[str]) -> list[str]:
    remedy = "write host names, separated by commas, such as mail.example.com."
    return read(name, default, remedy, lambda text: _all([part.strip() for part in text.split(",") if part.strip()]))


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Networks in the notation 10.1.0.0/16; none where nothing is said."""
    remedy = "write networks, separated by commas, such as 10.1.0.0/16."
    return read(name, [], remedy, lambda text: [ip_network(part.strip()) for part in text.split(",") if part.strip()])


def web_address(name: str, default: str) -> str:
    """An http or https address without a path, and without the slash at its end."""
    return read(name, default, "write an address such as https://mail.example.com, without a path.", _web_address)


def rate(name: str, default: str) -> str:
    return read(name, default, f"write requests per sec, min, hour or day, such as {default}.", _rate)


def clock_offset(name: str) -> str:
    return read(name, "", "write a number of seconds, or file: and the path of a file that holds it.", _clock_offset)


def folder(name: str, default: Path) -> Path:
    """A folder that is there, or was made."""
    return read(name, default, "name a folder that is there or can be made.", _folder)


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings of a PostgreSQL database."""
    remedy = "write postgres://user:password@host:5432/name; no other database will do."
    return read(name, _database(default), remedy, _database)


def mail_server(name: str, default: str) -> str:
    """How mail leaves: an SMTP server, or a provider that django-anymail knows; see campaigns.transports."""
    remedy = "write smtp://host:25, smtp+tls://user:password@host:587, smtp+ssl://… or anymail+PROVIDER://?key=value."
    return read(name, default, remedy, _mail_server)


# --- what may be meant; each raises for anything else ---


def _flag(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise ValueError(text)
    return text.lower() in TRUE


def _number(text: str, most: int) -> int:
    if not 1 <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _all(parts: list[str]) -> list[str]:
    if not parts or any("/" in part or " " in part for part in parts):
        raise ValueError(parts)
    return parts


def _rate(text: str) -> str:
    if not RATE.fullmatch(text):
        raise ValueError(text)
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(text)
    if parts.username or parts.port == 0:  # to ask for a port that is no number raises, too
        raise ValueError(text)
    return f"{parts.scheme}://{parts.netloc}"


def _clock_offset(text: str) -> str:
    if not text.startswith("file:"):
        float(text)
    return text


def _folder(text: str) -> Path:
    path = Path(text)
    path.mkdir(parents=True, exist_ok=True)
    return path


def _database(text: str) -> dict[str, Any]:
    if urlsplit(text).scheme not in ("postgres", "postgresql"):
        raise ValueError("another database")
    return environ.Env.db_url_config(text)


def _mail_server(text: str) -> str:
    parts = urlsplit(text)
    if parts.port == 0 or not (_is_smtp(parts) or _is_provider(parts.scheme)):
        raise ValueError(parts.scheme)
    return text


def _is_smtp(parts: SplitResult) -> bool:
    return parts.scheme in SMTP and bool(parts.hostname)


def _is_provider(scheme: str) -> bool:
    provider = scheme.removeprefix("anymail+").replace("-", "_")
    return provider != scheme and find_spec(f"anymail.backends.{provider}") is not None
