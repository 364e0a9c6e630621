"""What turns or holds an enrollment before its message exists; nothing that is held here has been promised to anybody.

Whoever is held is asked again when the time has come: reasons to leave and the audience filter of a campaign that keeps
matching (`automation.staying`), and what stands here; whom the fuse holds (`automation.fuses`) a person lets go on.
Consent is looked at when the mail is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from automation import capped, fuses
from automation.documents import of_version
from automation.models import Visit
from automation.opening import Stretch, next_stretch, opening
from automation.zones import flaw, spoken, zone_of
from campaigns import windows
from campaigns.step_kinds import Done, Outcome, Wait
from campaigns.windows import Window
from ops.models import SiteSettings

SKIPPED = "Left out, as a wait before it said: its date was past or missing."
HELD_OUT = "Not sent: they are held out by chance, and get transactional mail only."
OUTSIDE = "outside_window"
NOTED = {"held_until", "capped", "fuse", "fuse_released"}  # in the facts of whoever was held


def was_held(visit: Visit) -> bool:
    """Is it held before its message exists, by a window, a limit or the fuse?"""
    return visit.message_id is None and bool(NOTED & visit.facts.keys())


def turned(visits: Sequence[Visit], now: datetime, transactional: bool = False) -> dict[int, Outcome]:
    """By the place of the visit: what becomes of those who get no message now. All stand in the same step.

    A fixed number of queries. Transactional messages heed the windows of their campaign, but no quiet hours.
    """
    without = {place: visit for place, visit in enumerate(visits) if visit.message_id is None}
    if not without:
        return {}
    found = {place: _left_out(visit) for place, visit in without.items() if visit.enrollment.skips_message}
    if not transactional:
        held_out = [place for place, visit in without.items() if visit.enrollment.arm == "holdout"]
        found |= {place: Done(HELD_OUT, arm="holdout") for place in held_out}
    hours = _hours(visits[0], transactional)
    for place in without.keys() - found.keys() if hours.windows else ():
        if outcome := hours.held(visits[place], now):
            found[place] = outcome
    held = capped.held([visit for place, visit in without.items() if place not in found], now)
    found |= {place: held[its] for place, visit in without.items() if (its := visit.enrollment.pk) in held}
    asked = {place: visit for place, visit in without.items() if place not in found}
    return found | fuses.held(asked, now, hours.site, transactional)


def _left_out(visit: Visit) -> Outcome:
    visit.enrollment.skips_message = False
    return Done(SKIPPED, arm="skipped")


def _hours(visit: Visit, transactional: bool) -> "Hours":
    """Those of the step count, else those of the campaign; quiet hours count beside them."""
    row, site = visit.enrollment, SiteSettings.get()
    own = windows.read(visit.step.config.get("window"))  # type: ignore[attr-defined]
    window = own or windows.read(of_version(row.version_id).window)
    said = {f"the send window is {windows.words(window)}": window} if window else {}
    awake = None if transactional else windows.awake(site)
    if awake:
        said[f"nothing is sent in the quiet hours, {awake.end} to {awake.start}"] = awake
    return Hours(site, said)


@dataclass
class Hours:
    """The windows that concern a step, each by what is said about it; looked at once for each time zone."""

    site: SiteSettings
    windows: dict[str, Window]
    _stretches: dict[str, Stretch | None] = field(default_factory=dict)

    def held(self, visit: Visit, now: datetime) -> Outcome | None:
        """A hold, or the end of the step, for whom some window is closed now; None where all are open."""
        name = visit.enrollment.contact.timezone
        zone = zone_of(name, self.site)
        if name not in self._stretches:
            self._stretches[name] = opening(list(self.windows.values()), now, zone)
        stretch = self._stretches[name]
        if stretch and stretch.opens <= now:
            return None
        closed = self._closed(now, zone)
        because = ", and ".join(closed)
        if stretch is None:
            return Done(f"Not sent: {because}, which leaves no time to send.", arm=OUTSIDE)
        if any(self.windows[said].outside == "cancel" for said in closed):
            return Done(f"Not sent: {because}.", arm=OUTSIDE)
        until = stretch.release(visit.enrollment_id, visit.step_uid, visit.occurrence)
        explanation = f"Held until {spoken(until, zone)}: {because}.{flaw(name, self.site)}"
        facts = {**(visit.facts or {}), "held_until": until.isoformat(), "held_because": because}
        return Wait(explanation, until, facts=facts)

    def _closed(self, now: datetime, zone: tzinfo) -> list[str]:
        found = [said for said, window in self.windows.items() if next_stretch(window, now, zone).opens > now]
        return found or list(self.windows)
