"""What was written about whom, in the words by which conditions say what they read.

| token | written when |
|---|---|
| `attribute:plan` | an attribute `plan`, or one inside it, changed |
| `email`, `timezone`, `is_test`, `tags`, `company`, `consent` | that changed |
| `event:order.completed` | such an event was recorded |
| `seen` | any event was recorded, or the product told of them again |
| `segment:12` | somebody entered or left that segment |
| `score:lead` | the score in that model became another one |
| `everything` | the contact is new, or was merged: every segment looks at it |
"""

from collections.abc import Callable, Iterable

from contacts.models import Change
from events.models import Event
from lib.registry import Registry

EVERYTHING = "everything"
# Apps above register `reads(token) -> bool`: does anything of theirs read what was written?
READERS: Registry[Callable[[str], bool]] = Registry("reader of what was written")
OWN = {"email", "timezone", "is_test"}
PREFIXES: dict[str, str] = {Change.Kind.SEGMENTS: "segment", Change.Kind.SCORES: "score"}


def written(changes: Iterable[Change], events: Iterable[Event]) -> dict[str, set[int]]:
    """Token → the contacts about whom that was written."""
    found: dict[str, set[int]] = {}
    for change in changes:
        for token in _tokens(change):
            found.setdefault(token, set()).add(change.contact_id)
    for event in events:
        found.setdefault(f"event:{event.type}", set()).add(event.contact_id)
        found.setdefault("seen", set()).add(event.contact_id)
    return found


def of(batch) -> dict[str, set[int]]:
    """The same of a batch of the pipeline, with what its stages have written so far."""
    found = written(batch.changes, batch.events)
    for token, contacts in batch.written.items():
        found.setdefault(token, set()).update(contacts)
    return found


def _tokens(change: Change) -> list[str]:
    if change.kind in (Change.Kind.MERGED, Change.Kind.CREATED):
        return [EVERYTHING]
    if change.kind == Change.Kind.ATTRIBUTES:
        # An address brings its own consent.
        names = [name if name in OWN else f"attribute:{name.partition('.')[0]}" for name in change.names]
        return [*names, "seen", "consent"] if "email" in names else [*names, "seen"]
    if change.kind in PREFIXES:
        return [f"{PREFIXES[change.kind]}:{name}" for name in change.names]
    return [] if change.kind == Change.Kind.EVENT else [str(change.kind)]
