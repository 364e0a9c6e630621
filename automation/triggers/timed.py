"""Schedule and broadcast: people come in because it is time, not because of what they did."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

import msgspec

from automation import cron_lines
from automation.forms.timed_triggers import BroadcastForm, ScheduleForm
from automation.scheduling import HOURS, Broadcast, Schedule, broadcast_day, in_words, moment, next_run, zone_named
from automation.triggers.segment import named, segment_of
from campaigns.document import Trigger
from campaigns.trigger_kinds import TriggerKind
from lib.weekdays import read_time
from segments.models import Segment


class ScheduleTrigger(TriggerKind):
    key, label, icon = "schedule", "On a schedule", "calendar_month"
    help = "Lets people in again and again, from hourly to yearly: the members of a segment, or everybody who fits."
    form = ScheduleForm
    by_event = False

    def problems(self, trigger):
        schedule = _read(trigger, Schedule)
        if schedule is None:
            return ["Choose how often people come in, on which days, and at what time."]
        found = [*_about_people(trigger), *_about_zone(schedule.zone)]
        if schedule.every == "cron":
            return [*found, *filter(None, [cron_lines.problem(schedule.cron)])]
        if schedule.every == "hours" and schedule.hours not in HOURS:
            found.append(f"Write every how many hours: {', '.join(map(str, HOURS))}.")
        if schedule.every == "months" and not (schedule.months and all(1 <= one <= 12 for one in schedule.months)):
            found.append("Choose at least one month, from 1 for January to 12 for December.")
        if schedule.every == "week" and not schedule.days:
            found.append("Choose at least one day of the week.")
        if not 1 <= schedule.day <= 31:
            found.append("Write a day of the month: 1 to 31.")
        if read_time(schedule.at) is None:
            found.append("Write a time of day such as 09:00.")
        return found

    def references(self, trigger):
        return _segment_used(trigger)

    def describe(self, trigger):
        schedule = _read(trigger, Schedule)
        return f"{in_words(schedule)}, {_whom(trigger)}" if schedule else self.label

    def example(self, trigger, now, zone):
        schedule = _read(trigger, Schedule)
        there = zone_named(schedule.zone, zone)
        runs, after = [], now
        for _ in range(3):
            after = next_run(schedule, after, there)
            runs.append(f"{after.astimezone(there):%a %-d %b %Y, %H:%M}")
        return f"The next runs: {'; '.join(runs)} ({there.key})."

    def returns(self, trigger):
        return True


class BroadcastTrigger(TriggerKind):
    key, label, icon = "broadcast", "A broadcast, by hand", "campaign"
    help = "Lets a whole segment, or everybody, in once: when you activate it, or at a time that you choose."
    form = BroadcastForm
    by_event = False

    def problems(self, trigger):
        broadcast = _read(trigger, Broadcast)
        if broadcast is None:
            return ["Choose who gets it, and when."]
        found = [*_about_people(trigger), *_about_zone(broadcast.zone)]
        if broadcast.at and _local_time(broadcast.at) is None:
            found.append("Write when it goes out: a date and a time of day.")
        return found

    def references(self, trigger):
        return _segment_used(trigger)

    def describe(self, trigger):
        broadcast = _read(trigger, Broadcast)
        at = _local_time(broadcast.at) if broadcast and broadcast.at else None
        where = f" ({broadcast.zone[:64]})" if broadcast and broadcast.zone else ""
        when = f"On {at:%-d %B %Y at %H:%M}{where}" if at else "When it is activated"
        return f"{when}, once, {_whom(trigger)}"

    def example(self, trigger, now, zone):
        broadcast = _read(trigger, Broadcast)
        at = moment(broadcast, zone_named(broadcast.zone, zone))
        return "That time has passed, so it goes out as soon as it is activated." if at and at <= now else ""


def _read(trigger: Trigger, type_: type) -> Any:
    try:
        return msgspec.convert(trigger.config, type_)
    except msgspec.ValidationError:
        return None


def _about_people(trigger: Trigger) -> Iterator[str]:
    if trigger.config.get("segment") is None:
        return
    number = segment_of(trigger)
    if number is None or not Segment.objects.filter(pk=number).exists():
        yield "This segment no longer exists; choose another one, or everybody."


def _about_zone(name: str) -> Iterator[str]:
    if name and name not in available_timezones():
        yield "There is no such time zone; choose one such as Europe/Paris."


def _local_time(text: str) -> datetime | None:
    day, _, at = text.partition("T")
    found, clock = broadcast_day(day), read_time(at)
    return datetime.combine(found, clock) if found and clock else None


def _segment_used(trigger: Trigger) -> list[tuple[str, str]]:
    number = segment_of(trigger)
    return [("segment", str(number))] if number else []


def _whom(trigger: Trigger) -> str:
    number = segment_of(trigger)
    return f"everybody in {named(number)}" if number else "everybody whom the filters let in"
