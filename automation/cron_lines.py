"""Cron lines: five parts, as in “30 7 * * 1-5”: what the clocks show when one is due, and its words.

As in Debian's cron, a day must fit both the day of the month and the weekday if one of them begins with a star, else
either. Of the common extensions there are names (MON, JAN), L, LW, 5L and 1#2, but no @daily.
"""

from collections.abc import Iterator
from datetime import datetime

from cronsim import CronSim, CronSimError

LONGEST_LINE = 100
ANY_DAY = datetime(2026, 1, 1)
EXAMPLE = "30 7 * * 1-5 (Monday to Friday at 07:30)"


def problem(line: str) -> str:
    """What is wrong with it, in a sentence; empty if nothing is."""
    if len(line) > LONGEST_LINE:
        return f"The cron line is longer than {LONGEST_LINE} characters; shorten it."
    if len(line.split()) != 5:
        return f"Write a cron line of five parts: minute, hour, day of the month, month, weekday; such as {EXAMPLE}."
    try:
        parsed = CronSim(line, ANY_DAY)
    except CronSimError as fault:
        part = str(fault).removeprefix("Bad ").replace("-", " ")
        return f"The cron line’s {part} cannot be read; write one such as {EXAMPLE}."
    if len(parsed.minutes) > 1:
        return "The cron line runs more often than once an hour; write one minute only, such as 0."
    if next(parsed, None) is None:
        return "There is never such a day; change the cron line’s day of the month, month or weekday."
    return ""


def times(line: str, begin: datetime, way: int) -> Iterator[datetime]:
    """What the clocks show when it is due, from `begin` (as clocks show it) onwards (1) or backwards (-1)."""
    return CronSim(line, begin, reverse=way < 0)


def in_words(line: str) -> str:
    """ "At 07:30 on Monday through Friday"."""
    return "As a cron line says" if problem(line) else CronSim(line, ANY_DAY).explain()
