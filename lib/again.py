"""When something that the outside world did not take is tried again: waits that grow, less or more by chance.

8 attempts within a day; each wait is up to a fifth shorter or longer, so that a recovered server is not overrun.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from lib.chances import share_of
from lib.durations import in_words

WAITS = [timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 120, 360, 900)]
MOST_TRIES = len(WAITS) + 1
LONGEST_RETRY_AFTER = timedelta(hours=6)
# Answers that may be others a moment later, beside those of 500 and more.
AGAIN = {408, 409, 425, 429}


def wait_before(key: UUID, tries: int, asked_for: timedelta | None = None) -> timedelta | None:
    """How long to wait after so many tries of what `key` names, no less than was asked for; None: give up."""
    if tries >= MOST_TRIES:
        return None
    usual = WAITS[tries - 1] * (0.8 + 0.4 * share_of(key, tries))
    return max(usual, min(asked_for or timedelta(), LONGEST_RETRY_AFTER))


def retry_after(headers: Mapping[str, str], at: datetime) -> timedelta | None:
    """How long an answer asks us to wait: seconds, or a date."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**6))
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(then - at, timedelta())


def roughly(wait: timedelta) -> str:
    """In words, to the minute or, below two, to the second."""
    unit = timedelta(minutes=1) if wait >= timedelta(minutes=2) else timedelta(seconds=1)
    return in_words(max(round(wait / unit), 1) * unit)
