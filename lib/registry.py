"""Registries: what an app offers upwards, filled in `AppConfig.ready()`."""

from collections.abc import Collection, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
Places = dict[int, list[tuple[str, str]]]
"""Where things are used, by their id: (what, in words; the address of its page)."""


class Registry(Generic[T]):
    """Objects by key, in order of registration; a second registration of a key is an error."""

    def __init__(self, noun: str):
        self.noun = noun
        self._items: dict[str, T] = {}

    def register(self, key: str, item: T) -> T:
        if key in self._items:
            raise ValueError(f"The {self.noun} “{key}” is registered twice.")
        self._items[key] = item
        return item

    def get(self, key: str) -> T | None:
        return self._items.get(key)

    def __getitem__(self, key: str) -> T:
        try:
            return self._items[key]
        except KeyError:
            raise LookupError(f"There is no {self.noun} “{key}”.") from None

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def items(self):
        return self._items.items()


def places_of(uses: Registry, ids: Collection[int]) -> Places:
    """What all the registered `places(ids) -> Places` say together."""
    found: Places = {}
    for places in uses:
        for pk, its in places(ids).items():
            found.setdefault(pk, []).extend(its)
    return found
