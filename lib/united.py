"""Many questions of the same shape, asked at once."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import QuerySet


def united(queries: Sequence[QuerySet]) -> Iterable[Any]:
    """The answers to all of them: one query, a UNION ALL; or none where nothing is asked."""
    return queries[0].union(*queries[1:], all=True) if queries else ()
