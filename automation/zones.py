"""Times as the person who reads them expects: in the contact's time zone, else in the site's."""

import zoneinfo
from datetime import datetime

from lib.words import in_plain_words, spoken
from ops.models import SiteSettings

__all__ = ["flaw", "in_zone", "is_known", "spoken", "zone_of"]


def zone_of(name: str, site: SiteSettings) -> zoneinfo.ZoneInfo:
    """An invalid zone counts as missing."""
    return _zone(name) or site.zone


def is_known(name: str) -> bool:
    return _zone(name) is not None


def flaw(name: str, site: SiteSettings) -> str:
    """A sentence about a zone that is none, to be added to an explanation; empty where nothing is wrong."""
    if not name or _zone(name):
        return ""
    return f" “{in_plain_words(name)[:60]}” is no time zone, so {site.timezone} was taken."


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def in_zone(at: datetime, name: str, site: SiteSettings) -> str:
    """ "Tue 24 Nov 2026, 14:02 (Europe/Paris)"."""
    return spoken(at, zone_of(name, site))
