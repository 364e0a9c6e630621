"""One door for JSON from outside: what passes here, PostgreSQL and JavaScript take as it is."""

import json
import math
import re

import msgspec

MAX_DEPTH, MAX_KEYS, MAX_KEY_LENGTH = 20, 256, 128
MAX_SAFE_INTEGER = 2**53
TOO_DEEP = "The request is nested too deep; make it flatter."
_escaped_nul = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000", re.IGNORECASE)
_escaped_surrogate = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")


class Unclean(ValueError):
    """Says in one sentence what is wrong and what to do."""


def parse(raw: bytes, limit: int = 1_000_000, levels: int = MAX_DEPTH):
    """The value of a JSON text, checked by `clean`; raises Unclean."""
    if len(raw) > limit:
        raise Unclean(f"The request is larger than {limit // 1000:,} KB; send it in smaller parts.")
    refuse_hostile_bytes(raw)
    try:
        value = msgspec.json.decode(raw)
    except RecursionError as fault:
        raise Unclean(TOO_DEEP) from fault
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        _refuse_odd_numbers(raw, levels)
        raise Unclean("The request is not valid JSON; check quotes, commas and brackets.") from fault
    return clean(value, levels=levels)


def _refuse_odd_numbers(raw: bytes, levels: int) -> None:
    """NaN, or 1e999: a parser that takes these finds which field it is."""
    try:
        value = json.loads(raw.decode())
    except RecursionError as fault:
        raise Unclean(TOO_DEEP) from fault
    except ValueError:
        return
    clean(value, levels=levels)


def refuse_hostile_bytes(raw: bytes) -> None:
    """Escapes that pass a JSON parser and make PostgreSQL refuse the whole batch: NUL and lone surrogates."""
    if _escaped_nul.search(raw):
        raise Unclean("A text contains a NUL character (\\u0000); remove it.")
    if _escaped_surrogate.search(raw):
        _refuse_lone_surrogates(raw)


def _refuse_lone_surrogates(raw: bytes) -> None:
    try:
        msgspec.json.encode(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise Unclean("A text contains half of a character pair (a lone surrogate); send whole characters.") from fault


def clean(value, path: str = "", levels: int = MAX_DEPTH):
    """The value with integers beyond ±2⁵³ as text; raises Unclean for what cannot be kept as it is."""
    depth = MAX_DEPTH - levels
    return value if _is_plain(value, depth) else _cleaned(value, path, depth)


def _is_plain(value, depth: int) -> bool:
    """Whether nothing needs a second look: four values in five, at a fifth of the cost."""
    kind = type(value)
    if kind is str:
        return value.isascii() and "\x00" not in value
    if kind is dict:
        if depth >= MAX_DEPTH or len(value) > MAX_KEYS:
            return False
        for key, item in value.items():
            if type(key) is not str or len(key) > MAX_KEY_LENGTH or not key.isascii() or "\x00" in key:
                return False
            if not _is_plain(item, depth + 1):
                return False
        return True
    if kind is int:
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return depth < MAX_DEPTH and all(_is_plain(item, depth + 1) for item in value)
    return value is None or kind is bool


def _cleaned(value, path: str, depth: int):
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unclean(f"{_named(path)} is not a finite number; send a number or null.")
        return value
    if depth >= MAX_DEPTH:
        raise Unclean(f"{_named(path)} is nested too deep; make it flatter.")
    if isinstance(value, dict):
        return {
            _key(key, path): _cleaned(item, f"{path}.{key}" if path else key, depth + 1)
            for key, item in _few(value, path).items()
        }
    if isinstance(value, list | tuple):
        return [_cleaned(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    raise Unclean(f"{_named(path)} is of a kind that JSON does not know; send text, numbers, lists or objects.")


def _few(value: dict, path: str) -> dict:
    if len(value) > MAX_KEYS:
        raise Unclean(f"{_named(path)} has more than {MAX_KEYS} keys; send fewer.")
    return value


def _key(key, path: str) -> str:
    if not isinstance(key, str) or len(key) > MAX_KEY_LENGTH:
        raise Unclean(f"{_named(path)} has a key of more than {MAX_KEY_LENGTH} characters; shorten it.")
    return _text(key, path)


def _text(value: str, path: str) -> str:
    if "\x00" in value:
        raise Unclean(f"{_named(path)} contains a NUL character; remove it.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unclean(
                f"{_named(path)} contains half of a character pair (a lone surrogate); send whole characters."
            ) from None
    return value


def _named(path: str) -> str:
    return f"“{path[:100]}”" if path else "The request"
