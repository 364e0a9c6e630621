"""The definitions of versions, typed; versions never change, so each is parsed once."""

from collections.abc import Iterable

from campaigns.document import Document, parse
from campaigns.models import Version

KEPT = 500
_documents: dict[int, Document] = {}


def of_version(pk: int) -> Document:
    return of_versions([pk])[pk]


def of_versions(ids: Iterable[int]) -> dict[int, Document]:
    """By the id of the version."""
    asked = set(ids)
    missing = asked - _documents.keys()
    if missing:
        if len(_documents) + len(missing) > KEPT:
            _documents.clear()
            missing = asked
        for pk, document in Version.objects.filter(pk__in=missing).values_list("pk", "document"):
            _documents[pk] = parse(document)
    return {pk: _documents[pk] for pk in asked}
