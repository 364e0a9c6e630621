"""Wait for: something that happens, or a condition that comes true, whichever comes first; or the time is up."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from django.db.models import Exists, Q, QuerySet, Value

from automation import heard, pace
from automation.documents import of_version
from automation.forms.wait_for import WaitForForm
from automation.in_hand import A_MOMENT
from automation.kinds.arms import read
from automation.kinds.wait import LONGEST_DAYS, begun, since
from automation.models import Enrollment
from automation.zones import in_zone, spoken
from campaigns import watches
from campaigns.document import Watch
from campaigns.step_kinds import Arm, Done, Outcome, StepKind, Wait
from campaigns.watches import AGAIN, in_words
from lib import durations
from lib.united import united
from lib.words import capital
from ops.models import SiteSettings
from segments import conditions
from segments.membership import hold_free

MAX_ARMS = 10
LOOK = timedelta(minutes=15)  # how often a condition is asked that time alone may turn
SINCE = ("step", "entry", "ever")


class Timeout(msgspec.Struct, kw_only=True):
    """How long is waited at most."""

    amount: float = 0
    unit: str = "days"


class Settings(msgspec.Struct, kw_only=True):
    """The configuration: what is waited for, in the order in which it counts; since when; and how long."""

    arms: list[Watch] = []
    timeout: Timeout = msgspec.field(default_factory=Timeout)
    since: str = "step"
    again: bool = False


class WaitForKind(StepKind):
    key, label, icon, group = "wait_for", "Wait for", "pending_actions", "Timing"
    help = "Until they do something, or a condition comes true; else another way when the time is up."
    form = WaitForForm
    saw = {"since": "Counted from", "until": "Waited at most until", "heard_since": ""}
    by_the_clock = True

    def problems(self, config):
        settings = read(config, Settings)
        if settings is None:
            return ["This step cannot be read; choose again what it waits for."]
        found = [] if settings.arms else ["Choose what to wait for."]
        if len(settings.arms) > MAX_ARMS:
            found.append(f"A step waits for {MAX_ARMS} things at most; remove some.")
        uids = [arm.uid for arm in settings.arms]
        if any(uid in ("", "timeout", AGAIN) or len(uid) > 40 or uids.count(uid) > 1 for uid in uids):
            found.append("Each way out needs a uid of its own; remove it and add it again.")
        for number, arm in enumerate(settings.arms, 1):
            found += [f"{_number(number)}: {sentence}" for sentence in watches.problems(arm)]
        return [*found, *_about_time(settings)]

    def references(self, config):
        return []

    def arms(self, config):
        settings = read(config, Settings) or Settings()
        ways = [Arm(arm.uid, capital(in_words(arm).strip("“”"))) for arm in settings.arms]
        return [*ways, Arm("timeout", f"Not within {_span_in_words(settings)}")]

    def pauses(self, config, arm):
        settings = read(config, Settings) or Settings()
        fresh = settings.since == "step" and any(one.uid == arm and one.event for one in settings.arms)
        return arm == "timeout" or fresh

    def watches(self, config):
        settings = read(config, Settings)
        return settings.arms if settings else []

    def describe(self, config):
        settings = read(config, Settings)
        if settings is None or not settings.arms:
            return "wait for something"
        what = " or ".join(in_words(arm) for arm in settings.arms)
        again = ", from the last time the trigger happened" if settings.again else ""
        return f"wait until {what}, at most {_span_in_words(settings)}{again}"

    def waits(self, visit):
        return heard.has_begun(visit) and "woken" not in visit.facts

    def due_again(self, visits, config, now):
        settings = msgspec.convert(config, Settings)
        turn = _Turn(settings, SiteSettings.get(), set(), now)
        return [turn.anew(visit) for visit in visits]

    def times(self, config):
        return config.get("timeout")

    def example(self, config, now, zone):
        settings = read(config, Settings)
        if settings is None:
            return ""
        again = " (later, if the trigger happens again)" if settings.again else ""
        end = spoken(self.goes_on(config, "timeout", now, zone, None), zone)
        return f"If someone gets here now and nothing of it happens, they go on {end}{again}."

    def goes_on(self, config, arm, at, zone, window):
        settings = msgspec.convert(config, Settings)
        return at + _span(settings) if arm == "timeout" else at

    def may_take_longer(self, config, arm):
        return arm != "timeout" or config.get("again") is True

    def run(self, visits, now):
        settings = msgspec.convert(visits[0].step.config, Settings)
        fresh = {visit.enrollment.contact_id for visit in visits if heard.is_deaf(visit)}
        free = hold_free(fresh) if fresh else set()
        heard.look_back(visits)
        asking = [visit for visit in visits if _asks(visit, free)]
        true = _first(settings, asking, now)
        turn = _Turn(settings, SiteSettings.get(), free, now)
        return [turn.outcome(visit, true.get(visit.enrollment.pk)) for visit in visits]


class _Turn:
    """Everybody who stands in the step; what is the same for all is worked out once."""

    def __init__(self, settings: Settings, site: SiteSettings, free: set[int], now: datetime):
        self.settings, self.site, self.free, self.now = settings, site, free, now
        self.words = {arm.uid: in_words(arm) for arm in settings.arms}
        self.span, self.turns = _span_in_words(settings), _turns(settings)

    def outcome(self, visit, arm: Watch | None) -> Outcome:
        facts = visit.facts or {}
        if woken := facts.get("woken"):
            return self._woken(visit, woken)
        if arm:
            return Done(f"{capital(self.words[arm.uid])}: so it was, and they went on.", arm=arm.uid)
        if heard.is_deaf(visit) and visit.enrollment.contact_id not in self.free:
            noted = heard.noted(visit, pace.real(visit.enrollment, self.now))
            return Wait("Their news are being looked through just now.", self.now + A_MOMENT, facts={**facts, **noted})
        start = _start(visit, self.now)
        until = _until(self.settings, visit, start)
        if self.now >= until:
            return Done(self._nothing(visit, until), arm="timeout")
        noted = heard.noted(visit, pace.real(visit.enrollment, self.now))
        return self._waiting(visit, start, until, self.now + LOOK, noted)

    def _nothing(self, visit, until: datetime) -> str:
        """In the time that they were given, also by a version that said another one."""
        if visit.pk and visit.version_id != visit.enrollment.version_id:
            return f"Nothing of it happened by {in_zone(until, visit.enrollment.contact.timezone, self.site)}."
        return f"Nothing of it happened within {self.span}."

    def anew(self, visit) -> Wait:
        """By these settings, the time already waited counted; what time may have turned is looked at first."""
        start = since(visit)
        until = max(start + _span(self.settings), self.now)
        return self._waiting(visit, start, until, self.now, {})

    def _waiting(self, visit, start: datetime, until: datetime, look: datetime, noted: dict[str, str]) -> Wait:
        words = f"Waits until {' or '.join(self.words.values())}, at most until "
        local = in_zone(until, visit.enrollment.contact.timezone, self.site)
        told = {**(visit.facts or {}), **noted, "since": start.isoformat(), "until": until.isoformat()}
        return Wait(f"{words}{local}."[:400], min(until, look) if self.turns else until, facts=told, listens=True)

    def _woken(self, visit, woken: dict) -> Outcome:
        if woken["arm"] == "timeout":
            return Done(woken.get("because") or "They were let go on before the time was up.", arm="timeout")
        if woken["arm"] not in self.words:  # the version that is live now waits for other things
            return Done("What it waited for is no longer part of the step.", arm="timeout")
        at, zone = woken.get("at"), visit.enrollment.contact.timezone
        when = f", {in_zone(datetime.fromisoformat(at), zone, self.site)}" if at else ""
        return Done(f"{capital(self.words[woken['arm']])}{when}."[:400], arm=woken["arm"], facts=visit.facts)


def _about_time(settings: Settings) -> Iterable[str]:
    unit, amount = settings.timeout.unit, settings.timeout.amount
    if unit not in durations.UNITS or not amount > 0:
        yield "Say how long to wait at most: a number above 0, in minutes, hours, days or weeks."
    elif durations.duration(min(amount, 10**9), unit).days > LONGEST_DAYS:
        yield "A wait is at most 2 years long."
    if settings.since not in SINCE:
        yield "Choose since when it counts: since this step, since they entered, or ever."


def _number(number: int) -> str:
    return f"Way {number}"


def _span_in_words(settings: Settings) -> str:
    unit, amount = settings.timeout.unit, settings.timeout.amount
    if unit not in durations.UNITS or not 0 < amount <= 10**6:
        return "…"
    return durations.in_words(durations.duration(amount, unit))


def _turns(settings: Settings) -> bool:
    """May time alone make a condition true?"""
    now = datetime.fromisoformat("2026-01-02T00:00:00+00:00")
    return any(
        conditions.turning(arm.condition, now - LOOK, now) or conditions.turns_at_midnight(arm.condition)
        for arm in settings.arms
        if not arm.event
    )


def _asks(visit, free: set[int]) -> bool:
    """Who has just come, and whose time is up or whose condition time may have turned; not who was woken."""
    if heard.is_deaf(visit):
        return visit.enrollment.contact_id in free
    return "woken" not in visit.facts


def _start(visit, now: datetime) -> datetime:
    """From when its time counts."""
    return since(visit) if heard.has_begun(visit) else begun(pace.began(visit.enrollment), now)


def _until(settings: Settings, visit, start: datetime) -> datetime:
    told = (visit.facts or {}).get("until")
    if told:
        return datetime.fromisoformat(told)
    return start + _span(settings)


def _span(settings: Settings) -> timedelta:
    return durations.duration(settings.timeout.amount, settings.timeout.unit)


def _first(settings: Settings, visits: Sequence, now: datetime) -> dict[int, Watch]:
    """Of each, the first arm that is true already; one query."""
    if not visits:
        return {}
    rows = [visit.enrollment for visit in visits]
    here = now.astimezone(SiteSettings.get().zone)
    of_its_time = heard.of_its_time(settings.since, visits, pace.real(rows[0], here))
    queries = []
    for number, arm in enumerate(settings.arms):
        true = _true(arm, of_its_time, rows, here)
        queries.append(true.order_by().annotate(place=Value(number)).values_list("pk", "place"))
    places: dict[int, int] = {}
    for pk, place in united(queries):
        places[pk] = min(place, places.get(pk, place))
    return {pk: settings.arms[place] for pk, place in places.items()}


def _true(arm: Watch, since: Q, rows: Sequence[Enrollment], now: datetime) -> QuerySet:
    contacts = {row.contact_id for row in rows}
    asked = Enrollment.objects.filter(pk__in=[row.pk for row in rows])
    if not arm.event:
        return asked.filter(conditions.compiled(arm.condition, "enrollment", now, only=contacts))
    return asked.filter(Exists(heard.happened(arm, since, of_version(rows[0].version_id), contacts, now)))
