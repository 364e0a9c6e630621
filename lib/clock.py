"""The one place that reads the clock; everything that decides dueness takes `now` as an argument."""

from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """The current time, moved by CLOCK_OFFSET (demo and tests only)."""
    return timezone.now() + offset()


def offset() -> timedelta:
    """How far the clock is moved: zero, a number of seconds, or the seconds in `file:PATH`."""
    setting = settings.CLOCK_OFFSET
    if not setting:
        return timedelta()
    if setting.startswith("file:"):
        return timedelta(seconds=_read(Path(setting[5:])))
    return timedelta(seconds=float(setting))


def move(step: timedelta) -> None:
    """Move the clock for every process of this installation; works only where CLOCK_OFFSET is a file."""
    setting = settings.CLOCK_OFFSET
    if not setting.startswith("file:"):
        raise RuntimeError("Time travel needs CLOCK_OFFSET=file:PATH.")
    path = Path(setting[5:])
    moved = path.with_suffix(".new")
    moved.write_text(str(_read(path) + step.total_seconds()))
    moved.replace(path)


def _read(path: Path) -> float:
    try:
        return float(path.read_text() or 0)
    except FileNotFoundError:
        return 0.0
