"""Times as the person who reads them expects: in the contact's time zone, else in the site's."""

import zoneinfo
from datetime import datetime

from ops.models import SiteSettings


def zone_of(name: str, site: SiteSettings) -> zoneinfo.ZoneInfo:
    """An invalid zone counts as missing."""
    try:
        return zoneinfo.ZoneInfo(name) if name else site.zone
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return site.zone


def in_zone(at: datetime, name: str, site: SiteSettings) -> str:
    """ "Tue 24 Nov 2026, 14:02 (Europe/Paris)"."""
    zone = zone_of(name, site)
    return f"{at.astimezone(zone):%a %-d %b %Y, %H:%M} ({zone.key})"
