"""Set an attribute: to a value that is written for each person, or to nothing."""

from collections.abc import Iterator
from typing import Any

import msgspec

from automation import liquid_values
from automation.forms.attribute import AttributeForm
from automation.in_hand import hops_of, with_people
from automation.kinds.arms import read
from automation.liquid_values import NotWritten
from campaigns.step_kinds import Arm, Done, StepKind
from contacts import writing
from contacts.writing import NotWritable
from lib.words import in_plain_words
from segments.leaves import AT_ANY_TIME
from segments.values import Unreadable, read_boolean, read_moment, read_number

KINDS = ("text", "number", "boolean", "date", "nothing")


class Setting(msgspec.Struct, kw_only=True):
    """The configuration; `kind` says as what the value is kept, “nothing” takes the attribute away."""

    attribute: str = ""
    kind: str = "text"
    value: str = ""


class AttributeKind(StepKind):
    key, label, icon = "attribute", "Set an attribute", "edit_note"
    group, form = "People", AttributeForm
    saw = {"value": "It became"}
    help = (
        "Writes down something about people: a text, a number, yes or no, a date; the same for all, or made by Liquid."
    )

    def problems(self, config):
        setting = read(config, Setting)
        if setting is None:
            return ["This step cannot be read; say again which attribute, and what it becomes."]
        return [*_about_name(setting), *_about_value(setting)]

    def references(self, config):
        return [("field", f"contact.{config['attribute']}")]

    def describe(self, config):
        setting = read(config, Setting)
        if setting is None or not setting.attribute:
            return "set an attribute"
        if setting.kind == "nothing":
            return f"remove the attribute “{setting.attribute}”"
        return f"set “{setting.attribute}” to “{setting.value[:60]}”"

    def arms(self, config):
        return [Arm("failed", "The value could not be worked out"), Arm("done", "It was set")]

    def run(self, visits, now):
        setting = msgspec.convert(visits[0].step.config, Setting)

        def work(going, contacts):
            made, faults = _made(setting, going, contacts, now)
            ids = {id(visit): contacts[visit.enrollment.contact_id] for visit in going}
            wanted = {ids[key]: {setting.attribute: value} for key, value in made.items()}
            refused = writing.set_each(wanted, now, hops_of(going, contacts))
            faults |= {key: refused[pk] for key, pk in ids.items() if pk in refused}
            return [_outcome(setting, made.get(id(visit)), faults.get(id(visit))) for visit in going]

        return with_people(visits, now, work)


def _made(setting: Setting, visits, contacts: dict[int, int], now) -> tuple[dict[int, Any], dict[int, str]]:
    """The value of each visit (by its id()), and why there is none."""
    if setting.kind == "nothing":
        return {id(visit): None for visit in visits}, {}
    values = liquid_values.Values(visits, [setting.value], now, contacts)
    made: dict[int, Any] = {}
    faults: dict[int, str] = {}
    for visit in visits:
        try:
            made[id(visit)] = _typed(values.write(setting.value, visit), setting.kind)
        except (NotWritten, Unreadable) as fault:
            faults[id(visit)] = str(fault)
    return made, faults


def _typed(text: str, kind: str) -> Any:
    """A text as what it is meant to be; raises Unreadable."""
    if kind == "text":
        return text
    text = text.strip()
    if kind == "number":
        number = read_number(text, AT_ANY_TIME)
        return int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)
    if kind == "boolean":
        return read_boolean(text, AT_ANY_TIME)
    read_moment(text, AT_ANY_TIME)
    return text


def _about_name(setting: Setting) -> Iterator[str]:
    if not setting.attribute:
        yield "Say which attribute: its name, such as plan or subscription.plan."
        return
    try:
        if "\x00" in setting.attribute:
            raise NotWritable("The name of the attribute holds a character that cannot be kept; remove it.")
        writing.check_path(setting.attribute)
    except NotWritable as fault:
        yield str(fault)


def _about_value(setting: Setting) -> Iterator[str]:
    if setting.kind not in KINDS:
        yield "Choose what the value is: a text, a number, yes or no, a date, or nothing."
    if setting.kind == "nothing":
        return
    if not setting.value.strip():
        yield "Write the value; to remove the attribute choose “nothing”."
        return
    found = list(liquid_values.problems(setting.value, "The value"))
    yield from found
    if not found and setting.kind in KINDS and "{{" not in setting.value and "{%" not in setting.value:
        try:
            _typed(setting.value, setting.kind)
        except Unreadable as fault:
            yield f"The value: {fault}"


def _outcome(setting: Setting, value: Any, fault: str | None) -> Done:
    if fault:
        return Done(f"“{setting.attribute}” was left as it was: {fault}", arm="failed")
    if setting.kind == "nothing":
        return Done(f"“{setting.attribute}” was removed.")
    shown = in_plain_words(value)
    return Done(f"“{setting.attribute}” was set to “{shown}”.", facts={"value": value})
