"""Columns of the contact list that the apps above add: what they need is read for the rows of a page at once."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import FilteredRelation
from django.db.models.expressions import OrderBy
from django.http import HttpRequest
from unfold.decorators import display

from contacts.models import Contact
from contacts.panels import list_columns


@dataclass(frozen=True)
class Column:
    """One column; where it has an `ordering`, the list can be sorted by it, through the `join` that this names."""

    key: str
    title: str
    join: FilteredRelation | None = None
    ordering: OrderBy | None = None


class Columns:
    """Some columns that are read together."""

    permission: ClassVar[str] = "contacts.view_contact"

    def shown(self) -> Sequence[Column]:
        """Which there are now."""
        raise NotImplementedError

    def cells(self, contact_ids: Collection[int], now: datetime) -> dict[int, dict[str, Any]]:
        """Contact → {key of a column: what stands in it}; a fixed number of queries."""
        raise NotImplementedError


def displayed(request: HttpRequest) -> list[Callable]:
    """As Django's admin takes columns; those of one key are one and the same throughout a request."""
    return [column for _, columns in _of(request) for _, column in columns]


def sortable(request: HttpRequest) -> list[Callable]:
    return [column for column in displayed(request) if getattr(column, "admin_order_field", None) is not None]


def joins(request: HttpRequest) -> dict[str, FilteredRelation]:
    """What sorting needs; it costs nothing where nobody sorts by it."""
    return {known.key: known.join for _, columns in _of(request) for known, _ in columns if known.join}


def fill(request: HttpRequest, contacts: Iterable[Contact], now: datetime) -> None:
    """Read the cells of the contacts on the page."""
    by_id = {contact.pk: contact for contact in contacts}
    for contact in by_id.values():
        contact.cells = {}  # type: ignore[attr-defined]
    for group, columns in _of(request):
        found = group.cells([*by_id], now) if columns and by_id else {}
        for pk, cells in found.items():
            by_id[pk].cells |= cells  # type: ignore[attr-defined]


def _of(request: HttpRequest) -> list[tuple[Columns, list[tuple[Column, Callable]]]]:
    """The groups that this person may see, with their columns; worked out once a request."""
    known = getattr(request, "list_columns", None)
    if known is None:
        seen = [group for group in list_columns if request.user.has_perm(group.permission)]
        known = [(group, [(column, _callable(column)) for column in group.shown()]) for group in seen]
        request.list_columns = known  # type: ignore[attr-defined]
    return known


def _callable(column: Column) -> Callable:
    def cell(contact):
        return getattr(contact, "cells", {}).get(column.key, "–")

    return display(description=column.title, ordering=column.ordering)(cell)
