"""YAML that holds what JSON holds: text, numbers, true, false, null, lists, and mappings by text.

Nothing is executed, nothing refers to something else (so no bombs), nothing stands twice. Words such as `yes`, `on`
and dates stay text.
"""

import math
import re
from collections.abc import Iterable
from typing import Any

import yaml

from lib import clean_json

MAX_BYTES, MAX_DEPTH, MAX_PARTS = 1_000_000, 100, 100_000
INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
CONSTANTS = dict.fromkeys(("", "~", "null", "Null", "NULL"))
CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """Says in a sentence what is wrong, in which line, and what to do."""


def load(raw: bytes | str) -> Any:
    """The value of a YAML text; raises Unreadable."""
    text = _decoded(raw)
    try:
        value = _built(yaml.parse(text, Loader=_PARSER))
    except yaml.MarkedYAMLError as fault:
        line = (fault.problem_mark.line + 1) if fault.problem_mark else 1
        why = fault.problem or "something is missing"
        raise Unreadable(f"Line {line} cannot be read ({why}); check indentation, colons and quotes.") from fault
    except yaml.YAMLError as fault:
        raise Unreadable("The file holds a character that no text has; save it as plain text (UTF-8).") from fault
    try:
        return clean_json.clean(value, levels=MAX_DEPTH)
    except clean_json.Unclean as fault:
        raise Unreadable(str(fault).replace("The request", "The file")) from fault


def _decoded(raw: bytes | str) -> str:
    try:
        data = raw.encode() if isinstance(raw, str) else raw
        if len(data) > MAX_BYTES:
            raise Unreadable(f"The file is larger than {MAX_BYTES // 1000:,} KB; that is no definition by hand.")
        return data.decode("utf-8-sig")
    except UnicodeError as fault:
        raise Unreadable("The file is not text in UTF-8; save it as such.") from fault


def _built(events: Iterable[Any]) -> Any:
    """The value that the parser's events describe, without recursion."""
    root: list[Any] = []
    stack: list[_Open] = [_Open(root, 0)]
    documents = 0
    for number, event in enumerate(events):
        line = event.start_mark.line + 1
        if number > MAX_PARTS:
            raise Unreadable(f"The file has more than {MAX_PARTS:,} parts; that is no definition by hand.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(f"Line {line}: anchors and aliases (& and *) are not taken; write the part out.")
        if getattr(event, "tag", None):
            raise Unreadable(f"Line {line}: tags (!) are not taken; write plain values.")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise Unreadable(f"Line {line} begins a second document (---); put each into a file of its own.")
        if isinstance(event, yaml.ScalarEvent):
            stack[-1].take(_scalar(event, line), line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(stack) > MAX_DEPTH:
                raise Unreadable(f"Line {line} is nested more than {MAX_DEPTH} levels deep; make it flatter.")
            held: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            stack[-1].take(held, line)
            stack.append(_Open(held, line))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
    return root[0] if root else None


class _Open:
    """A list or mapping that is being filled; of a mapping, the key that waits for its value."""

    def __init__(self, held: Any, line: int):
        self.held, self.key, self.has_key = held, "", False

    def take(self, value: Any, line: int) -> None:
        if isinstance(self.held, list):
            self.held.append(value)
        elif self.has_key:
            self.held[self.key], self.has_key = value, False
        elif not isinstance(value, str):
            raise Unreadable(f"Line {line}: a name before a colon is text; put it into quotes.")
        elif value in self.held:
            raise Unreadable(f"Line {line}: “{value[:60]}” stands twice in the same place; remove one.")
        else:
            self.key, self.has_key = value, True


def _scalar(event: yaml.ScalarEvent, line: int) -> Any:
    text = event.value
    if not event.implicit[0]:  # quoted, or a block of text
        return text
    if text in CONSTANTS:
        return CONSTANTS[text]
    if INT.match(text) and len(text) <= 30:
        return int(text)
    if FLOAT.match(text) and len(text) <= 60:
        number = float(text)
        if math.isinf(number):
            raise Unreadable(f"Line {line}: {text} is too large a number.")
        return number
    return text


class _Dumper(yaml.SafeDumper):
    """Without aliases. What `load` would take for a number, or a line's end where none is, stands in quotes."""

    def ignore_aliases(self, data):
        return True


class _BlockDumper(_Dumper):
    """Texts of several lines stand as they are read."""


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


def _in_lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and text.replace("\n", "").isprintable():
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    return _quoted(dumper, text)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+0123456789."))
_Dumper.add_representer(str, _quoted)
_BlockDumper.add_representer(str, _in_lines)


def dump(value: Any) -> str:
    """The value as YAML, in the order of its keys; `load` gives back exactly the same."""
    text = _dumped(value, _BlockDumper)
    try:
        faithful = load(text) == value
    except Unreadable:
        faithful = False
    return text if faithful else _dumped(value, _Dumper)


def _dumped(value: Any, dumper: type[yaml.SafeDumper]) -> str:
    return yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
