"""What a parser finds wrong with a value, as one plain sentence: which field, what was expected there."""

import re
from dataclasses import dataclass

import msgspec

_EXPECTED = re.compile(r"Expected `(.+?)`(?: (.+?))?(?:, got `(.+?)`)?\Z", re.DOTALL)
_LENGTH = re.compile(r"of length (<=|>=) (\d+)")
_MISSING = re.compile(r"Object missing required field `(.+?)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`", re.DOTALL)
_CHOICE = re.compile(r"Invalid enum value (.+)", re.DOTALL)
_PLACE = re.compile(r" - at (?:`key` in )?`\$\.?(.*)`\Z", re.DOTALL)
_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a mapping of names to values", "null": "empty",
}  # fmt: skip
_UNITS = {"str": "characters", "array": "entries", "object": "entries"}


@dataclass(frozen=True)
class Said:
    """What is wrong: where (`steps[2].config`; empty: the whole), what, and a sentence that names the place."""

    path: str
    words: str

    @property
    def sentence(self) -> str:
        return f"{f'“{self.path[:100]}”' if self.path else 'It'} {self.words}."


def plainly(fault: msgspec.ValidationError) -> Said:
    """What msgspec found, said as a person would say it."""
    text = str(fault)
    place = _PLACE.search(text)
    path = place[1].replace("[...]", "") if place else ""
    said = text[: place.start()] if place else text
    if missing := _MISSING.match(said):
        return Said(f"{path}.{missing[1]}".strip("."), "is missing; send it, too")
    if unknown := _UNKNOWN.match(said):
        return Said(f"{path}.{unknown[1][:60]}".strip("."), "is unknown here; leave it out")
    if choice := _CHOICE.match(said):
        return Said(path, f"cannot be {_quoted(choice[1])}, which is not one of the choices here; choose another one")
    return Said(path, _expectation(_EXPECTED.match(said)))


def _expectation(found: re.Match | None) -> str:
    if found is None:
        return "cannot be read; look at what is written there"
    kinds = [kind.strip() for kind in found[1].split("|")]
    if limit := _LENGTH.match(found[2] or ""):
        unit = next((_UNITS[kind] for kind in kinds if kind in _UNITS), "characters")
        return f"has {'at most' if limit[1] == '<=' else 'at least'} {int(limit[2]):,} {unit}; change it to that"
    wanted = " or ".join(_WORDS.get(kind, kind) for kind in kinds)
    got = f", not {_WORDS.get(found[3], found[3])}" if found[3] else ""
    return f"must be {wanted}{got}"


def _quoted(text: str) -> str:
    return f"“{text.strip(chr(39))[:60]}”"
