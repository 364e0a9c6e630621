"""Wait: a length of time, a weekday, a date; what it means is in `automation.waiting`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from automation import dates, pace, wait_checks, wait_words, waiting
from automation.dates import Reading
from automation.forms.wait import WaitForm
from automation.zones import flaw, spoken, zone_of
from campaigns.document import Watch
from campaigns.step_kinds import Done, Exit, Outcome, StepKind, Wait
from campaigns.watches import LOOK
from lib.chances import share_of
from lib.words import in_plain_words
from ops.models import SiteSettings

# The engine may lag behind in a burst. Older than this it was a pause or an outage, and the wait begins with its end.
LONGEST_LAG = timedelta(minutes=5)
LONGEST_DAYS = waiting.LONGEST.days
THEN = {"continue": "so it goes on at once", "exit": "so they leave", "skip": "so the next mail is skipped"}


class WaitKind(StepKind):
    key, label, icon, group = "wait", "Wait", "hourglass_empty", "Timing"
    help = "Holds people here for a length of time, until a weekday, or until a date."
    form = WaitForm
    saw = {"since": "Counted from", "until": "Waited until", "date": "The date", "field": ""}
    by_the_clock = True

    def problems(self, config):
        return [sentence for _, sentence in wait_checks.faults(config)]

    def references(self, config):
        return [("field", config["field"])] if config.get("mode") == "field" else []

    def describe(self, config):
        wait = waiting.read(config)
        return f"wait {wait_words.with_remedies(wait)}" if wait and not self.problems(config) else "wait"

    def example(self, config, now, zone):
        wait = waiting.read(config)
        return wait_words.example(wait, now, zone) if wait and not self.problems(config) else ""

    def goes_on(self, config, arm, at, zone, window):
        wait = waiting.read(config)
        if wait is None or wait.mode == "field":  # everybody has a date of their own
            return None
        end = waiting.until(wait, at, zone, 0)
        if end and end >= at:
            return end
        return None if (wait.past if end else wait.missing) == "exit" else at

    def may_take_longer(self, config, arm):
        return config.get("mode") == "random"

    def pauses(self, config, arm):
        # A date may be past.
        return config.get("mode", "for") not in ("date", "field") or config.get("anniversary") is True

    def run(self, visits, now):
        wait = waiting.read(visits[0].step.config)
        assert wait
        ends = wait.has_date or any(not visit.pk or _was_given_by_another(visit) for visit in visits)
        site = SiteSettings.get() if ends else None
        readings = _readings(wait, visits)
        return [self._outcome(wait, visit, site, readings, now) for visit in visits]

    def _outcome(self, wait, visit, site, readings, now) -> Outcome:
        if isinstance(woken := visit.facts.get("woken"), dict):
            return Done(woken["because"][:400])
        reading = readings.get(visit.enrollment_id)
        if not visit.pk:
            return _begin(wait, visit, begun(pace.began(visit.enrollment), now), site, reading)
        if wait.mode == "field" and (later := _waits_on(wait, visit, site, reading, now)):
            return later
        if visit.until and _was_given_by_another(visit):
            return Done(f"Waited until {spoken(visit.until, zone_of(visit.enrollment.contact.timezone, site))}.")
        return Done(f"Waited {wait_words.words(wait)}.")

    def watches(self, config):
        """Their date, for as long as they wait for it: it may become another one."""
        wait = waiting.read(config)
        if wait is None or wait.mode != "field":
            return []
        return [Watch(uid=LOOK, condition={"field": wait.field, "op": "is set"})]

    def waits(self, visit):
        return "woken" not in visit.facts

    def times(self, config):
        """What becomes of those without a date is another matter: these have one."""
        return {key: value for key, value in config.items() if key not in ("past", "missing")}

    def due_again(self, visits, config, now):
        """None: it names no usable date for them, so they keep their time. A fixed number of queries."""
        wait = waiting.read(config)
        assert wait
        site, readings = SiteSettings.get(), _readings(wait, visits)
        return [_anew(wait, visit, site, readings.get(visit.enrollment_id), now) for visit in visits]


def _was_given_by_another(visit) -> bool:
    """Did they come by another version? It may have said something else."""
    return visit.version_id != visit.enrollment.version_id


def _readings(wait: waiting.Wait, visits: Sequence) -> Any:
    if wait.mode != "field":
        return {}
    return dates.readings(wait.field, [visit.enrollment_id for visit in visits])


def begun(scheduled: datetime | None, now: datetime) -> datetime:
    """When the step before was over, as the reader saw it: not when the engine got round to this one."""
    return scheduled if scheduled and timedelta() <= now - scheduled <= LONGEST_LAG else now


def since(visit) -> datetime:
    """From when a wait that goes on counts."""
    known = visit.facts.get("since")
    return datetime.fromisoformat(known) if known else visit.entered_at


def _until(wait: waiting.Wait, visit, start: datetime, site: SiteSettings, reading: Reading | None) -> datetime | None:
    zone = zone_of(visit.enrollment.contact.timezone, site)
    return waiting.until(wait, start, zone, _chance(visit), reading)


def _chance(visit) -> float:
    return share_of("wait", visit.enrollment_id, visit.step_uid)


def _begin(wait: waiting.Wait, visit, start: datetime, site: SiteSettings, reading: Reading | None) -> Outcome:
    until = _until(wait, visit, start, site, reading)
    if until is None or until < start:
        return _without(wait, visit, until, site, reading)
    return _waiting(wait, visit, start, until, site, reading)


def _anew(wait: waiting.Wait, visit, site: SiteSettings, reading: Reading | None, now: datetime) -> Wait | None:
    until = _until(wait, visit, since(visit), site, reading)
    return _waiting(wait, visit, since(visit), max(until, now), site, reading) if until else None


def _waiting(
    wait: waiting.Wait, visit, start: datetime, until: datetime, site: SiteSettings, reading: Reading | None
) -> Wait:
    name = visit.enrollment.contact.timezone
    span = waiting.drawn(wait, _chance(visit))
    explanation = wait_words.begun(wait, until, span, zone_of(name, site)) + flaw(name, site)
    facts = {"since": start.isoformat(), "until": until.isoformat(), **_seen(wait, reading)}
    return Wait(explanation, until, facts=facts, listens=wait.mode == "field")


def _seen(wait: waiting.Wait, reading: Reading | None) -> dict[str, Any]:
    """The date as it was sent; of anything else, which may be long, the beginning in words."""
    if reading is None:
        return {}
    return {"field": wait.field, "date": reading.sent if reading.at else in_plain_words(reading.sent)[:100]}


def _waits_on(wait: waiting.Wait, visit, site: SiteSettings, reading: Reading | None, now: datetime) -> Wait | None:
    """Whose date is to come, by what it is now; whoever waited for another one, or has none any more, keeps that."""
    until, facts = visit.until, visit.facts
    if _is_another(wait, facts, reading) and (found := _until(wait, visit, since(visit), site, reading)):
        return _waiting(wait, visit, since(visit), found, site, reading) if found > now else None
    return Wait(visit.explanation, until, facts=facts, listens=True) if until and until > now else None


def _is_another(wait: waiting.Wait, facts: dict[str, Any], reading: Reading | None) -> bool:
    its = "date" in facts and facts.get("field", wait.field) == wait.field
    return its and reading is not None and reading.sent != facts["date"]


def _without(wait: waiting.Wait, visit, until: datetime | None, site: SiteSettings, reading: Reading | None) -> Outcome:
    """What becomes of those whose date is past, or is none."""
    remedy, name = (wait.past if until else wait.missing), visit.enrollment.contact.timezone
    sentence = f"{_what_is_wrong(wait, until, zone_of(name, site), reading)}, {THEN[remedy]}.{flaw(name, site)}"
    facts = _seen(wait, reading) or None
    if remedy == "exit":
        return Exit(sentence, "date_past" if until else "bad_date", facts=facts)
    if remedy == "skip":
        visit.enrollment.skips_message = True
    return Done(sentence, facts=facts)


def _what_is_wrong(wait: waiting.Wait, until: datetime | None, zone, reading: Reading | None) -> str:
    what = wait_words.words(wait).removeprefix("until ")
    what = what[0].upper() + what[1:]
    if until:
        return (
            f"{what}, was {spoken(until, zone)}" if wait.mode == "field" else f"{spoken(until, zone)} is past already"
        )
    label = wait_words.field_label(wait.field)
    if reading is None or reading.sent in (None, ""):
        return f"There is no date in {label}" if wait.mode == "field" else f"{what} is more than 2 years away"
    if reading.at is None:
        return f"“{in_plain_words(reading.sent)}”, in {label}, is no date"
    return f"{what}, is more than 2 years away"
