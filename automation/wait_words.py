"""A wait in words: for lists (“wait 2 days, then until 15:00”), for somebody, and as an example."""

from datetime import datetime, timedelta, tzinfo

from automation import dates, waiting
from automation.waiting import DAYS_IN, Wait
from automation.zones import spoken
from lib import weekdays
from lib.durations import in_words
from segments.fields import UnknownField

PAST = {"exit": "leave if it is past", "skip": "skip the next mail if it is past"}
MISSING = {"continue": "go on if there is none", "skip": "skip the next mail if there is none"}


def words(wait: Wait) -> str:
    """What follows “wait”."""
    return {"for": _for, "weekday": _weekday, "date": _date, "field": _field, "random": _random}[wait.mode](wait)


def with_remedies(wait: Wait) -> str:
    """The same, with what happens where there is no such date."""
    said = [PAST.get(wait.past), MISSING.get(wait.missing)] if wait.has_date else []
    return f"{words(wait)}{''.join(f', {part}' for part in said if part)}"


def _for(wait: Wait) -> str:
    """ "2 days", "2 days, then until 15:00", "3 hours, then until Monday to Friday, 15:00"."""
    at = f"the next {wait.at}" if wait.at and not wait.days and wait.unit not in DAYS_IN else wait.at
    then = ", ".join(filter(None, [weekdays.in_words(wait.weekdays) if wait.days else "", at]))
    return f"{in_words(wait.span)}{then and f', then until {then}'}"


def _weekday(wait: Wait) -> str:
    return f"until {weekdays.in_words(wait.weekdays)}, {wait.at}"


def _date(wait: Wait) -> str:
    day = waiting.read_date(wait.date)
    return f"until {day:%a} {day.day} {day:%b %Y}, {wait.at or '00:00'}" if day else "until a date"


def _field(wait: Wait) -> str:
    label = field_label(wait.field)
    of = f"the anniversary of {label}" if wait.anniversary else label
    return f"until {_offset(wait)}{of}{f', {wait.at}' if wait.at else ''}"


def _offset(wait: Wait) -> str:
    if not wait.offset:
        return ""
    unit = wait.offset_unit[:-1] if abs(wait.offset) == 1 else wait.offset_unit
    return f"{abs(wait.offset):,} {unit} {'before' if wait.offset < 0 else 'after'} "


def field_label(key: str) -> str:
    """ "their trial ends at"."""
    try:
        return dates.field_named(key).label
    except UnknownField:
        return f"“{key}”"


def _random(wait: Wait) -> str:
    return f"between {in_words(wait.span)} and {in_words(wait.to_span)}, by chance"


def begun(wait: Wait, end: datetime, span: timedelta, zone: tzinfo) -> str:
    """The explanation of a wait that begins; `span` is what chance gave."""
    if wait.mode == "random":
        return f"Waits {in_words(span)}, by chance, until {spoken(end, zone)}."
    if wait.mode == "field":
        return f"Waits until {spoken(end, zone)}: {words(wait).removeprefix('until ')}."
    if wait.mode == "for":
        return f"Waits {in_words(wait.span)}, {'then ' if wait.at or wait.days else ''}until {spoken(end, zone)}."
    return f"Waits until {spoken(end, zone)}."


def example(wait: Wait, now: datetime, zone: tzinfo) -> str:
    """What it means for somebody who gets here now."""
    if wait.mode == "field":
        return _example_of_field(wait, now, zone)
    end = waiting.until(wait, now, zone, 0)
    if end is None or end < now:
        return f"If someone gets here now, {_remedy(wait, end)}."
    if wait.mode == "random":
        last = waiting.until(wait, now, zone, 1)
        assert last
        return f"If someone gets here now, they go on between {spoken(end, zone)} and {spoken(last, zone)}."
    return f"If someone gets here now, they go on {spoken(end, zone)}."


def _example_of_field(wait: Wait, now: datetime, zone: tzinfo) -> str:
    reading = waiting.sample(now)
    end, day = waiting.until(wait, now, zone, 0, reading), reading.moment(zone)
    assert day
    who = f"If {field_label(wait.field)} is {day.astimezone(zone):%-d %b %Y} and someone gets here now"
    return f"{who}, {f'they go on {spoken(end, zone)}' if end and end >= now else _remedy(wait, end)}."


def _remedy(wait: Wait, end: datetime | None) -> str:
    remedy = wait.past if end else wait.missing
    then = {"continue": "they go on at once", "exit": "they leave", "skip": "the next mail is skipped"}[remedy]
    return f"{'the date is past already' if end else 'the date is more than 2 years away'}: {then}"
