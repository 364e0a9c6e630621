"""Rows that many parts of one page ask for, each by its number: read together, and once."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

T = TypeVar("T")
M = TypeVar("M", bound=Model)


@dataclass
class _Known:
    wanted: set[int]
    rows: dict[type[Model], dict[int, Any]] = field(default_factory=dict)
    answers: dict[Hashable, Any] = field(default_factory=dict)


_known: ContextVar[_Known | None] = ContextVar("known", default=None)


@contextmanager
def reading(wanted: Iterable[int]) -> Iterator[None]:
    """Within it, `row` reads all rows with these numbers with the first that is asked for."""
    token = _known.set(_Known(set(wanted)))
    try:
        yield
    finally:
        _known.reset(token)


def expect(more: Callable[[], Iterable[int]]) -> None:
    """Whoever goes through a whole definition names what will be asked for; `more` is not called outside of reading."""
    if known := _known.get():
        known.wanted.update(more())


def row(rows: QuerySet[M], pk: int) -> M | None:
    """The row with this number, or None."""
    known = _known.get()
    if known is None:
        return rows.filter(pk=pk).first()
    kept = known.rows.setdefault(rows.model, {})
    if pk not in kept:
        missing = (known.wanted | {pk}) - kept.keys()
        kept |= dict.fromkeys(missing) | rows.in_bulk(list(missing))
    return kept[pk]


def answer(question: Hashable, ask: Callable[[], T]) -> T:
    """What `ask` answers; within `reading` it is called once for the same question."""
    known = _known.get()
    if known is None:
        return ask()
    if question not in known.answers:
        known.answers[question] = ask()
    return known.answers[question]
