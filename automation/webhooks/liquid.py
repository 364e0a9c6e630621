"""Liquid in JSON and in addresses: a value can never become more than a value.

In JSON an output leaves a marker with the value in it. When the text is there, each marker becomes what belongs in its
place: between quotation marks the value's text, escaped; elsewhere the whole value, a text with quotation marks of its
own. So `"{{ contact.name }}"` and `{{ contact.name }}` are both right, and no name adds a key. In an address values are
percent-encoded.
"""

import json
import re
from datetime import date
from typing import Any
from urllib.parse import quote

from campaigns.liquid import RenderFailed, Template, parse_in
from campaigns.liquid_sandbox import Output, OutputNode, Sandbox

OPEN, CLOSE = "\x01", "\x02"
MARKER = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
# From one quotation mark or marker to the next; inside a string a backslash hides what follows it.
OUTSIDE = re.compile(f'["{OPEN}]')
INSIDE = re.compile(rf'["{OPEN}]|\\.', re.DOTALL)


class InJson(OutputNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        return buffer.write(f"{OPEN}{json.dumps(_value(self.expression, context))}{CLOSE}")


class InAddress(OutputNode):
    def render_to_output(self, context: Any, buffer: Any) -> int:
        return buffer.write(quote(context.text(self.expression.evaluate(context), self.expression), safe=""))


def _value(expression: Any, context: Any) -> Any:
    value = expression.evaluate(context)
    if isinstance(value, str):
        return MARKER.sub(_caught, str(value))
    if isinstance(value, bool | int | float | dict | list):
        return _plain(value)
    return value.isoformat() if isinstance(value, date) else context.text(value, expression)


def _caught(found: re.Match[str]) -> str:
    """What {% capture %} caught, as text; a value that looks like a marker stays as it is."""
    try:
        return _as_text(json.loads(found[1]))
    except ValueError:
        return found[0]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sandbox(node: type[OutputNode]) -> Sandbox:
    output = type("Output", (Output,), {"node_class": node})
    tags = tuple(output if tag is Output else tag for tag in Sandbox.TAGS)
    return type("Sandbox", (Sandbox,), {"TAGS": tags})(html=False)


JSON, ADDRESS = _sandbox(InJson), _sandbox(InAddress)


def json_template(source: str) -> Template:
    """A body; raises TemplateError."""
    return parse_in(JSON, source)


def address_template(source: str) -> Template:
    """The part of an address behind the host; raises TemplateError."""
    return parse_in(ADDRESS, source)


def render_json(template: Template, values: dict[str, Any]) -> str:
    """The body for one contact, which is JSON; raises RenderFailed, Aborted."""
    text = filled_in(template.render(values))
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError as fault:
        raise RenderFailed(
            "With the values of this contact the body is not JSON; look at its commas and quotes."
        ) from fault
    except RecursionError as fault:
        raise RenderFailed("The body is nested too deep.") from fault
    return text


def _refuse(name: str) -> None:
    raise ValueError(name)


def filled_in(text: str) -> str:
    """The text with each marker replaced by what belongs in its place."""
    parts, at, inside = [], 0, False
    while found := (INSIDE if inside else OUTSIDE).search(text, at):
        if found[0] == OPEN and (marker := MARKER.match(text, found.start())):
            parts += [text[at : found.start()], _in_place(json.loads(marker[1]), inside)]
            at = marker.end()
            continue
        inside = inside != (found[0] == '"')
        parts.append(text[at : found.end()])
        at = found.end()
    return "".join([*parts, text[at:]])


def _in_place(value: Any, inside: bool) -> str:
    # ASCII only: a lone surrogate, too, passes as an escape that any receiver can read.
    return json.dumps(_as_text(value))[1:-1] if inside else json.dumps(value)
