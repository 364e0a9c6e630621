"""Date: so many days before or after a date of theirs, at a time of day where they are; once, or every year."""

import msgspec

from automation import dates
from automation.dating import OF_PEOPLE, Config
from automation.forms.timed_triggers import DateForm
from campaigns.document import Trigger
from campaigns.trigger_kinds import TriggerKind
from lib.weekdays import read_time
from segments.fields import UnknownField

MOST_DAYS = 365


class DateTrigger(TriggerKind):
    key, label, icon = "date", "A date of theirs comes", "cake"
    help = "Lets people in on a date that you know of them, or some days before or after it; every year, if you like."
    form = DateForm
    by_event = False

    def problems(self, trigger):
        config = read(trigger)
        if config is None:
            return ["Choose the field that holds the date, the days before or after it, and the time of day."]
        found = []
        if why := _why_not(config.field):
            found.append(why)
        if abs(config.offset) > MOST_DAYS:
            found.append(f"Write 0 to {MOST_DAYS} days before or after the date.")
        if read_time(config.at) is None:
            found.append("Write a time of day such as 09:00.")
        return found

    def references(self, trigger):
        return [("field", trigger.config["field"])]

    def describe(self, trigger):
        config = read(trigger)
        if config is None:
            return "When a date of theirs comes"
        side = "before" if config.offset < 0 else "after"
        count = abs(config.offset)
        days = f"{count:,} day{'' if count == 1 else 's'} {side} " if count else "On "
        year = ", every year," if config.anniversary else ","
        return f"{days}{_label(config.field)}{year} at {config.at[:5]} where they are"

    def returns(self, trigger):
        config = read(trigger)
        return bool(config and config.anniversary)


def read(trigger: Trigger) -> Config | None:
    """The settings, typed; None where they cannot be read."""
    try:
        return msgspec.convert(trigger.config, Config)
    except msgspec.ValidationError:
        return None


def _why_not(key: str) -> str:
    if not key.startswith(OF_PEOPLE):
        return "Choose a date of the person or of their company, such as contact.birthday."
    return dates.why_not(key)


def _label(key: str) -> str:
    try:
        return dates.field_named(key).label
    except UnknownField:
        return "a date of theirs"
