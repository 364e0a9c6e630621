"""Numbers in a definition, names in a file: a row has another number on every site, but the same name.

As in the database (campaigns.segment_uses): a definition names a row by its number under a key such as `template`,
however deep, or compares a property of an event, such as `event.segment`, with it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import Campaign, EmailTemplate
from lib.registry import Registry
from segments.models import Segment


@dataclass(frozen=True)
class Nameable:
    """Rows that files name: what they are called, and (number, name, other names that are understood) of each."""

    label: str
    rows: Callable[[], Iterable[tuple[int, str, str]]]


def _templates() -> Iterable[tuple[int, str, str]]:
    return ((pk, name, "") for pk, name in EmailTemplate.objects.values_list("pk", "name"))


def _segments() -> Iterable[tuple[int, str, str]]:
    return ((pk, name, "") for pk, name in Segment.objects.values_list("pk", "name"))


def _campaigns() -> Iterable[tuple[int, str, str]]:
    """By their uid: two campaigns may have the same name."""
    return Campaign.objects.values_list("pk", "uid", "name")


# By the key under which definitions hold the number.
NAMEABLES: Registry[Nameable] = Registry("what files name")
NAMEABLES.register("template", Nameable("e-mail template", _templates))
NAMEABLES.register("segment", Nameable("segment", _segments))
NAMEABLES.register("campaign", Nameable("campaign", _campaigns))


@dataclass(frozen=True)
class Fault:
    """What is wrong with a file: where, and a sentence."""

    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}" if self.place else self.sentence


@dataclass
class _Translator:
    """Walks a definition's JSON; what it cannot translate it leaves empty and notes."""

    faults: list[Fault] = field(default_factory=list)
    known: dict[str, dict] = field(default_factory=dict)

    def translated(self, value: Any, path: str) -> Any:
        if isinstance(value, list):
            return [self.translated(item, f"{path}{_step(item, number)}") for number, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        return {key: self._at(value, key, f"{path}.{key}" if path else key) for key in value}

    def _at(self, held: dict, key: str, path: str) -> Any:
        value = held[key]
        kind = _compared(held) if key == "value" else ""
        if kind:
            return self._each(value, lambda one: self.compared(kind, one, path))
        if key in NAMEABLES and not isinstance(value, dict):
            return self._each(value, lambda one: self.row(key, one, path))
        return self.translated(value, path)

    def _each(self, value: Any, one: Callable[[Any], Any]) -> Any:
        return [one(item) for item in value] if isinstance(value, list) else one(value)

    def row(self, kind: str, value: Any, path: str) -> Any:
        raise NotImplementedError

    def compared(self, kind: str, value: Any, path: str) -> Any:
        raise NotImplementedError


def _step(item: Any, number: int) -> str:
    """Steps are named by their uid, as everywhere."""
    uid = item.get("uid") if isinstance(item, dict) else None
    return f"[{uid[:40]}]" if isinstance(uid, str) and uid else f"[{number}]"


def _compared(leaf: dict) -> str:
    """Which rows a condition compares a property of an event with: {"field": "event.segment", …}."""
    name = leaf.get("field")
    root, _, kind = name.partition(".") if isinstance(name, str) else ("", "", "")
    return kind if root == "event" and kind in NAMEABLES else ""


class ToNames(_Translator):
    """Numbers become names."""

    def row(self, kind: str, value: Any, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return value
        name = self._name(kind, value)
        if name is None:
            self.faults.append(Fault(path, f"The {NAMEABLES[kind].label} {value} is not there any more."))
        return name

    def compared(self, kind: str, value: Any, path: str) -> Any:
        """An event of the product's own may have a property “segment” that has nothing to do with ours."""
        is_number = isinstance(value, int) and not isinstance(value, bool)
        name = self._name(kind, value) if is_number else None
        return value if name is None else {kind: name}

    def _name(self, kind: str, number: int) -> str | None:
        if kind not in self.known:
            self.known[kind] = {pk: name for pk, name, _ in NAMEABLES[kind].rows()}
        return self.known[kind].get(number)


class ToNumbers(_Translator):
    """Names become numbers."""

    def row(self, kind: str, value: Any, path: str) -> Any:
        if value is None or value == "":
            return value
        label = NAMEABLES[kind].label
        if not isinstance(value, str):
            self.faults.append(Fault(path, f"Name the {label}; numbers are others on every site."))
            return None
        found = self._numbers(kind, value)
        if len(found) != 1:
            why = f"There is no {label} “{value[:120]}”; make it first, or name another one."
            several = f"Several {label}s are called “{value[:120]}”; write the uid of the one that is meant."
            self.faults.append(Fault(path, several if found else why))
            return None
        return next(iter(found))

    def compared(self, kind: str, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return self.row(kind, value.get(kind), path) if value.keys() == {kind} else value
        return value

    def _numbers(self, kind: str, name: str) -> set[int]:
        """A name of its own comes before another one that is understood."""
        if kind not in self.known:
            rows = list(NAMEABLES[kind].rows())
            self.known[kind] = known = {}
            for pk, own, _ in rows:
                known[own] = {pk}
            owned = set(known)
            for pk, _, other in rows:
                if other and other not in owned:
                    known.setdefault(other, set()).add(pk)
        return self.known[kind].get(name, set())
