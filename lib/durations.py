"""Durations in words: never seconds for "2 days"."""

from datetime import timedelta

UNITS = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800}


def duration(amount: float, unit: str) -> timedelta:
    """`duration(2, "days")`; a month is not a duration."""
    return timedelta(seconds=float(amount) * UNITS[unit])


def in_words(span: timedelta) -> str:
    """ "2 days", "1 day and 6 hours", "45 minutes"; at most the two largest units."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return _count(seconds, "seconds") if seconds else "no time"
    parts = []
    for unit in ("days", "hours", "minutes"):
        amount, seconds = divmod(seconds, UNITS[unit])
        if amount:
            parts.append(_count(amount, unit))
    return " and ".join(parts[:2])


def _count(amount: int, unit: str) -> str:
    return f"{amount:,} {unit if amount != 1 else unit[:-1]}"
