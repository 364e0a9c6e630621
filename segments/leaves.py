"""What a leaf of a condition is: the parts that every kind of leaf shares, and the registry of the kinds."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, QuerySet
from django.db.models.expressions import Combinable

from lib.registry import Registry
from lib.words import in_plain_words
from segments.sql import among

AT_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # checking and wording do not depend on the moment


@dataclass(frozen=True)
class Problem:
    """What is wrong with one place of a condition (`all[1].value`), and what to do, in one sentence."""

    path: str
    sentence: str


@dataclass(frozen=True)
class Subject:
    """What a condition is asked of, and how its rows lead to the contact and to the event (field lookups)."""

    key: str
    contact: str = ""
    event: dict[str, str] = field(default_factory=dict)
    alone: bool = False  # only the event itself may be asked about


OF_EVENT = {"properties": "properties", "type": "type", "occurred_at": "occurred_at"}
OF_ENTRY = {"properties": "data", "type": "event_type", "occurred_at": "event_at"}
# Keyed by the name of the model, so that a queryset names its subject.
SUBJECTS = {
    "contact": Subject("contact"),
    "event": Subject("event", "contact__", OF_EVENT),
    "enrollment": Subject("enrollment", "contact__", OF_ENTRY),
}
# The events that a leaf counts: what its `where` is asked of.
HAPPENING = Subject("happening", "contact__", OF_EVENT, alone=True)


@dataclass(frozen=True)
class Scope:
    """What a leaf may need to know beside itself. The calendar is that of `now`'s time zone."""

    subject: Subject
    now: datetime = AT_ANY_TIME
    event_type: str | None = None
    asks_database: bool = False  # may a check ask PostgreSQL, as that of a pattern does?
    only: Collection[int] | None = None  # the contacts that are asked about, so that a leaf reads theirs alone
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)  # looked up once for the whole tree

    @property
    def contact_id(self) -> F:
        """The column that names the contact, for leaves that look into other tables."""
        return F(f"{self.subject.contact}pk")

    @property
    def contact_outside(self) -> OuterRef:
        """The same, from inside a subquery."""
        return OuterRef(f"{self.subject.contact}pk")

    def narrowed(self, rows: QuerySet) -> QuerySet:
        """Rows of another table, less those of contacts that are not asked about."""
        return rows if self.only is None else rows.filter(among(F("contact_id"), self.only))

    @property
    def address_id(self) -> str:
        """The lookup of the contact's address."""
        return f"{self.subject.contact}address_id"

    @property
    def instant(self) -> datetime:
        """`now`, to count elapsed time from: Python subtracts by the wall clock where there is a zone."""
        return self.now.astimezone(UTC)

    @property
    def zone(self) -> str:
        """The time zone as PostgreSQL takes it: a name, or a POSIX offset (its sign is reversed)."""
        if key := getattr(self.now.tzinfo, "key", None):
            return key
        offset = self.now.utcoffset() or timedelta()
        hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
        return f"UTC{'-' if offset > timedelta() else '+'}{hours:02}:{minutes:02}" if offset else "UTC"


class LeafKind:
    """One kind of leaf, named by the key that only it holds: {"field": "contact.plan", …} is a "field"."""

    key: str
    reads_events = False  # such leaves are dear: a condition holds only so many

    def problems(self, leaf: dict[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
        """What is wrong with it; must take anything that JSON can hold."""
        raise NotImplementedError

    def expression(self, leaf: dict[str, Any], scope: Scope) -> Combinable:
        """The SQL of a leaf without problems: true, or else false or unknown."""
        raise NotImplementedError

    def sentence(self, leaf: dict[str, Any], scope: Scope) -> str:
        """Half a sentence, such as: their plan is “pro”."""
        raise NotImplementedError

    def paths(self, leaf: dict[str, Any]) -> list[str]:
        """What it reads, such as contact.plan."""
        raise NotImplementedError

    def typed(self, leaf: dict[str, Any], scope: Scope) -> dict[str, Any]:
        """The leaf with everything written into it that else would have to be looked up."""
        return leaf

    def reads(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        """What must be written for the leaf's answer to change, in the words of segments.reading."""
        raise NotImplementedError

    def turns(self, leaf: dict[str, Any], scope: Scope, since: datetime) -> Iterator[QuerySet]:
        """Ids of contacts whose answer may have turned between `since` and `scope.now` by the passing of time
        alone (more of them do no harm), found by what crossed the edge of a window."""
        yield from ()

    def turns_at_midnight(self, leaf: dict[str, Any], scope: Scope) -> bool:
        """Does the answer follow the calendar, so that everybody is asked again when a day begins?"""
        return False

    def seen(self, leaf: dict[str, Any], scope: Scope) -> Combinable | None:
        """The value that the answer rests on, as jsonb, for “why is she in?”; None: nothing to show."""
        return None

    def seen_in_words(self, leaf: dict[str, Any], value: Any) -> str:
        """What `seen` gave, as a person says it."""
        return "nothing" if value in (None, "", []) else in_plain_words(value)

    def vanished(self, leaf: dict[str, Any], scope: Scope) -> Iterator[str]:
        """What a saved leaf names that is not there any more, in one sentence each. (`problems` says what is wrong
        whatever the data; a vanished name matches nobody, which is no error.)"""
        yield from ()


LEAVES: Registry[LeafKind] = Registry("kind of condition")


def kind_of(node: dict) -> LeafKind | None:
    return next((kind for key, kind in LEAVES.items() if key in node), None)


def quoted(text: object) -> str:
    """In quotation marks and cut, for a sentence; what no page could be written with is replaced."""
    text = str(text).encode(errors="replace").decode()
    return f"“{text if len(text) <= 60 else text[:60] + '…'}”"


def joined_path(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def superfluous(leaf: dict[str, Any], known: set[str], path: str) -> Iterator[Problem]:
    """The keys of a leaf that its kind does not know."""
    for key in sorted(map(str, leaf.keys() - known)):
        yield Problem(joined_path(path, quoted(key)), f"{quoted(key)} says nothing in a condition; remove it.")
