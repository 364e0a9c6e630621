"""The filters a template may use: an allow-list, each guarded against values that would grow without end."""

import functools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, tzinfo
from html import unescape
from typing import Any
from urllib.parse import unquote_plus

from liquid.builtin.filters import array, math, string
from liquid.filter import flatten, with_context
from liquid.undefined import Undefined

TEXT_FILTERS = (
    "append prepend capitalize downcase upcase escape escape_once lstrip rstrip strip newline_to_br remove"
    " remove_first remove_last replace_first replace_last split squish strip_newlines truncate truncatewords"
    " url_encode"
)
NUMBER_FILTERS = "at_least at_most ceil floor divided_by minus plus times modulo"
LIST_FILTERS = "first last concat reverse sort sort_natural where reject find has compact"

MAX_TEXT = 1_000_000
MAX_ITEMS = 10_000
MAX_NUMBER = 10**30

DIRECTIVE = re.compile(r"%(-?)(.?)", re.DOTALL)
DIRECTIVES = set("aAbBdHIjmMpSyYZze%")
MAX_FORM = 200
HTML_TAG = re.compile(r"<[^<>]*>")
MILLISECONDS_FROM = 100_000_000_000


class RenderFailed(Exception):
    """This message cannot be written; `sentence` says why, to a marketer."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.sentence = sentence


def weigh(value: object) -> int:
    """How many characters `value` holds; raises RenderFailed where no mail needs that much."""
    if isinstance(value, str):
        weight = len(value)
    elif isinstance(value, list | tuple):
        if len(value) > MAX_ITEMS:
            raise RenderFailed(f"A list grew beyond {MAX_ITEMS:,} items.")
        weight = sum(weigh(item) for item in value)
    elif isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise RenderFailed("A number grew too large.")
    else:
        weight = 8
    if weight > MAX_TEXT:
        raise RenderFailed("A text grew beyond 1 MB.")
    return weight


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` as a filter: missing values pass on to `default` or to the output, the rest is weighed."""

    @functools.wraps(function)
    def filter_(left: object, *args: object, **kwargs: object) -> object:
        for value in (left, *args):
            if isinstance(value, Undefined):
                return value
        left = _items(left) if isinstance(left, range) else left
        for value in (left, *args):
            weigh(value)
        try:
            result = function(left, *args, **kwargs)
        except RenderFailed:
            raise
        except Exception as error:
            raise RenderFailed(f"The filter {name} cannot work with the value it is given.") from error
        weigh(result)
        return result

    return filter_


def default(value: object, fallback: object = "", *, allow_false: bool = False) -> object:
    """`fallback` where the value is missing, false, empty or nothing but spaces; 0 is a value."""
    if value is False:
        return value if allow_false else fallback
    if isinstance(value, str):
        return value if value.strip() else fallback
    if value is None or isinstance(value, Undefined) or value in ([], {}):
        return fallback
    return value


@with_context
def date_(value: object, form: str = "%-d %B %Y", *, context: Any) -> str:
    """The value as a date or time in the contact's time zone; "now" is the time of sending."""
    if len(form) > MAX_FORM:
        raise RenderFailed(f"The filter date is given a format of more than {MAX_FORM} characters.")
    moment = as_moment(context.now() if value in ("now", "today") else value, context.zone())
    return DIRECTIVE.sub(functools.partial(_directive, moment), form)


def as_moment(value: object, zone: tzinfo) -> datetime:
    """A date, datetime, ISO 8601 text or Unix time as a datetime in `zone`; raises RenderFailed."""
    try:
        if isinstance(value, str) and not value.isdigit():
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value)
            value = datetime.fromtimestamp(seconds / (1000 if seconds >= MILLISECONDS_FROM else 1), UTC)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)
        if isinstance(value, date):
            return datetime.combine(value, time(), zone)
    except (ValueError, OverflowError, OSError):
        pass
    raise RenderFailed("The filter date is given something that is neither a date nor a time.")


def money(value: object, currency: str = "") -> str:
    """1234.5 as 1,234.50; `EUR` is written behind it, a sign such as `€` before it."""
    amount = f"{float(value):,.2f}"  # type: ignore[arg-type]
    if currency and currency.isalpha():
        return f"{amount} {currency}"
    return f"-{currency}{amount[1:]}" if amount.startswith("-") else f"{currency}{amount}"


def replace(value: object, old: object, new: object = "") -> str:
    """Every `old` in the value becomes `new`; weighed before it is built, for `new` may be long."""
    text, old, new = _text(value), _text(old), _text(new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise RenderFailed("A text grew beyond 1 MB.")
    return text.replace(old, new)


@functools.wraps(array.join)
def join(left: object, separator: object = " ", **kwargs: Any) -> str:
    if isinstance(left, list | tuple) and weigh(left) + len(left) * weigh(separator) > MAX_TEXT:
        raise RenderFailed("A text grew beyond 1 MB.")
    return array.join(left, separator, **kwargs)


def uniq(value: object, key: object = None) -> list[object]:
    """The items without repetition, by `key` where one is given."""
    seen: set[str] = set()
    kept = []
    for item in flatten(value if isinstance(value, list | tuple) else [value]):
        mark = repr(item.get(key) if key and isinstance(item, dict) else item)
        if mark not in seen:
            seen.add(mark)
            kept.append(item)
    return kept


def map_(value: object, key: object) -> list[object]:
    """What each item holds under `key`, nothing where it holds none."""
    items = flatten(value if isinstance(value, list | tuple) else [value])
    return [item.get(key) if isinstance(item, dict) else None for item in items]


def url_decode(value: object) -> str:
    """The value without percent-encoding: plain text again, so it is escaped like any other."""
    return unquote_plus(str.__str__(_text(value)))


def strip_html(value: object) -> str:
    """The value without its tags: plain text again, so it is escaped like any other."""
    return unescape(HTML_TAG.sub("", str.__str__(_text(value))))


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _items(value: range) -> list[int]:
    if value.start + MAX_ITEMS < value.stop:
        raise RenderFailed(f"A range holds more than {MAX_ITEMS:,} numbers.")
    return list(value)


def _directive(moment: datetime, match: re.Match[str]) -> str:
    dash, letter = match.groups()
    if letter not in DIRECTIVES or not letter:
        raise RenderFailed(f"The filter date does not know %{dash}{letter}.")
    if letter == "e":
        return str(moment.day)
    written = moment.strftime(f"%{letter}")
    return (written.lstrip("0") or "0") if dash else written


def _allowed() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module, names in ((string, TEXT_FILTERS), (math, NUMBER_FILTERS), (array, LIST_FILTERS)):
        for name in names.split():
            yield name, getattr(module, name)
    ours: dict[str, Callable[..., Any]] = {
        "abs": math.abs_,
        "round": math.round_,
        "slice": string.slice_,
        "map": map_,
        "sum": array.sum_,
        "size": len,
        "replace": replace,
        "join": join,
        "uniq": uniq,
        "strip_html": strip_html,
        "url_decode": url_decode,
        "date": date_,
        "money": money,
    }
    yield from ours.items()


FILTERS: dict[str, Callable[..., Any]] = {name: guarded(name, function) for name, function in _allowed()}
FILTERS["default"] = default
