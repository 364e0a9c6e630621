"""Attribute changed: to anything, to a value, or from one value to another."""

from typing import Any

from automation.following import CHANGED
from automation.forms.triggers import AttributeForm
from campaigns.document import Trigger
from campaigns.trigger_kinds import TriggerKind
from contacts.writing import NotWritable, check_path
from lib.clean_json import Unclean, clean

LONGEST = 200


class AttributeTrigger(TriggerKind):
    key, label, icon = "attribute", "An attribute changes", "edit_note"
    help = "Lets people in when something you know about them becomes different, such as their plan."
    form = AttributeForm

    def problems(self, trigger):
        found = list(about_attribute(trigger))
        for word in ("before", "after"):
            value = trigger.config.get(word)
            if value not in (None, "") and _value(value) is None:
                found.append(f"Write the value {word}: at most {LONGEST} characters.")
        return found

    def references(self, trigger):
        return [("attribute", trigger.config["attribute"])]

    def describe(self, trigger):
        before, after = (_value(trigger.config.get(word)) for word in ("before", "after"))
        change = f" from “{before}”" if before else ""
        change += f" to “{after}”" if after else ""
        return f"When somebody’s {in_words(trigger)} changes{change}"

    def event_type(self, trigger):
        return CHANGED

    def state(self, trigger):
        """Those who have the value by now; without one there is nothing to look for."""
        after = _value(trigger.config.get("after"))
        field = f"contact.{trigger.config['attribute']}"
        return {"field": field, "op": "is", "value": after, "type": "text"} if after else None

    def narrowed(self, trigger):
        asked: list[Any] = [_is("attribute", trigger.config.get("attribute"))]
        for name, word in (("from", "before"), ("to", "after")):
            if value := _value(trigger.config.get(word)):
                asked.append(_is(name, value))
        return {"all": asked}


def _is(name: str, value: Any) -> dict[str, Any]:
    return {"field": f"event.{name}", "op": "is", "value": value, "type": "text"}


def _value(value: Any) -> str | None:
    """What is compared, as a text; None for none, and for what cannot be compared."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST and "\x00" not in value else None


def about_attribute(trigger: Trigger) -> list[str]:
    """What is wrong with the name of the attribute."""
    path = trigger.config.get("attribute")
    if not isinstance(path, str) or not path:
        return ["Choose the attribute."]
    try:
        check_path(clean(path))
    except (NotWritable, Unclean):
        return [f"“{path[:60]}” is no attribute; choose one of the list.".replace("\x00", "")]
    return []


def in_words(trigger: Trigger) -> str:
    """“birthday”, as it stands in a sentence."""
    path = trigger.config.get("attribute")
    return path[:100].replace("_", " ").replace(".", " ") if isinstance(path, str) and path else "attribute"
